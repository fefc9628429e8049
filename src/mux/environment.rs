//! The environment of a face's program: the caller's, less what must not go down, plus what facemux(1) promises.

use super::meta::Meta;
use crate::units::FaceId;

/// What the server adds for all faces.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `FACEMUX_DIR`, when the server was given one.
    pub dir: Option<String>,
    /// `FACE_URL` up to the id.
    pub url: Option<String>,
}

/// The whole environment of the face `id`.
pub fn environment(
    caller: &[(String, String)],
    around: &Surroundings,
    id: FaceId,
    meta: &Meta,
) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> =
        caller.iter().filter(|(name, value)| goes_down(name, value)).cloned().collect();
    let mut set = |name: &str, value: String| {
        env.retain(|(n, _)| n != name);
        env.push((name.to_string(), value));
    };
    set("FACE_ID", id.to_string());
    set("FACE_KIND", meta.kind.to_string());
    set("FACE_KEY", meta.key(id));
    if let Some(url) = &around.url {
        set("FACE_URL", format!("{url}{id}"));
    }
    if let Some(dir) = &around.dir {
        set("FACEMUX_DIR", dir.clone());
    }
    set("TERM", "xterm-256color".into());
    set("COLORTERM", "truecolor".into());
    set("TERM_PROGRAM", "facemux".into());
    set("TERM_PROGRAM_VERSION", env!("CARGO_PKG_VERSION").into());
    if !speaks_utf8(&env) {
        env.retain(|(n, _)| n != "LC_ALL" && n != "LC_CTYPE");
        env.push(("LC_CTYPE".into(), "C.UTF-8".into()));
    }
    env
}

/// Whether a variable of the caller reaches the program.
fn goes_down(name: &str, value: &str) -> bool {
    let sane = !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
    let ours = name.starts_with("FACE_") || name.starts_with("FACEMUX_");
    sane && !ours
        && !matches!(
            name,
            "LINES" | "COLUMNS" | "TERMCAP" | "WINDOWID" | "STY" | "TMUX" | "TMUX_PANE"
        )
}

/// Whether the locale's character set is UTF-8, by POSIX's order: LC_ALL, LC_CTYPE, LANG.
fn speaks_utf8(env: &[(String, String)]) -> bool {
    let value = |name| {
        env.iter().rev().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.to_lowercase())
    };
    let locale = value("LC_ALL").or_else(|| value("LC_CTYPE")).or_else(|| value("LANG"));
    locale.is_some_and(|l| l.contains("utf-8") || l.contains("utf8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Size;
    use crate::wire::Kind;

    fn of(caller: &[(&str, &str)]) -> Vec<(String, String)> {
        let caller: Vec<_> = caller.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let meta = Meta {
            kind: Kind::Web,
            name: None,
            lane: None,
            user: None,
            size: Size::DEFAULT,
            resized_at: 0,
            fixed: false,
            command: String::new(),
            created_ms: 0,
            report: None,
            ending: None,
        };
        let around = Surroundings { dir: Some("/d".into()), url: Some("http://h/?face=".into()) };
        environment(&caller, &around, FaceId(7), &meta)
    }

    fn get<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
        env.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    #[test]
    fn ours_is_set_and_a_face_around_it_does_not_shine_through() {
        let env = of(&[
            ("FACE_ID", "3"),
            ("FACEMUX_TOKEN", "secret"),
            ("LINES", "5"),
            ("PATH", "/bin"),
            ("TERM", "dumb"),
        ]);
        assert_eq!(get(&env, "FACE_ID"), Some("7"));
        assert_eq!(get(&env, "FACE_URL"), Some("http://h/?face=7"));
        assert_eq!(get(&env, "TERM"), Some("xterm-256color"));
        assert_eq!(get(&env, "PATH"), Some("/bin"));
        assert!(get(&env, "FACEMUX_TOKEN").is_none() && get(&env, "LINES").is_none());
    }

    #[test]
    fn a_locale_that_is_not_utf8_is_made_so() {
        assert_eq!(get(&of(&[("LANG", "de_DE.UTF-8")]), "LC_CTYPE"), None);
        assert_eq!(get(&of(&[("LC_ALL", "C")]), "LC_CTYPE"), Some("C.UTF-8"));
        assert_eq!(get(&of(&[("LC_ALL", "C")]), "LC_ALL"), None);
    }
}
