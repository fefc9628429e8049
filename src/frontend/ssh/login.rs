//! What a login gives a new face: the environment and directory of a login shell.

use std::fs;
use std::sync::OnceLock;

/// Where programs are when nobody says so.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Bytes of a client's variable: longer ones are left out.
const VALUE_BYTES_MAX: usize = 256;

/// Whether a client may set this variable in a new face: language and looks only.
pub fn may_set(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    plain && (matches!(name, "LANG" | "COLORTERM" | "TERM_PROGRAM") || name.starts_with("LC_"))
}

/// A client's variable, if it may be set so.
pub fn accept(name: String, value: String) -> Option<(String, String)> {
    let fine = value.len() <= VALUE_BYTES_MAX && !value.chars().any(char::is_control);
    (may_set(&name) && fine).then_some((name, value))
}

/// The account this process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    name: String,
    /// Its home directory.
    pub home: String,
    shell: String,
}

impl Account {
    /// Our own, from /etc/passwd; no name service is asked (passwd(5)).
    /// Looked up once: later the file may be out of this process's reach.
    pub fn own() -> Account {
        static OWN: OnceLock<Account> = OnceLock::new();
        OWN.get_or_init(Account::look_up).clone()
    }

    fn look_up() -> Account {
        let uid = crate::sys::process::user();
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Account::find(&passwd, uid).unwrap_or_else(|| Account {
            name: uid.to_string(),
            home: "/".to_owned(),
            shell: "/bin/sh".to_owned(),
        })
    }

    fn find(passwd: &str, uid: u32) -> Option<Account> {
        passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, id, _, _, home, shell] = fields[..] else { return None };
            let or = |text: &str, default: &str| {
                if text.is_empty() { default.to_owned() } else { text.to_owned() }
            };
            (id.parse() == Ok(uid)).then(|| Account {
                name: name.to_owned(),
                home: or(home, "/"),
                shell: or(shell, "/bin/sh"),
            })
        })
    }

    /// The environment of a login, `from_client` included; `TZ` and the locale are the server's when the client
    /// says nothing.
    pub fn environment(&self, from_client: &[(String, String)]) -> Vec<(String, String)> {
        let mut env: Vec<(String, String)> = [
            ("HOME", self.home.as_str()),
            ("USER", &self.name),
            ("LOGNAME", &self.name),
            ("SHELL", &self.shell),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        env.push(("PATH".to_owned(), std::env::var("PATH").unwrap_or_else(|_| PATH.to_owned())));
        for (name, value) in
            std::env::vars().filter(|(n, _)| n == "TZ" || n == "LANG" || n.starts_with("LC_"))
        {
            env.push((name, value));
        }
        for (name, value) in from_client {
            env.retain(|(known, _)| known != name);
            env.push((name.clone(), value.clone()));
        }
        env
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn clients_set_language_and_looks_only() {
        for name in ["LANG", "LC_ALL", "LC_CTYPE", "COLORTERM", "TERM_PROGRAM"] {
            assert!(may_set(name), "{name}");
        }
        for name in ["PATH", "LD_PRELOAD", "LANGUAGE", "LC_x", "lc_all", "FACE_ID", "", "LC_A=B"] {
            assert!(!may_set(name), "{name}");
        }
        assert!(accept("LANG".into(), "a\nb".into()).is_none());
        assert!(accept("LANG".into(), "x".repeat(300)).is_none());
    }

    #[test]
    fn the_account_is_in_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\nme:x:1000:1000::/home/me:\n";
        assert_eq!(Account::find(passwd, 0).unwrap().shell, "/bin/bash");
        let me = Account::find(passwd, 1000).unwrap();
        assert_eq!((me.home.as_str(), me.shell.as_str()), ("/home/me", "/bin/sh"));
        assert_eq!(Account::find(passwd, 7), None);
        let env = me.environment(&[("LANG".into(), "de_DE.UTF-8".into())]);
        assert_eq!(env.iter().filter(|(n, _)| n == "LANG").count(), 1);
        assert!(env.contains(&("LANG".into(), "de_DE.UTF-8".into())));
    }
}
