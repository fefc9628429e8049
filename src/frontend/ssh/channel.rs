//! One channel of a connection: what the client sets up (a terminal, variables), what it asks for, and the end, with
//! its exit status (RFC 4254 6).

use super::authorized::Grant;
use super::daemon::{self, AskError};
use super::login::{self, Account};
use super::valve::Valve;
use super::{House, verb, view};
use crate::client::remote::{AttachAsk, NewAsk, Remote, RemoteError, login_command};
use crate::units::{FaceId, Size};
use crate::wire::{Kind, NewFace, Reply, Request};
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use std::net::SocketAddr;
use std::sync::Arc;

/// What OpenSSH numbers SSH_EXTENDED_DATA_STDERR.
const STDERR: u32 = 1;
/// Variables a client may set for one channel.
const VARIABLES_MAX: usize = 32;

/// What a channel belongs to.
#[derive(Debug)]
pub struct Opened {
    /// What all connections share.
    pub house: Arc<House>,
    /// What the key allows.
    pub grant: Arc<Grant>,
    /// The user name the client gave.
    pub login: String,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// What holds the connection's input.
    pub valve: Arc<Valve>,
    /// The connection.
    pub handle: Handle,
}

/// The client's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Its size.
    pub size: Size,
    /// Its width and height in pixels, 0 when unknown.
    pub pixels: (u16, u16),
}

impl Terminal {
    /// What the client says of its window, made usable.
    pub fn of(cols: u32, rows: u32, width: u32, height: u32) -> Terminal {
        let small = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        // 0 by 0 is a client that does not know.
        let size = if cols == 0 || rows == 0 {
            Size::DEFAULT
        } else {
            Size::clamped(small(rows), small(cols))
        };
        Terminal { size, pixels: (small(width), small(height)) }
    }
}

/// A channel that was asked for something: both halves, and what was set up before.
#[derive(Debug)]
pub struct Seat {
    /// What it belongs to.
    pub opened: Opened,
    /// What the client sends.
    pub read: ChannelReadHalf,
    /// Where answers go.
    pub write: Arc<ChannelWriteHalf<Msg>>,
    /// The client's terminal, when it asked for one and may have it.
    pub terminal: Option<Terminal>,
    env: Vec<(String, String)>,
}

/// What a channel is for.
enum Asked {
    /// A command, or none for a shell.
    Command(Option<Vec<u8>>),
    /// A protocol of its own, by its name.
    Subsystem(String),
}

/// How what was asked for ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit code.
    pub code: u8,
    /// The signal that ended it, when one did.
    pub signal: Option<i32>,
}

impl Exit {
    /// An end with `code`.
    pub fn code(code: u8) -> Exit {
        Exit { code, signal: None }
    }
}

/// Serves a channel from its opening to its close; `_place` is its place among those of its connection.
pub async fn run(opened: Opened, channel: Channel<Msg>, _place: Arc<()>) {
    let (read, write) = channel.split();
    let mut seat = Seat { opened, read, write: Arc::new(write), terminal: None, env: Vec::new() };
    let exit = match seat.asked_for().await {
        None => return,
        Some(Asked::Command(command)) => seat.execute(command).await,
        Some(Asked::Subsystem(name)) => {
            seat.say(&format!(
                "the subsystem {name:.32} is not offered; a face's screen is at: snap ID"
            ))
            .await;
            Some(Exit::code(5))
        }
    };
    if let Some(exit) = exit {
        seat.close(exit).await;
    }
}

impl Seat {
    /// Takes what the client sets up, until it says what the channel is for. None when it left first.
    async fn asked_for(&mut self) -> Option<Asked> {
        loop {
            match self.read.wait().await? {
                ChannelMsg::RequestPty { col_width, row_height, pix_width, pix_height, .. }
                    if self.opened.grant.terminal =>
                {
                    let terminal = Terminal::of(col_width, row_height, pix_width, pix_height);
                    self.terminal = Some(terminal);
                }
                ChannelMsg::WindowChange { col_width, row_height, pix_width, pix_height } => {
                    let terminal = Terminal::of(col_width, row_height, pix_width, pix_height);
                    self.terminal = self.terminal.map(|_| terminal);
                }
                ChannelMsg::SetEnv { variable_name, variable_value, .. }
                    if self.env.len() < VARIABLES_MAX =>
                {
                    self.env.extend(login::accept(variable_name, variable_value));
                }
                ChannelMsg::Exec { command, .. } => return Some(Asked::Command(Some(command))),
                ChannelMsg::RequestShell { .. } => return Some(Asked::Command(None)),
                ChannelMsg::RequestSubsystem { name, .. } => return Some(Asked::Subsystem(name)),
                ChannelMsg::Close => return None,
                _ => {}
            }
        }
    }

    /// Does what was asked for. None when the client left before its end.
    async fn execute(&mut self, command: Option<Vec<u8>>) -> Option<Exit> {
        let forced = self.opened.grant.command.clone();
        let command = forced.map(String::into_bytes).or(command);
        log::info!(
            "{:?} from {} asks for {}",
            self.opened.login,
            self.opened.peer.ip(),
            match &command {
                Some(command) =>
                    format!("{:?}", String::from_utf8_lossy(&command[..command.len().min(200)])),
                None => "a shell".to_owned(),
            }
        );
        match Remote::parse(command.as_deref(), &self.opened.login) {
            Ok(Remote::Attach(ask)) => self.attach(ask).await,
            Ok(Remote::New(ask)) => self.new_face(ask).await,
            Ok(Remote::Verb(_)) => verb::run(self, &command.unwrap_or_default()).await,
            Err(e) => {
                self.say(&e.to_string()).await;
                Some(Exit::code(if matches!(e, RemoteError::LocalOnly(_)) { 5 } else { 2 }))
            }
        }
    }

    async fn attach(&mut self, ask: AttachAsk) -> Option<Exit> {
        let face = match &ask.face {
            Some(face) => face.clone(),
            None => match self.last_face().await {
                Ok(Some(id)) => id.to_string(),
                Ok(None) => {
                    self.say("there is no face to attach; new starts one").await;
                    return Some(Exit::code(4));
                }
                Err(e) => return Some(self.complain(&e).await),
            },
        };
        view::run(self, view::Wish { face, fresh: false, shell: false, ask }).await
    }

    /// The face made last, of those this key may see.
    async fn last_face(&self) -> Result<Option<FaceId>, AskError> {
        match self.ask(&Request::List { all: false }).await? {
            Reply::Faces(faces) => Ok(faces.iter().map(|face| face.id).max()),
            _ => Ok(None),
        }
    }

    async fn new_face(&mut self, ask: NewAsk) -> Option<Exit> {
        let account = Account::own();
        let mut env = account.environment(&self.env);
        for (name, value) in ask.env {
            env.retain(|(known, _)| *known != name);
            env.push((name, value));
        }
        let shell = ask.argv.is_empty();
        let login = shell && !ask.detached && self.terminal.is_some();
        let face = NewFace {
            name: ask.name,
            kind: Kind::Ssh,
            side_of: ask.side_of,
            size: ask.size.or(self.terminal.map(|t| t.size)).unwrap_or(Size::DEFAULT),
            cwd: ask.cwd.unwrap_or(account.home),
            env,
            argv: if login { login_command() } else { ask.argv },
            keep_orphans: false,
        };
        let (id, end) = match self.ask(&Request::New(Box::new(face))).await {
            Ok(Reply::Created { id, end, .. }) => (id, end),
            Ok(_) => return Some(Exit::code(3)),
            Err(e) => return Some(self.complain(&e).await),
        };
        if let Some(end) = end {
            self.say(&end.reason).await;
            return Some(Exit::code(u8::try_from(end.code).unwrap_or(127)));
        }
        if ask.detached {
            self.print(format!("{id}\n").as_bytes()).await;
            return Some(Exit::code(0));
        }
        if shell && !login {
            self.say(&format!("face {id}; to come back: attach {id}")).await;
        }
        let ask = AttachAsk::default();
        view::run(self, view::Wish { face: id.to_string(), fresh: true, shell, ask }).await
    }

    /// The way to the client, for a future of its own.
    pub fn writer(&self) -> Arc<ChannelWriteHalf<Msg>> {
        Arc::clone(&self.write)
    }

    /// Asks the daemon one thing, on behalf of this channel's key.
    pub async fn ask(&self, request: &Request) -> Result<Reply, AskError> {
        daemon::ask(&self.opened.house.socket, &self.opened.grant.actor, request).await
    }

    async fn complain(&self, error: &AskError) -> Exit {
        self.say(&error.to_string()).await;
        Exit::code(error.code())
    }

    /// One sentence on stderr.
    pub async fn say(&self, sentence: &str) {
        let end = if self.terminal.is_some() { "\r\n" } else { "\n" };
        let clean: String =
            sentence.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        // A client that is gone needs no sentence.
        let _ = self
            .write
            .extended_data_bytes(STDERR, format!("facemux: {clean}{end}").into_bytes())
            .await;
    }

    /// Part of the answer, on stdout.
    pub async fn print(&self, bytes: &[u8]) {
        let bytes = if self.terminal.is_some() { verb::cooked(bytes) } else { bytes.to_vec() };
        // As above.
        let _ = self.write.data_bytes(bytes).await;
    }

    /// Tells the client how it ended and closes the channel. Each step may find the client gone.
    async fn close(self, exit: Exit) {
        let id = self.write.id();
        if let Some(name) = exit.signal.and_then(signal_name) {
            let _ = self
                .opened
                .handle
                .exit_signal_request(id, name, false, String::new(), String::new())
                .await;
        }
        // Also after a signal: OpenSSH's client knows the status only, and ours is 128 and the signal's number.
        let _ = self.write.exit_status(u32::from(exit.code)).await;
        let _ = self.write.eof().await;
        let _ = self.write.close().await;
    }
}

/// A signal's name on the wire (RFC 4254 6.10); others have none.
fn signal_name(number: i32) -> Option<Sig> {
    Some(match number {
        1 => Sig::HUP,
        2 => Sig::INT,
        3 => Sig::QUIT,
        4 => Sig::ILL,
        6 => Sig::ABRT,
        8 => Sig::FPE,
        9 => Sig::KILL,
        10 => Sig::USR1,
        11 => Sig::SEGV,
        13 => Sig::PIPE,
        14 => Sig::ALRM,
        15 => Sig::TERM,
        _ => return None,
    })
}

/// A signal's number, if it is one that may be sent to a face's program.
pub fn signal_number(signal: &Sig) -> Option<i32> {
    Some(match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ABRT => 6,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(name) if name == "USR2" => 12,
        _ => return None,
    })
}
