//! authorized_keys, as sshd(8) describes the file, with the options that mean something here.
//!
//! Pure: text in, keys with what they allow out. An option nobody here can keep is a reason to leave the key out,
//! never to grant more than was written. `facemux-role=`, `facemux-face=` and `facemux-user=` say whose key it is;
//! without them a key is an owner's.

use super::source::{Pattern, Source};
use crate::limits::AUTHORIZED_KEYS_MAX;
use crate::units::FaceId;
use crate::wire::{Actor, Role};
use russh::keys::PublicKey;

/// What a key allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// On whose behalf its connections speak.
    pub actor: Actor,
    /// Whether it may have a terminal.
    pub terminal: bool,
    /// Runs instead of whatever the client asks.
    pub command: Option<String>,
    /// From where it may come; empty for anywhere.
    from: Vec<Pattern>,
    /// When it expires, in seconds since the Unix epoch.
    expires: Option<u64>,
}

/// One usable line.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: PublicKey,
    /// What it allows.
    pub grant: Grant,
}

/// A line that gives nobody access, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}; this key is not accepted")]
pub struct BadLine {
    /// Counted from 1.
    pub line: usize,
    /// A sentence without its full stop.
    pub reason: String,
}

impl Grant {
    /// What `actor` may, from anywhere and for good.
    pub fn of(actor: Actor) -> Grant {
        Grant { actor, terminal: true, command: None, from: vec![], expires: None }
    }

    /// Whether a key may be used from `source` at `now` (seconds since the Unix epoch).
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, source: Source, now: u64) -> Result<(), &'static str> {
        if self.expires.is_some_and(|at| at <= now) {
            return Err("the key has expired");
        }
        if self.from.is_empty() || Pattern::any_matches(&self.from, source) {
            Ok(())
        } else {
            Err("the key may not be used from this address")
        }
    }
}

/// The keys in `text`. Keys without a user of their own are `user`'s.
pub fn parse(text: &str, user: Option<&str>) -> (Vec<Entry>, Vec<BadLine>) {
    let (mut entries, mut bad) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if entries.len() == AUTHORIZED_KEYS_MAX {
            let reason = format!("more than {AUTHORIZED_KEYS_MAX} keys");
            bad.push(BadLine { line: number + 1, reason });
            break;
        }
        match parse_line(line, user) {
            Ok(entry) => entries.push(entry),
            Err(reason) => bad.push(BadLine { line: number + 1, reason }),
        }
    }
    (entries, bad)
}

fn parse_line(line: &str, user: Option<&str>) -> Result<Entry, String> {
    let actor = Actor { user: user.map(str::to_owned), ..Actor::OWNER };
    let mut grant = Grant::of(actor);
    if ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| line.starts_with(kind)) {
        return Ok(Entry { key: read_key(line)?, grant });
    }
    let (options, rest) = split_options(line)?;
    for option in options {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(unquote(value))),
            None => (option, None),
        };
        apply(&mut grant, &name.to_ascii_lowercase(), value.as_deref())?;
    }
    Ok(Entry { key: read_key(rest)?, grant })
}

fn read_key(text: &str) -> Result<PublicKey, String> {
    let mut fields = text.split_ascii_whitespace();
    let (Some(kind), Some(base64)) = (fields.next(), fields.next()) else {
        return Err("no key on it".to_owned());
    };
    if kind == "ssh-rsa" || kind == "ssh-dss" {
        return Err(format!("{kind} keys are not supported; make one with ssh-keygen -t ed25519"));
    }
    PublicKey::from_openssh(&format!("{kind} {base64}")).map_err(|e| format!("no key: {e}"))
}

/// The options, separated by commas outside quotes, and what follows them.
fn split_options(line: &str) -> Result<(Vec<&str>, &str), String> {
    let (mut options, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' if !escaped => quoted = !quoted,
            b',' if !quoted => {
                options.push(&line[start..at]);
                start = at + 1;
            }
            b' ' | b'\t' if !quoted => {
                options.push(&line[start..at]);
                return Ok((options, line[at..].trim_start()));
            }
            _ => {}
        }
        escaped = byte == b'\\' && quoted && !escaped;
    }
    Err(if quoted { "a quote does not close" } else { "no key on it" }.to_owned())
}

fn unquote(value: &str) -> String {
    match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\""),
        None => value.to_owned(),
    }
}

fn apply(grant: &mut Grant, name: &str, value: Option<&str>) -> Result<(), String> {
    let needs = || value.ok_or_else(|| format!("{name} needs a value"));
    match name {
        "facemux-role" => {
            grant.actor.role = match needs()? {
                "owner" => Role::Owner,
                "driver" => Role::Driver,
                "viewer" => Role::Viewer,
                other => return Err(format!("facemux-role={other}: owner, driver or viewer")),
            }
        }
        "facemux-face" => {
            let id = needs()?;
            let id = id.parse().map_err(|_| format!("facemux-face={id}: a face's id"))?;
            grant.actor.only = Some(FaceId(id));
        }
        "facemux-user" => match needs()? {
            "" => return Err("facemux-user needs a name".to_owned()),
            user => grant.actor.user = Some(user.to_owned()),
        },
        "from" => grant.from = Pattern::parse_list(needs()?)?,
        "expiry-time" => grant.expires = Some(parse_expiry(needs()?)?),
        "command" => grant.command = Some(needs()?.to_owned()),
        "restrict" | "no-pty" => grant.terminal = false,
        "pty" => grant.terminal = true,
        // Nothing is ever forwarded and no file of the user's is run: these ask for what holds anyway.
        "no-port-forwarding"
        | "no-agent-forwarding"
        | "no-x11-forwarding"
        | "no-user-rc"
        | "permitopen"
        | "permitlisten"
        | "no-touch-required" => {}
        "port-forwarding" | "agent-forwarding" | "x11-forwarding" | "user-rc" => {}
        other => return Err(format!("option {other} cannot be kept here")),
    }
    Ok(())
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with or without `Z`: always UTC.
fn parse_expiry(text: &str) -> Result<u64, String> {
    let wrong = || format!("expiry-time={text}: YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS");
    let digits = text.strip_suffix('Z').unwrap_or(text);
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let number =
        |from: usize, to: usize| digits.get(from..to).map_or(0, |d| d.parse().unwrap_or(0));
    let part = |from: usize| number(from, from + 2);
    let (year, month, day): (u64, u64, u64) = (number(0, 4), part(4), part(6));
    let (hour, minute, second) = (part(8), part(10), part(12));
    let right = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !right || hour > 23 || minute > 59 || second > 60 {
        return Err(wrong());
    }
    // Days from the civil calendar, years counted from March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    const DAYS_BEFORE_1970: u64 = 719_468;
    Ok(((days - DAYS_BEFORE_1970) * 24 + hour) * 3600 + minute * 60 + second)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHAqFbTk4Jv3a8T4QyYwpCq2l0jJtqfBKM8dG0dOqS9V";

    fn one(options: &str) -> Result<Grant, String> {
        let line =
            if options.is_empty() { KEY.to_owned() } else { format!("{options} {KEY} me@there") };
        let (entries, bad) = parse(&line, None);
        match (entries.into_iter().next(), bad.into_iter().next()) {
            (Some(entry), None) => Ok(entry.grant),
            (None, Some(bad)) => Err(bad.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn here() -> Source {
        Source::of("192.0.2.7".parse().unwrap())
    }

    #[test]
    fn a_key_without_options_is_an_owners() {
        let grant = one("").unwrap();
        assert_eq!(grant.actor, Actor::OWNER);
        assert!(grant.terminal && grant.check(here(), 0).is_ok());
        let (entries, bad) =
            parse(&format!("# mine\n\n{KEY} a comment with spaces\n"), Some("alice"));
        assert_eq!((entries.len(), bad.len()), (1, 0));
        assert_eq!(entries[0].grant.actor.user.as_deref(), Some("alice"));
    }

    #[test]
    fn options_say_whose_key_it_is_and_what_it_may() {
        let grant =
            one("facemux-role=viewer,facemux-face=\"12\",FACEMUX-USER=bob,restrict,pty").unwrap();
        let only = Some(FaceId(12));
        assert_eq!(grant.actor, Actor { user: Some("bob".into()), role: Role::Viewer, only });
        assert!(grant.terminal);
        assert!(!one("restrict").unwrap().terminal);
        let forced = one(r#"command="new -- sh -c \"a, b\"",no-port-forwarding"#).unwrap();
        assert_eq!(forced.command.as_deref(), Some("new -- sh -c \"a, b\""));
    }

    #[test]
    fn what_cannot_be_kept_is_not_granted() {
        for bad in [
            "cert-authority",
            "facemux-role=god",
            "facemux-face=x",
            "facemux-face",
            "verify-required",
            "from=\"10.0.0.0/99\"",
            "expiry-time=tomorrow",
            "expiry-time=20261301",
            "command=\"x",
            "environment=\"A=b\"",
        ] {
            assert!(one(bad).is_err(), "{bad}");
        }
        assert!(parse("ssh-rsa AAAA", None).1[0].reason.contains("ed25519"));
        assert!(!parse("ssh-ed25519 AAAAnonsense", None).1.is_empty());
    }

    #[test]
    fn a_key_expires_and_is_bound_to_its_addresses() {
        let grant = one("expiry-time=\"20260102\"").unwrap();
        assert_eq!(grant.expires, Some(1_767_312_000));
        assert!(grant.check(here(), 1_767_311_999).is_ok());
        assert!(grant.check(here(), 1_767_312_000).is_err());
        assert_eq!(one("expiry-time=20240229123005Z").unwrap().expires, Some(1_709_209_805));
        assert!(one("from=\"192.0.2.0/24,!192.0.2.9\"").unwrap().check(here(), 0).is_ok());
        assert!(one("from=\"10.*\"").unwrap().check(here(), 0).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_file_is_too_strange(text in "[ -~\\n\"]{0,200}") {
            let _ = parse(&text, None);
        }
    }
}
