//! Whose account a face runs as: `--user-map`. Users of one uid are not apart; those of different ones are.
//!
//! passwd(5) is read, no name service is asked, so that an empty image works.

use super::error::StartError;
use crate::config::Mapped;
use crate::sys::process;
use crate::sys::spawn::Identity;
use crate::wire::keeper::Spawn;

/// The accounts of users who have one of their own.
#[derive(Debug, Default)]
pub struct Accounts {
    map: Vec<Mapped>,
}

/// An account as far as a program sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    name: String,
    home: String,
}

impl Accounts {
    /// Takes the map over.
    ///
    /// # Errors
    /// When we may not start programs as others, or an account is our own: its faces would not be apart from us.
    pub fn new(map: Vec<Mapped>) -> Result<Accounts, StartError> {
        let own = process::user();
        if let Some(mapped) = map.iter().find(|m| m.uid == own) {
            let why = format!("{}={own} is the server's own account", mapped.user);
            return Err(StartError::UserMap { why });
        }
        if !map.is_empty() && !process::may_change_user() {
            let why = "the server may not start programs as other users; run it as root, or with the capabilities \
                       CHOWN, KILL, SETGID and SETUID"
                .to_owned();
            return Err(StartError::UserMap { why });
        }
        Ok(Accounts { map })
    }

    /// The map of the program whose place we took: it was found to be good.
    pub fn inherited(map: Vec<Mapped>) -> Accounts {
        Accounts { map }
    }

    /// The account of this face, and into its environment what goes with it. `None`: ours.
    ///
    /// # Errors
    /// A sentence, when the user has none.
    pub fn settle(&self, spawn: &mut Spawn) -> Result<Option<Identity>, String> {
        let Some(user) = spawn.user.as_deref().filter(|_| !self.map.is_empty()) else {
            return Ok(None);
        };
        let mapped = self.map.iter().find(|m| m.user == user);
        let mapped =
            mapped.ok_or_else(|| format!("user {user:?}, who has no account in --user-map"))?;
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let entry = find(&passwd, mapped.uid)
            .unwrap_or_else(|| Entry { name: user.to_owned(), home: "/".to_owned() });
        let own_home = spawn.env.iter().rfind(|(n, _)| n == "HOME").map(|(_, home)| home);
        if own_home == Some(&spawn.cwd) {
            spawn.cwd.clone_from(&entry.home);
        }
        for (name, value) in
            [("HOME", &entry.home), ("USER", &entry.name), ("LOGNAME", &entry.name)]
        {
            spawn.env.retain(|(n, _)| n != name);
            spawn.env.push((name.to_owned(), value.clone()));
        }
        Ok(Some(Identity { uid: mapped.uid, gid: mapped.gid }))
    }
}

fn find(passwd: &str, uid: u32) -> Option<Entry> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, id, _, _, home, _] = fields[..] else { return None };
        let home = if home.is_empty() { "/" } else { home };
        (id.parse() == Ok(uid)).then(|| Entry { name: name.to_owned(), home: home.to_owned() })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::units::{FaceId, Size};

    fn spawn(user: Option<&str>) -> Spawn {
        Spawn {
            id: FaceId(1),
            argv: vec!["sh".into()],
            arg0: None,
            env: vec![("HOME".into(), "/root".into()), ("USER".into(), "root".into())],
            cwd: "/root".into(),
            size: Size::DEFAULT,
            memory_bytes: 0,
            modes: Vec::new(),
            keep_orphans: false,
            user: user.map(str::to_owned),
            meta: vec![],
        }
    }

    #[test]
    fn a_face_gets_the_account_of_its_user() {
        let alice = Mapped { user: "alice".into(), uid: 4_000_001, gid: 7 };
        let accounts = Accounts { map: vec![alice] };
        let mut wanted = spawn(Some("alice"));
        let identity = accounts.settle(&mut wanted).unwrap();
        assert_eq!(identity, Some(Identity { uid: 4_000_001, gid: 7 }));
        assert_eq!(wanted.cwd, "/");
        assert!(wanted.env.contains(&("LOGNAME".into(), "alice".into())));
        assert!(!wanted.env.iter().any(|(_, value)| value == "root" || value == "/root"));
        assert!(accounts.settle(&mut spawn(Some("bob"))).unwrap_err().contains("\"bob\""));
        assert_eq!(accounts.settle(&mut spawn(None)), Ok(None));
        assert_eq!(Accounts::default().settle(&mut spawn(Some("bob"))), Ok(None));
    }

    #[test]
    fn accounts_are_found_by_their_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\na:x:7:7:::/bin/sh\n";
        assert_eq!(find(passwd, 7), Some(Entry { name: "a".into(), home: "/".into() }));
        assert_eq!(find(passwd, 8), None);
    }
}
