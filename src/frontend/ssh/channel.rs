//! One channel of a connection: what the client sets up (a terminal, variables), what it asks for, and the end (RFC
//! 4254 6).

use super::daemon::AskError;
use super::seat::{Exit, Opened, Seat, Terminal};
use super::{login, verb, view};
use crate::client::remote::{AttachAsk, NewAsk, Remote, RemoteError, login_command};
use crate::frontend::account::Account;
use crate::units::{FaceId, Size};
use crate::wire::{Kind, NewFace, Reply, Request};
use russh::server::Msg;
use russh::{Channel, ChannelMsg};
use std::sync::Arc;

/// Variables a client may set for one channel.
const VARIABLES_MAX: usize = 32;

/// What a channel is for.
enum Asked {
    /// A command, or none for a shell.
    Command(Option<Vec<u8>>),
    /// A protocol of its own, by its name.
    Subsystem(String),
}

/// Serves a channel from its opening to its close; `_place` is its place among those of its connection.
pub async fn run(opened: Opened, channel: Channel<Msg>, _place: Arc<()>) {
    let (read, write) = channel.split();
    let write = Arc::new(write);
    let (modes, env) = (Vec::new(), Vec::new());
    let mut seat = Seat { opened, read, write, terminal: None, modes, env };
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
                ChannelMsg::RequestPty {
                    col_width,
                    row_height,
                    pix_width,
                    pix_height,
                    terminal_modes,
                    ..
                } if self.opened.grant.terminal => {
                    self.modes = login::modes(&terminal_modes);
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
        let mut env = login::environment(account.environment(), &self.env);
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
            modes: self.modes.clone(),
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
}
