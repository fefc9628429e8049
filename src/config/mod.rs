//! Flags over `FACEMUX_*` environment over file over default: one valid `Config` for `facemux serve`.
//!
//! Every setting is a row of `values::SETTINGS`: its flag, its variable and its key in the file follow from one name.
//! Addresses are numeric: nothing is looked up, so an empty image works. Owns where things are (`Places`) and how
//! durations are written; touches nothing but the configuration file and the environment.

pub mod duration;
pub mod places;
mod values;

use crate::limits;
use crate::sys::log::Style;
use crate::wire::keeper::{Auth, Kex, Settings, SshSettings};
use crate::wire::request::SizePolicy;
pub use places::{PlaceError, Places};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use values::{Value, Values};

/// Everything `facemux serve` needs to know.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Where things are.
    pub places: Places,
    /// Where the web frontend listens; `None` for off.
    pub web: Option<SocketAddr>,
    /// Where the SSH frontend listens; `None` for off.
    pub ssh: Option<SocketAddr>,
    /// What the daemon is told.
    pub settings: Settings,
    /// Who may come in by the web.
    pub auth: Auth,
    /// How the outside reaches the web frontend, when that is not its address.
    pub public_url: Option<String>,
    /// Hosts and origins allowed besides our own.
    pub origins: Vec<String>,
    /// Who may come in by SSH, and how.
    pub ssh_settings: SshSettings,
    /// Live connections of one page.
    pub page_faces: u32,
    /// How log lines look.
    pub log_style: Style,
    /// What one face may use at most.
    pub limits: FaceLimits,
    /// Whether each face gets a control group.
    pub cgroup: Cgroup,
    /// Users whose faces run as accounts of their own.
    pub user_map: Vec<Mapped>,
    /// Whether daemon, web and ssh give up the rights they do not need.
    pub sandbox: bool,
    /// Started by `new`: a session of our own, `/` as directory, the log in a file.
    pub background: bool,
    /// Written to and closed when the first daemon is ready.
    pub ready_fd: Option<i32>,
    /// What it was made from, for those who make it again when a file has changed.
    pub origin: Origin,
}

/// What a configuration is made from, but for the environment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Origin {
    /// The flags, as they were given.
    pub flags: Vec<OsString>,
    /// The files that count, there or not: the first that exists is read.
    pub files: Vec<PathBuf>,
}

/// What one face may use at most; `None` for no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FaceLimits {
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
    /// Processor time in hundredths of one processor.
    pub cpu_percent: Option<u32>,
}

impl FaceLimits {
    /// Whether there is any.
    pub fn any(&self) -> bool {
        *self != FaceLimits::default()
    }
}

/// Whether each face gets a control group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Cgroup {
    /// Where limits ask for one, or a group was delegated to us.
    Auto,
    /// Wherever one can be made.
    On,
    /// Never.
    Off,
}

/// A user of ours and the account its faces run as.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mapped {
    /// The name by which frontends know it.
    pub user: String,
    /// The account.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// Why there is no configuration: a usage error, exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A flag nobody defined, or one without its value.
    #[error("{0}; `facemux serve --help` lists what there is")]
    Flag(String),
    /// A setting's value makes no sense.
    #[error("{origin}: {why}")]
    Value {
        /// The flag, the variable, or the file and key it came from.
        origin: String,
        /// What is wrong and what would be right.
        why: String,
    },
    /// The file cannot be read or is no TOML.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// `--help` was asked for: not an error; print `USAGE`.
    #[error("help was asked for")]
    Help,
}

/// What `facemux serve --help` prints.
pub const USAGE: &str = values::USAGE;

impl Config {
    /// The configuration from what is left of the command line after `serve`.
    ///
    /// # Errors
    /// `ConfigError`, each a sentence naming where the value came from.
    pub fn load(flags: &[OsString]) -> Result<Config, ConfigError> {
        Config::read(flags, |name| std::env::var(name).ok())
    }

    fn read(
        flags: &[OsString],
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, ConfigError> {
        let values = Values::collect(lexopt::Parser::from_args(flags), lookup)?;
        Config::from_values(&values, flags)
    }

    fn from_values(values: &Values, flags: &[OsString]) -> Result<Config, ConfigError> {
        let background = values.switch("background");
        let off_unless_said = if background { "off" } else { "127.0.0.1:7681" };
        let web = values.read("web", off_unless_said, address)?;
        let ssh = values.read("ssh", "off", address)?;
        let auth = auth(values)?;
        if let (Some(address), Auth::None) = (web, &auth)
            && !address.ip().is_loopback()
        {
            let why = format!(
                "none lets everybody in, so the web frontend may listen on loopback only, not on {address}: use \
                 --auth token, or --web 127.0.0.1:{}",
                address.port()
            );
            return Err(ConfigError::Value { origin: values.origin("auth"), why });
        }
        Ok(Config {
            places: values.places.clone(),
            web,
            ssh,
            settings: settings(values, background)?,
            auth,
            public_url: values.read_optional("public-url", url)?,
            origins: values.list("allow-origin"),
            ssh_settings: ssh_settings(values)?,
            page_faces: values.number("page-faces", 10, 1, 64)?,
            log_style: values.read("log-format", "text", log_style)?,
            limits: FaceLimits {
                memory_bytes: values.read("face-memory", "0", bytes)?,
                pids: Some(values.number("face-pids", 0, 0, 1 << 22)?).filter(|n| *n > 0),
                cpu_percent: Some(values.number("face-cpu", 0, 0, 100_000)?).filter(|n| *n > 0),
            },
            cgroup: values.read("cgroup", "auto", cgroup)?,
            user_map: user_map(values)?,
            sandbox: values.read("sandbox", "on", on_or_off)?,
            background,
            ready_fd: values.read_optional("ready-fd", ready_fd)?,
            origin: Origin { flags: flags.to_vec(), files: values.files.clone() },
        })
    }
}

fn settings(values: &Values, background: bool) -> Result<Settings, ConfigError> {
    let linger = if background { "60s" } else { "0" };
    Ok(Settings {
        max_faces: values.number("max-faces", limits::FACES, 1, limits::FACES_MAX)?,
        max_faces_per_user: values.number("max-faces-per-user", 0, 0, limits::FACES_MAX)?,
        idle_timeout_ms: values.milliseconds("idle-timeout", "24h")?,
        evict_after_ms: values.milliseconds("evict-after", "1h")?,
        history_lines: values.number(
            "history",
            limits::HISTORY_LINES as u32,
            0,
            limits::HISTORY_LINES_MAX,
        )?,
        journal_bytes: values.number(
            "journal",
            limits::JOURNAL_BYTES,
            limits::JOURNAL_BYTES_MIN,
            limits::JOURNAL_BYTES_MAX,
        )?,
        certificate_ms: values.milliseconds("keep-certificates", "24h")?,
        linger_ms: values.milliseconds("linger", linger)?,
        grace_ms: values.milliseconds("grace", "1s")?,
        size_policy: values.read("size-policy", "leader", size_policy)?,
    })
}

fn ssh_settings(values: &Values) -> Result<SshSettings, ConfigError> {
    Ok(SshSettings {
        authorized_keys: values.list("ssh-authorized-keys"),
        token_is_password: values.read("ssh-password", "off", |text| match text {
            "off" => Ok(false),
            "token" => Ok(true),
            _ => Err(format!("{text:?} is neither off nor token")),
        })?,
        kex: values.read("ssh-kex", "compatible", |text| match text {
            "compatible" => Ok(Kex::Compatible),
            "post-quantum" => Ok(Kex::PostQuantum),
            _ => Err(format!("{text:?} is neither compatible nor post-quantum")),
        })?,
        login_ms: values.check("ssh-login-time", login_time(values)?)?,
    })
}

fn login_time(values: &Values) -> Result<Value<u64>, ConfigError> {
    let default = format!("{}s", limits::SSH_LOGIN_SECONDS);
    let ms = values.milliseconds("ssh-login-time", &default)?;
    let sane = (1000..=600_000).contains(&ms);
    Ok(if sane { Ok(ms) } else { Err("from 1s to 10m; silence must not last".to_owned()) })
}

fn auth(values: &Values) -> Result<Auth, ConfigError> {
    let header = values.read("auth-header", "X-Forwarded-User", header_name)?;
    let from = values.list("auth-from");
    for one in &from {
        values.check(
            "auth-from",
            one.parse::<IpAddr>().map_err(|_| format!("{one:?} is no numeric address")),
        )?;
    }
    values.read("auth", "token", move |text| match text {
        "token" => Ok(Auth::Token),
        "none" => Ok(Auth::None),
        "proxy-header" if from.is_empty() => {
            Err("proxy-header needs --auth-from with the proxy's numeric address".to_owned())
        }
        "proxy-header" => Ok(Auth::ProxyHeader { header: header.clone(), from: from.clone() }),
        _ => Err(format!("{text:?} is none of token, proxy-header, none")),
    })
}

/// A numeric address with a port, a port alone (loopback), or `off`.
fn address(text: &str) -> Value<Option<SocketAddr>> {
    if text == "off" {
        return Ok(None);
    }
    if let Ok(port) = text.parse::<u16>() {
        return Ok(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
    }
    let wrong = || {
        format!(
            "{text:?} is no numeric address with a port: write 127.0.0.1:7681, [::1]:7681, or off"
        )
    };
    text.parse().map(Some).map_err(|_| wrong())
}

fn header_name(text: &str) -> Value<String> {
    let usable = !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if usable { Ok(text.to_owned()) } else { Err(format!("{text:?} is no header's name")) }
}

fn url(text: &str) -> Value<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let usable = rest.is_some_and(|r| !r.is_empty() && r.bytes().all(|b| b.is_ascii_graphic()));
    if !usable {
        return Err(format!(
            "{text:?} is no address of a web server: write https://host or http://host:port"
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn log_style(text: &str) -> Value<Style> {
    match text {
        "text" => Ok(Style::Text),
        "json" => Ok(Style::Json),
        _ => Err(format!("{text:?} is neither text nor json")),
    }
}

/// Bytes with an optional K, M, G or T; 0 for no limit.
fn bytes(text: &str) -> Value<Option<u64>> {
    let (number, shift) = match text.bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        Some(b't' | b'T') => (&text[..text.len() - 1], 40),
        _ => (text, 0),
    };
    let wrong = || format!("{text:?} is no size: write bytes, or 512M, 2G; 0 for no limit");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let bytes = number.checked_mul(1 << shift).filter(|b| *b < 1 << 60).ok_or_else(wrong)?;
    match bytes {
        0 => Ok(None),
        limits::FACE_MEMORY_BYTES_MIN.. => Ok(Some(bytes)),
        _ => {
            let least = limits::FACE_MEMORY_BYTES_MIN;
            Err(format!("{text}: no program starts in less than {least} bytes"))
        }
    }
}

fn cgroup(text: &str) -> Value<Cgroup> {
    match text {
        "auto" => Ok(Cgroup::Auto),
        "on" => Ok(Cgroup::On),
        "off" => Ok(Cgroup::Off),
        _ => Err(format!("{text:?} is none of auto, on, off")),
    }
}

/// Each user once, each account once: two users of one account would not be apart.
fn user_map(values: &Values) -> Result<Vec<Mapped>, ConfigError> {
    let mut map: Vec<Mapped> = Vec::new();
    for entry in values.list("user-map") {
        let mapped = values.check("user-map", mapped(&entry))?;
        let clash = map.iter().find(|m| m.user == mapped.user || m.uid == mapped.uid);
        if let Some(other) = clash {
            let why = format!("{entry}: {}={} is there already", other.user, other.uid);
            return values.check("user-map", Err(why));
        }
        map.push(mapped);
    }
    Ok(map)
}

fn mapped(entry: &str) -> Value<Mapped> {
    let wrong = || format!("{entry:?}: write USER=UID or USER=UID:GID, in numbers above 0");
    let (user, ids) = entry.rsplit_once('=').ok_or_else(wrong)?;
    let (uid, gid) = ids.split_once(':').unwrap_or((ids, ids));
    let number = |text: &str| text.parse().ok().filter(|n| (1..u32::MAX).contains(n));
    match (number(uid), number(gid)) {
        (Some(uid), Some(gid)) if !user.is_empty() => {
            Ok(Mapped { user: user.to_owned(), uid, gid })
        }
        _ => Err(wrong()),
    }
}

fn on_or_off(text: &str) -> Value<bool> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{text:?} is neither on nor off")),
    }
}

fn size_policy(text: &str) -> Value<SizePolicy> {
    match text {
        "leader" => Ok(SizePolicy::Leader),
        "smallest" => Ok(SizePolicy::Smallest),
        "fixed" => Ok(SizePolicy::Fixed),
        _ => Err(format!("{text:?} is none of leader, smallest, fixed")),
    }
}

fn ready_fd(text: &str) -> Value<i32> {
    let number = text.parse().ok().filter(|n: &i32| *n >= 1);
    number.ok_or_else(|| format!("{text:?} is no number of a descriptor"))
}

/// Where a client finds its server: what `--dir` said, else the environment.
pub fn places(dir: Option<PathBuf>) -> Places {
    Places::find(dir.as_deref())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn load(flags: &[&str], environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let flags: Vec<OsString> = flags.iter().map(OsString::from).collect();
        let lookup =
            |name: &str| environment.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned());
        Config::read(&flags, lookup)
    }

    #[test]
    fn the_defaults_are_those_documented() {
        let config = load(&["--dir", "/nonexistent"], &[]).unwrap();
        assert_eq!(config.web, "127.0.0.1:7681".parse().ok());
        assert_eq!(
            (config.ssh, config.settings.max_faces, config.settings.history_lines),
            (None, 64, 10_000)
        );
        assert_eq!(config.settings.idle_timeout_ms, 24 * 3600 * 1000);
        assert_eq!(
            (config.auth, config.settings.linger_ms, config.page_faces),
            (Auth::Token, 0, 10)
        );
        let background = load(&["--dir", "/nonexistent", "--background"], &[]).unwrap();
        assert_eq!((background.web, background.settings.linger_ms), (None, 60_000));
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let dir = std::env::temp_dir().join(format!("facemux-config-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let text = "max-faces = 3\nidle_timeout = \"7d\"\ngrace = \"2s\"\n\
                    allow-origin = [\"a\", \"b\"]\nweb = \"off\"\n";
        std::fs::write(dir.join("config.toml"), text).unwrap();
        let dir_flag = dir.to_str().unwrap();
        let environment = [("FACEMUX_MAX_FACES", "4"), ("FACEMUX_GRACE", "3s")];
        let config = load(&["--dir", dir_flag, "--max-faces=5"], &environment).unwrap();
        let settings = &config.settings;
        assert_eq!(
            (settings.max_faces, settings.grace_ms, settings.idle_timeout_ms),
            (5, 3000, 604_800_000)
        );
        assert_eq!((config.origins, config.web), (vec!["a".to_owned(), "b".to_owned()], None));
        std::fs::write(dir.join("config.toml"), "max-face = 3\n").unwrap();
        let refused = load(&["--dir", dir_flag], &[]).unwrap_err().to_string();
        assert!(refused.contains("config.toml") && refused.contains("max-face"), "{refused}");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_where_it_came_from() {
        for (flags, part) in [
            (vec!["--max-faces", "0"], "--max-faces: 0"),
            (vec!["--max-faces", "many"], "many"),
            (vec!["--web", "localhost:7681"], "numeric"),
            (vec!["--web", "127.0.0.1:70000"], "numeric"),
            (vec!["--idle-timeout", "10"], "--idle-timeout"),
            (vec!["--auth", "none", "--web", "0.0.0.0:7681"], "loopback"),
            (vec!["--auth", "proxy-header"], "--auth-from"),
            (vec!["--auth", "proxy-header", "--auth-from", "proxy.local"], "proxy.local"),
            (vec!["--size-policy", "biggest"], "leader"),
            (vec!["--face-memory", "64"], "less than"),
            (vec!["--face-memory", "99999999T"], "512M"),
            (vec!["--cgroup", "maybe"], "auto"),
            (vec!["--sandbox", "no"], "neither on nor off"),
            (vec!["--user-map", "alice=0"], "above 0"),
            (vec!["--user-map", "=7"], "USER=UID"),
            (vec!["--user-map", "alice=7,bob=7"], "alice=7 is there already"),
            (vec!["--ssh-password", "secret"], "neither off nor token"),
            (vec!["--ssh-kex", "none"], "post-quantum"),
            (vec!["--no-such-flag"], "no-such-flag"),
            (vec!["--max-faces"], "--max-faces"),
            (vec!["stray"], "stray"),
        ] {
            let mut all = vec!["--dir", "/nonexistent"];
            all.extend(&flags);
            let refused = load(&all, &[]).unwrap_err().to_string();
            assert!(refused.contains(part), "{flags:?}: {refused}");
        }
        let refused = load(&["--dir", "/nonexistent"], &[("FACEMUX_MAX_FACES", "x")])
            .unwrap_err()
            .to_string();
        assert!(refused.starts_with("FACEMUX_MAX_FACES:"), "{refused}");
    }
}
