//! Settings as text with where each came from, before they mean anything.

use super::{ConfigError, Places, duration};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a setting's text means, or why it means nothing.
pub(super) type Value<T> = Result<T, String>;

/// Every setting: the flag is `--name`, the variable `FACEMUX_NAME`, the key in the file `name` or with underscores.
const SETTINGS: &[&str] = &[
    "web",
    "ssh",
    "max-faces",
    "max-faces-per-user",
    "idle-timeout",
    "evict-after",
    "history",
    "journal",
    "keep-certificates",
    "grace",
    "size-policy",
    "auth",
    "auth-header",
    "auth-from",
    "public-url",
    "allow-origin",
    "ssh-authorized-keys",
    "ssh-password",
    "ssh-kex",
    "ssh-login-time",
    "page-faces",
    "log-format",
    "sandbox",
    "user-map",
    "face-memory",
    "face-pids",
    "face-cpu",
    "cgroup",
];

/// Flags that `new` and tests use: no variable, not in the file, not in the usage.
const HIDDEN: &[&str] = &["linger", "ready-fd"];

/// Settings whose flag may be given more than once, and whose values a comma parts.
const LISTS: &[&str] = &["auth-from", "allow-origin", "ssh-authorized-keys", "user-map"];

pub(super) const USAGE: &str = "\
usage: facemux serve [FLAGS]

Runs the server in the foreground (fit to be PID 1). SIGTERM or SIGINT drains it.

  --dir DIR                   everything under DIR: socket, state, keys, log, config.toml
  --config FILE               this configuration file and no other
  --web ADDR|off              web frontend (default 127.0.0.1:7681); numeric address and port
  --ssh ADDR|off              SSH frontend (default off; usual port 7622)
  --max-faces N               living faces at most (default 64)
  --max-faces-per-user N      living faces of one user at most (default 0: no limit of its own)
  --idle-timeout DUR          end a face idle for longer (default 24h; 0 never)
  --evict-after DUR           in a full house, end the oldest face idle for longer (default 1h; 0 never)
  --history LINES             lines of history a face (default 10000, at most 1 MiB)
  --journal BYTES             bytes a viewer may lag behind and lose nothing (default 262144)
  --keep-certificates DUR     how long to remember why a face ended (default 24h)
  --grace DUR                 between SIGHUP and SIGKILL (default 1s)
  --size-policy POLICY        leader (default), smallest or fixed
  --auth token|proxy-header|none
                              who may come in by the web (default token; none on loopback only)
  --auth-header NAME          with proxy-header: the header that names the user (default X-Forwarded-User)
  --auth-from ADDR[,ADDR]     with proxy-header: the proxy's numeric address
  --public-url URL            how the outside reaches the web frontend
  --allow-origin ORIGIN       one more host or origin the web frontend answers to; may be repeated
  --ssh-authorized-keys FILE  keys that may come in by SSH (a file, or a directory with a file per user)
  --ssh-password off|token    whether a token counts as an SSH password (default off: keys alone)
  --ssh-kex compatible|post-quantum
                              SSH key exchange: post-quantum first (default), or nothing else
  --ssh-login-time DUR        how long an SSH connection has to log in (default 30s)
  --page-faces N              live connections of one page (default 10)
  --log-format text|json      how log lines look (default text)
  --user-map USER=UID[:GID]   faces of this user run as that account; may be repeated (needs root)
  --face-memory SIZE          memory of one face with all its processes: 512M, 2G (default 0: no limit)
  --face-pids N               processes and threads of one face (default 0: no limit)
  --face-cpu PERCENT          processor time of one face; 100 is one processor (default 0: no limit)
  --cgroup auto|on|off        a control group for each face (default auto: with limits, or where delegated)
  --sandbox on|off            daemon, web and ssh give up the rights they do not need (default on)

Each flag is also a variable (--max-faces: FACEMUX_MAX_FACES) and a key of config.toml (max-faces = 64).
Durations: 500ms 10s 5m 24h 7d, 0 for never. FACEMUX_LOG sets the log level: error, warn, info, debug, trace.
";

struct Text {
    origin: String,
    text: String,
}

/// Every setting that was given, the strongest origin of each.
pub(super) struct Values {
    given: BTreeMap<&'static str, Text>,
    background: bool,
    /// The configuration files that count, there or not: the first that exists is read.
    pub(super) files: Vec<PathBuf>,
    /// Where things are, by the same flags.
    pub(super) places: Places,
}

impl Values {
    /// Collects flags, variables (by `lookup`) and the file.
    pub(super) fn collect(
        arguments: lexopt::Parser,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Values, ConfigError> {
        let flags = Flags::read(arguments)?;
        let places = Places::find(flags.dir.as_deref());
        let mut given = BTreeMap::new();
        let named = flags.config.is_some();
        let files = flags.config.map_or_else(|| places.config.clone(), |path| vec![path]);
        if let Some(path) = files.iter().find(|p| named || p.exists()) {
            read_file(path, &mut given)?;
        }
        for name in SETTINGS {
            let variable = format!("FACEMUX_{}", name.to_ascii_uppercase().replace('-', "_"));
            if let Some(text) = lookup(&variable) {
                given.insert(name, Text { origin: variable, text });
            }
        }
        given.extend(flags.given);
        Ok(Values { given, background: flags.background, files, places })
    }

    /// Where a setting came from.
    pub(super) fn origin(&self, name: &'static str) -> String {
        self.given.get(name).map_or_else(|| format!("--{name}"), |t| t.origin.clone())
    }

    /// Whether a hidden switch was given.
    pub(super) fn switch(&self, name: &str) -> bool {
        name == "background" && self.background
    }

    /// Puts a setting's origin before why its value makes no sense.
    pub(super) fn check<T>(&self, name: &'static str, value: Value<T>) -> Result<T, ConfigError> {
        value.map_err(|why| ConfigError::Value { origin: self.origin(name), why })
    }

    pub(super) fn read<T>(
        &self,
        name: &'static str,
        default: &str,
        parse: impl FnOnce(&str) -> Value<T>,
    ) -> Result<T, ConfigError> {
        self.check(name, parse(self.given.get(name).map_or(default, |t| t.text.as_str())))
    }

    pub(super) fn read_optional<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Value<T>,
    ) -> Result<Option<T>, ConfigError> {
        self.given.get(name).map(|t| self.check(name, parse(&t.text))).transpose()
    }

    pub(super) fn number(
        &self,
        name: &'static str,
        default: u32,
        min: u32,
        max: u32,
    ) -> Result<u32, ConfigError> {
        self.read(name, &default.to_string(), |text| {
            let number = text.parse().ok().filter(|n| (min..=max).contains(n));
            number.ok_or_else(|| format!("{text} is no whole number from {min} to {max}"))
        })
    }

    pub(super) fn milliseconds(
        &self,
        name: &'static str,
        default: &str,
    ) -> Result<u64, ConfigError> {
        self.read(name, default, |text| {
            let duration = duration::parse(text).map_err(|e| e.to_string())?;
            u64::try_from(duration.as_millis()).map_err(|e| e.to_string())
        })
    }

    pub(super) fn list(&self, name: &'static str) -> Vec<String> {
        let text = self.given.get(name).map_or("", |t| t.text.as_str());
        text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
    }
}

struct Flags {
    dir: Option<PathBuf>,
    config: Option<PathBuf>,
    background: bool,
    given: BTreeMap<&'static str, Text>,
}

impl Flags {
    fn read(mut arguments: lexopt::Parser) -> Result<Flags, ConfigError> {
        let refuse = |e: lexopt::Error| ConfigError::Flag(e.to_string());
        let mut flags =
            Flags { dir: None, config: None, background: false, given: BTreeMap::new() };
        while let Some(argument) = arguments.next().map_err(refuse)? {
            let name = match argument {
                lexopt::Arg::Long(name) => name.to_owned(),
                lexopt::Arg::Short('h') => return Err(ConfigError::Help),
                other => return Err(ConfigError::Flag(other.unexpected().to_string())),
            };
            match name.as_str() {
                "help" => return Err(ConfigError::Help),
                "dir" => flags.dir = Some(arguments.value().map_err(refuse)?.into()),
                "config" => flags.config = Some(arguments.value().map_err(refuse)?.into()),
                "background" => flags.background = true,
                name => {
                    let known = SETTINGS.iter().chain(HIDDEN).find(|s| **s == name);
                    let Some(known) = known else {
                        return Err(ConfigError::Flag(format!("unknown flag --{name}")));
                    };
                    let text = arguments.value().map_err(refuse)?;
                    let text = text
                        .into_string()
                        .map_err(|_| ConfigError::Flag(format!("--{name} is no UTF-8")))?;
                    flags.add(known, text);
                }
            }
        }
        Ok(flags)
    }

    fn add(&mut self, name: &'static str, text: String) {
        let before = self.given.remove(name).filter(|_| LISTS.contains(&name));
        let text = before.map_or(text.clone(), |b| format!("{},{text}", b.text));
        self.given.insert(name, Text { origin: format!("--{name}"), text });
    }
}

fn read_file(path: &Path, given: &mut BTreeMap<&'static str, Text>) -> Result<(), ConfigError> {
    let refuse = |why: String| ConfigError::File { path: path.display().to_string(), why };
    let text = fs::read_to_string(path).map_err(|e: io::Error| refuse(e.to_string()))?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| refuse(e.to_string()))?;
    for (key, value) in table {
        let name = key.replace('_', "-");
        let Some(known) = SETTINGS.iter().find(|s| **s == name) else {
            return Err(refuse(format!(
                "unknown key {key:?}; `facemux serve --help` lists what there is"
            )));
        };
        let Some(text) = plain(&value) else {
            return Err(refuse(format!("{key}: write a text, a number, or a list of texts")));
        };
        given.insert(known, Text { origin: format!("{}: {key}", path.display()), text });
    }
    Ok(())
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            texts.map(|t| t.join(","))
        }
        _ => None,
    }
}
