//! The account this process runs as: what a login gives a face that no command line asked for.

use std::fs;
use std::sync::OnceLock;

/// Where programs are when nobody says so.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A line of passwd(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    name: String,
    /// Its home directory.
    pub home: String,
    shell: String,
}

impl Account {
    /// Our own, from /etc/passwd; no name service is asked, so an empty image works.
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

    /// The environment of a login; the path, the time zone and the language are the server's.
    pub fn environment(&self) -> Vec<(String, String)> {
        let own = [
            ("HOME", self.home.as_str()),
            ("USER", &self.name),
            ("LOGNAME", &self.name),
            ("SHELL", &self.shell),
        ];
        let mut env: Vec<(String, String)> =
            own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        env.push(("PATH".into(), std::env::var("PATH").unwrap_or_else(|_| PATH.to_owned())));
        let kept = |name: &str| name == "TZ" || name == "LANG" || name.starts_with("LC_");
        env.extend(std::env::vars_os().filter_map(|(name, value)| {
            let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
            kept(&name).then_some((name, value))
        }));
        env
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_in_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\nme:x:1000:1000::/home/me:\n";
        assert_eq!(Account::find(passwd, 0).unwrap().shell, "/bin/bash");
        let me = Account::find(passwd, 1000).unwrap();
        assert_eq!((me.home.as_str(), me.shell.as_str()), ("/home/me", "/bin/sh"));
        assert_eq!(Account::find(passwd, 7), None);
        let env = me.environment();
        assert!(env.contains(&("HOME".into(), "/home/me".into())));
        assert_eq!(env.iter().filter(|(name, _)| name == "PATH").count(), 1);
    }
}
