//! The plain pages: login, moving on, missing, gone, and a list when the page itself was not built in. Pure.
//!
//! No script. What a program or a user chose is escaped. A page that moves on does so from this site, so that the
//! browser sends the Strict cookie it withheld from the link of another site.

use crate::client::json;
use crate::wire::{EndReport, FaceInfo};
use std::fmt::Write;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;\
color:#1c1e21;background:#fff}a{color:#0b57d0}input,button{font:inherit;padding:.6rem .8rem;min-height:44px;\
box-sizing:border-box}input{width:100%;margin:.5rem 0}code,pre{font-family:ui-monospace,monospace}\
dt{font-weight:600;margin-top:.6rem}dd{margin:0}pre{overflow:auto;background:#f2f3f5;padding:1rem}\
@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#16181c}a{color:#8ab4f8}pre{background:#22252a}}";

/// A page that moves on to `to`, a path of ours, at once.
pub fn moving_on(to: &str) -> String {
    let to = escape(to);
    page(
        "Moving on",
        &format!(r#"<meta http-equiv="refresh" content="0;url={to}">"#),
        &format!(r#"<h1>Moving on</h1><p><a href="{to}">Go on to the terminal</a></p>"#),
    )
}

/// The login page; `retry` is the same place asked for once more from this site, `face` where to go then.
pub fn login(retry: Option<&str>, wrong: bool, face: Option<&str>) -> String {
    let face = face.map_or(String::new(), |face| {
        format!(r#"<input type="hidden" name="face" value="{}">"#, escape(face))
    });
    let head = retry.map_or(String::new(), |to| {
        format!(r#"<meta http-equiv="refresh" content="0;url={}">"#, escape(to))
    });
    let complaint = if wrong {
        r#"<p role="alert">That token is not valid: it has expired, was used or was revoked, or is incomplete.</p>"#
    } else {
        ""
    };
    let body = format!(
        r#"<h1>Log in</h1>{complaint}
<p>This server shows terminals to those who hold a token. Open the link that <code>facemux serve</code> printed,
or make a token with <code>facemux token new</code> and enter it here.</p>
<form method="post" action="/login">{face}<label>Token
<input name="token" type="password" autocomplete="current-password" required autofocus></label>
<button>Log in</button></form>"#
    );
    page("Log in", &head, &body)
}

/// A face that does not exist, or not for who asks.
pub fn missing() -> String {
    page(
        "No such face",
        "",
        r#"<h1>No such face</h1><p>There is no face of that number here. Numbers are never used twice.</p>
<p><a href="/">Start a new face</a></p>"#,
    )
}

/// An ended face and its certificate.
pub fn gone(face: &str, end: &EndReport) -> String {
    let mut rows = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = write!(rows, "<dt>{name}</dt><dd>{}</dd>", escape(value));
    };
    row("Why", &end.reason);
    row("When", &json::time(end.at_ms));
    row("Exit code", &end.code.to_string());
    if let Some(signal) = end.signal {
        row("Signal", &signal.to_string());
    }
    if let Some(by) = &end.by {
        row("Asked by", by);
    }
    if !end.reaped.is_empty() {
        let names: Vec<String> =
            end.reaped.iter().map(|(pid, name)| format!("{name} ({pid})")).collect();
        row("Ended with it", &names.join(", "));
    }
    let face = escape(face);
    let body = format!(
        r#"<h1>Face {face} has ended</h1><dl>{rows}</dl>
<p><a href="/f/{face}.txt">Its last screen</a> · <a href="/">Start a new face</a></p>"#
    );
    page(&format!("Face {face} has ended"), "", &body)
}

/// Where a new face is started by a click, not by a link of another site.
pub fn invitation(sentence: &str) -> String {
    let body = format!(
        r#"<h1>A new terminal</h1><p>{}</p><p><a href="/">Start a new face</a></p>"#,
        escape(sentence)
    );
    page("A new terminal", "", &body)
}

/// Anything else that goes wrong where a person looks.
pub fn trouble(title: &str, sentence: &str) -> String {
    let body = format!("<h1>{}</h1><p>{}</p>", escape(title), escape(sentence));
    page(title, "", &body)
}

/// What stands in for the page when it was not built into this program: the screen as text, and where to go.
pub fn without_bundle(info: &FaceInfo) -> String {
    let id = info.id;
    let body = format!(
        r#"<h1>Face {id}: {}</h1><p>This facemux was built without its page. The face runs; its screen is
<a href="/f/{id}.html">here</a>, also as <a href="/f/{id}.txt">text</a>. A stock ttyd client can attach to
<code>/ws?face={id}</code>, and so can <code>facemux attach {id}</code>.</p>"#,
        escape(&info.command)
    );
    page(&format!("Face {id}"), "", &body)
}

fn page(title: &str, head: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\">{head}<title>{title} - facemux</title>\
         <style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )
}

/// Text as HTML, also within a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::EndCause;

    #[test]
    fn what_others_chose_is_text() {
        let end = EndReport {
            cause: EndCause::Exited,
            reason: "<script>1</script>".into(),
            code: 0,
            signal: None,
            by: Some("\"><img>".into()),
            at_ms: 0,
            reaped: vec![(1, "<b>".into())],
        };
        let page = gone("3", &end);
        for bad in ["<script", "<img", "<b>"] {
            assert!(!page.contains(bad), "{bad}");
        }
        assert!(!login(Some("/?face=\"><x>"), false, Some("\"><x>")).contains("<x>"));
    }
}
