//! What a command that came over SSH asks for: the same verbs as on the command line.
//!
//! Pure: bytes and a login name in, a request out. `new` and `attach` are read whole, because the SSH frontend is
//! their terminal; every other verb is passed on as words to the command line's own parser. The one thing refused
//! here is what is no verb for the network.

mod words;

pub use words::split;

use crate::limits::REMOTE_COMMAND_BYTES_MAX;
use crate::units::Size;

/// Verbs that may come over the network, `new` and `attach` apart. Those that start or change the server, read or
/// write its files, or hand out secrets may not.
pub const VERBS: &[&str] = &[
    "ls",
    "list",
    "info",
    "snap",
    "send",
    "wait",
    "kill",
    "detach",
    "resize",
    "rename",
    "events",
    "run",
    "state",
    "version",
    "help",
    "-h",
    "--help",
    "-V",
    "--version",
];

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// A new face, and a look at it unless `detached`.
    New(NewAsk),
    /// A look at a face.
    Attach(AttachAsk),
    /// Any other verb, as its words.
    Verb(Vec<String>),
}

/// `new` and its options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAsk {
    /// Only print the id.
    pub detached: bool,
    /// Its name.
    pub name: Option<String>,
    /// Its size, when not the client's.
    pub size: Option<Size>,
    /// Its directory, when not the user's home.
    pub cwd: Option<String>,
    /// Further environment.
    pub env: Vec<(String, String)>,
    /// The face to hang it under.
    pub side_of: Option<String>,
    /// Its command; empty for a login shell.
    pub argv: Vec<String>,
}

/// `attach` and its options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttachAsk {
    /// Which face; none for the only or last one.
    pub face: Option<String>,
    /// Only look.
    pub read_only: bool,
    /// Send the other viewers away.
    pub detach_others: bool,
    /// Lines of history before the screen.
    pub history: u32,
    /// The keys that detach, as written.
    pub detach_keys: Option<String>,
}

/// Why a command is refused; each sentence says what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// A quote that does not close.
    #[error("the command has an open {0} quote")]
    Quote(char),
    /// Nothing after the last backslash.
    #[error("the command ends in a backslash")]
    Backslash,
    /// Words are text.
    #[error("the command is not UTF-8")]
    NotText,
    /// A NUL cannot be part of a word.
    #[error("the command has a NUL byte in it")]
    Nul,
    /// Too long to be taken.
    #[error("the command is {0} bytes long; at most {REMOTE_COMMAND_BYTES_MAX} are taken")]
    TooLong(usize),
    /// No verb of ours.
    #[error(
        "{0:?} is no command here: attach, new, ls, info, snap, send, wait, kill, detach, resize, rename, events, \
         run, state; to run a program in a face say: new -- {0}"
    )]
    NoVerb(String),
    /// A verb, but not for the network.
    #[error("{0} is not offered over SSH: run it where the server runs")]
    LocalOnly(String),
    /// Something is wrong with its words.
    #[error("{0}")]
    Usage(String),
}

/// Verbs that exist on the command line only.
const LOCAL: &[&str] = &[
    "serve",
    "ssh",
    "web",
    "daemon",
    "keeper",
    "rec",
    "play",
    "model",
    "token",
    "upgrade",
    "doctor",
    "completions",
    "mcp",
    "ssh-entry",
];

impl Remote {
    /// What `command` asks for; none, or an empty one, is the login shell's place: a new face, or the face that
    /// `login` (a user name of digits only) names.
    ///
    /// # Errors
    /// A command that is none of ours or does not read.
    pub fn parse(command: Option<&[u8]>, login: &str) -> Result<Remote, RemoteError> {
        let command = command.unwrap_or_default();
        if command.len() > REMOTE_COMMAND_BYTES_MAX {
            return Err(RemoteError::TooLong(command.len()));
        }
        let text = std::str::from_utf8(command).map_err(|_| RemoteError::NotText)?;
        if text.contains('\0') {
            return Err(RemoteError::Nul);
        }
        let mut words = split(text)?;
        if words.first().is_some_and(|w| w == "facemux") {
            words.remove(0);
        }
        let Some(verb) = words.first().cloned() else { return Ok(Remote::of_login(login)) };
        match verb.as_str() {
            "new" => read_new(words).map(Remote::New),
            "attach" | "a" => read_attach(words).map(Remote::Attach),
            v if VERBS.contains(&v) => Ok(Remote::Verb(words)),
            v if LOCAL.contains(&v) => Err(RemoteError::LocalOnly(verb)),
            _ => Err(RemoteError::NoVerb(verb)),
        }
    }

    fn of_login(login: &str) -> Remote {
        if !login.is_empty() && login.bytes().all(|b| b.is_ascii_digit()) {
            Remote::Attach(AttachAsk { face: Some(login.to_owned()), ..AttachAsk::default() })
        } else {
            Remote::New(NewAsk::default())
        }
    }
}

/// The command of a face that is a login: its first line says which face it is and how to come back, then the login
/// shell takes its place. It stands on the face's own screen, so every later viewer has it too.
pub fn login_command() -> Vec<String> {
    let script = "echo \"face $FACE_ID: ssh -t HOST attach $FACE_ID comes back, Ctrl-B d leaves\"; \
                  exec \"${SHELL:-/bin/sh}\" -l";
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

/// An option's words: `--name x`, `--name=x`; a cluster of short flags comes apart.
struct Words {
    words: std::vec::IntoIter<String>,
    value: Option<String>,
    verb: &'static str,
}

/// One word read.
enum Word {
    Flag(String),
    Plain(String),
    /// Everything after `--`.
    Rest(Vec<String>),
}

impl Words {
    fn of(words: Vec<String>, verb: &'static str) -> Words {
        let mut words = words.into_iter();
        words.next();
        Words { words, value: None, verb }
    }

    fn next(&mut self) -> Result<Option<Word>, RemoteError> {
        if let Some(value) = self.value.take() {
            return Err(self.usage(&format!("{value:?} belongs to an option that takes nothing")));
        }
        let Some(word) = self.words.next() else { return Ok(None) };
        if word == "--" {
            return Ok(Some(Word::Rest(self.words.by_ref().collect())));
        }
        if let Some((name, value)) = word.split_once('=').filter(|(n, _)| n.starts_with("--")) {
            self.value = Some(value.to_owned());
            return Ok(Some(Word::Flag(name.to_owned())));
        }
        Ok(Some(if word.len() > 1 && word.starts_with('-') {
            Word::Flag(word)
        } else {
            Word::Plain(word)
        }))
    }

    fn value(&mut self, flag: &str) -> Result<String, RemoteError> {
        let value = self.value.take().or_else(|| self.words.next());
        value.ok_or_else(|| self.usage(&format!("{flag} needs a value")))
    }

    fn usage(&self, what: &str) -> RemoteError {
        RemoteError::Usage(format!("{}: {what}", self.verb))
    }

    fn unknown(&self, word: &str) -> RemoteError {
        self.usage(&format!("{word:?} is not understood here"))
    }
}

fn read_new(words: Vec<String>) -> Result<NewAsk, RemoteError> {
    let mut words = Words::of(words, "new");
    let mut ask = NewAsk::default();
    while let Some(word) = words.next()? {
        let flag = match word {
            Word::Rest(argv) => {
                ask.argv = argv;
                break;
            }
            Word::Plain(word) => {
                return Err(words.usage(&format!("put the command after --: new -- {word} ...")));
            }
            Word::Flag(flag) => flag,
        };
        match flag.as_str() {
            "-d" => ask.detached = true,
            "--name" | "-n" => ask.name = Some(words.value(&flag)?),
            "--cwd" => ask.cwd = Some(words.value(&flag)?),
            "--side-of" => ask.side_of = Some(words.value(&flag)?),
            "--size" => {
                let size = words.value(&flag)?;
                ask.size = Some(size.parse().map_err(|e| words.usage(&format!("{e}")))?);
            }
            "--env" | "-e" => {
                let pair = words.value(&flag)?;
                let (name, value) = pair
                    .split_once('=')
                    .filter(|(name, _)| !name.is_empty())
                    .ok_or_else(|| words.usage(&format!("{pair:?}: write it as NAME=VALUE")))?;
                ask.env.push((name.to_owned(), value.to_owned()));
            }
            // Who asks is known: it came over SSH.
            "--kind" if words.value(&flag)? == "ssh" => {}
            _ => return Err(words.unknown(&flag)),
        }
    }
    Ok(ask)
}

fn read_attach(words: Vec<String>) -> Result<AttachAsk, RemoteError> {
    let mut words = Words::of(words, "attach");
    let mut ask = AttachAsk::default();
    while let Some(word) = words.next()? {
        match word {
            Word::Plain(face) if ask.face.is_none() => ask.face = Some(face),
            Word::Plain(word) => return Err(words.unknown(&word)),
            Word::Rest(rest) => match rest.as_slice() {
                [] => {}
                [face] if ask.face.is_none() => ask.face = Some(face.clone()),
                more => return Err(words.unknown(&more.join(" "))),
            },
            Word::Flag(flag) => match flag.as_str() {
                "-r" | "--read-only" => ask.read_only = true,
                "--detach-others" => ask.detach_others = true,
                "--history" => {
                    let lines = words.value(&flag)?;
                    ask.history = lines.parse().map_err(|_| {
                        words.usage(&format!("--history {lines}: a number of lines"))
                    })?;
                }
                "--detach-keys" => ask.detach_keys = Some(words.value(&flag)?),
                // The client's terminal is not ours to switch: the face is drawn where it stands.
                "--alt" => {}
                _ => return Err(words.unknown(&flag)),
            },
        }
    }
    Ok(ask)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(command: &str) -> Result<Remote, RemoteError> {
        Remote::parse(Some(command.as_bytes()), "root")
    }

    #[test]
    fn no_command_is_a_new_face_and_a_numbers_login_that_face() {
        assert_eq!(Remote::parse(None, "root"), Ok(Remote::New(NewAsk::default())));
        assert_eq!(parse("  "), Ok(Remote::New(NewAsk::default())));
        let Ok(Remote::Attach(ask)) = Remote::parse(None, "12") else { panic!() };
        assert_eq!(ask.face.as_deref(), Some("12"));
        // A command says what it wants itself.
        assert_eq!(Remote::parse(Some(b"ls"), "12"), Ok(Remote::Verb(vec!["ls".into()])));
    }

    #[test]
    fn attach_and_new_are_read_whole() {
        let Ok(Remote::Attach(ask)) = parse("attach -r --history 100 --detach-keys='C-a d' build")
        else {
            panic!()
        };
        assert!(ask.read_only && ask.history == 100);
        assert_eq!(
            (ask.face.as_deref(), ask.detach_keys.as_deref()),
            (Some("build"), Some("C-a d"))
        );
        let Ok(Remote::New(ask)) =
            parse("facemux new -d --name x --size 100x30 --env A=b=c -- sh -c 'echo \"a b\" -d'")
        else {
            panic!()
        };
        assert_eq!(ask.argv, ["sh", "-c", "echo \"a b\" -d"]);
        assert_eq!(ask.env, [("A".to_owned(), "b=c".to_owned())]);
        assert!(ask.detached && ask.size == Some(Size::clamped(30, 100)));
        for bad in [
            "attach 1 2",
            "attach --nope",
            "attach -r=1",
            "new ls",
            "new --size 0x0",
            "new --env x",
            "new --name",
            "new --kind web",
            "attach --read-only=yes 12",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_verbs_for_the_network_pass() {
        assert_eq!(
            parse("kill 3 4"),
            Ok(Remote::Verb(["kill", "3", "4"].map(str::to_owned).to_vec()))
        );
        for local in ["serve", "token new", "upgrade", "rec 1 /etc/x", "ssh-entry"] {
            assert!(matches!(parse(local), Err(RemoteError::LocalOnly(_))), "{local}");
        }
        let sentence = parse("uname -a").unwrap_err().to_string();
        assert!(sentence.contains("new -- uname"), "{sentence}");
        assert!(matches!(Remote::parse(Some(b"ls \xff"), ""), Err(RemoteError::NotText)));
        assert!(matches!(Remote::parse(Some(b"ls \0"), ""), Err(RemoteError::Nul)));
        let long = vec![b'a'; REMOTE_COMMAND_BYTES_MAX + 1];
        assert!(matches!(Remote::parse(Some(&long), ""), Err(RemoteError::TooLong(_))));
    }
}
