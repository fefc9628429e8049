//! The plain pages: login, moving on, missing, gone, and a list when the page itself was not built in. Pure.
//!
//! No script, and a style sheet of their own (`plain.css`). What a program or a user chose is escaped. A page that
//! moves on does so from this site, so that the browser sends the Strict cookie it withheld from the link of another
//! site.

use crate::client::json;
use crate::wire::{EndReport, FaceInfo};
use std::fmt::Write;

/// A page that moves on to `to`, a path of ours, at once.
pub fn moving_on(to: &str) -> String {
    let to = escape(to);
    page(
        "Moving on",
        &format!(r#"<meta http-equiv="refresh" content="0;url={to}">"#),
        &format!(
            r#"<h1>Signed in</h1><p>This page moves on by itself.</p>
<div class="choices"><a class="button" href="{to}">Go on to the terminal</a></div>"#
        ),
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
        r#"<p class="bad" role="alert">That token is not valid: it has expired, was used or was revoked, or is
incomplete.</p>"#
    } else {
        ""
    };
    let body = format!(
        r#"<h1>Sign in</h1>{complaint}
<p>Open the link that <code>facemux serve</code> printed, or make a token with <code>facemux token new</code> and enter
it here.</p>
<form method="post" action="/login">{face}<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" spellcheck="false" required autofocus>
<button>Sign in</button></form>"#
    );
    page("Sign in", &head, &body)
}

/// A face that does not exist, or not for who asks.
pub fn missing() -> String {
    page(
        "No such face",
        "",
        r#"<h1>No such face</h1><p>There is no face of that number here. Numbers are never used twice: it may have ended
long ago.</p><div class="choices"><a class="button" href="/">Start a new face</a></div>"#,
    )
}

/// An ended face by its name, what it ran, its certificate and its last screen; empty what is not known any more.
pub fn gone(name: &str, command: &str, end: &EndReport, screen: &str) -> String {
    let mut rows = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = write!(rows, "<dt>{name}</dt><dd>{}</dd>", escape(value));
    };
    if !command.is_empty() {
        row("Ran", command);
    }
    row("Ended", &json::time(end.at_ms).replace('T', " ").replace('Z', " UTC"));
    row("Exit code", &end.code.to_string());
    if let Some(signal) = end.signal {
        row("Signal", &signal.to_string());
    }
    if let Some(by) = end.by.as_ref().filter(|by| !end.reason.contains(by.as_str())) {
        row("Asked by", by);
    }
    if !end.reaped.is_empty() {
        let names: Vec<String> =
            end.reaped.iter().map(|(pid, name)| format!("{name} ({pid})")).collect();
        row("Ended with it", &names.join(", "));
    }
    let title = format!("{name} has ended");
    let screen = if screen.is_empty() {
        String::new()
    } else {
        format!(r#"<pre tabindex="0" aria-label="Its last screen">{}</pre>"#, escape(screen))
    };
    let body = format!(
        r#"<h1>{}</h1><p>{}</p><dl>{rows}</dl>{screen}
<div class="choices"><a class="button" href="/">Start a new face</a></div>"#,
        escape(&title),
        escape(&sentence(&end.reason)),
    );
    document(&title, "", &body, if screen.is_empty() { "" } else { "wide" })
}

/// Where a new face is started by a click, not by a link of another site.
pub fn invitation(sentence: &str) -> String {
    let body = format!(
        r#"<h1>A new terminal</h1><p>{}</p>
<div class="choices"><a class="button" href="/">Start a new face</a></div>"#,
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
        r#"<h1>{}: {}</h1><p>This facemux was built without its page. The face runs; its screen is
<a href="/f/{id}.html">here</a>, also as <a href="/f/{id}.txt">text</a>. A stock ttyd client can attach to
<code>/ws?face={id}</code>, and so can <code>facemux attach {id}</code>.</p>"#,
        escape(&label(info)),
        escape(&info.command)
    );
    page(&format!("Face {id}"), "", &body)
}

/// What a face is called.
pub fn label(face: &FaceInfo) -> String {
    face.name.clone().unwrap_or_else(|| format!("Face {}", face.id))
}

/// A reason as a sentence of its own.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn page(title: &str, head: &str, body: &str) -> String {
    document(title, head, body, "")
}

fn document(title: &str, head: &str, body: &str, class: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\">\
         <link rel=\"stylesheet\" href=\"/plain.css\">{head}<title>{title} - facemux</title></head>\
         <body><main class=\"{class}\"><p class=\"brand\"><span></span>facemux</p>{body}</main></body></html>\n"
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
        let page = gone("<u>", "<i>", &end, "</pre><script>");
        for bad in ["<script", "<img", "<b>", "<i>", "<u>", "</pre><"] {
            assert!(!page.contains(bad), "{bad}");
        }
        assert!(!login(Some("/?face=\"><x>"), false, Some("\"><x>")).contains("<x>"));
    }
}
