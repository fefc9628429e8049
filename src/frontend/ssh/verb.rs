//! A command that is no view of a face: `ls`, `snap`, `send`, `wait`, ...
//!
//! It runs as a process of its own, this same binary as `ssh-entry`, so that the network reaches exactly what a
//! forced command reaches, a slow one delays nobody, and a signal is a signal. It is told on whose behalf it speaks
//! by its arguments, which the client has no part in.

use super::daemon::READ_BYTES;
use super::seat::{Exit, STDERR, Seat, cooked, signal_number};
use crate::limits::SSH_BACKLOG_BYTES;
use crate::sys::process;
use crate::wire::{Actor, Role};
use russh::ChannelMsg;
use std::future::Future;
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

/// What a terminal sends for its interrupt and end-of-file keys.
const INTERRUPT: u8 = 3;
const END_OF_FILE: u8 = 4;
const SIGINT: i32 = 2;

type Sending = Pin<Box<dyn Future<Output = Result<(), russh::Error>> + Send>>;

/// Runs `command` for the client at `seat`. None when it left before the end.
pub async fn run(seat: &mut Seat, command: &[u8]) -> Option<Exit> {
    let child = match spawn(seat, command) {
        Ok(child) => child,
        Err(e) => {
            seat.say(&format!("the command cannot be run: {e}")).await;
            return Some(Exit::code(3));
        }
    };
    Running::of(child).until_over(seat).await
}

fn spawn(seat: &Seat, command: &[u8]) -> std::io::Result<Child> {
    let text = std::str::from_utf8(command).map_err(std::io::Error::other)?;
    let mut process = Command::new("/proc/self/exe");
    if let Some(dir) = &seat.opened.house.dir {
        process.args(["--dir", dir]);
    }
    process.arg("ssh-entry").args(actor_args(&seat.opened.grant.actor));
    process.env("SSH_ORIGINAL_COMMAND", text).kill_on_drop(true);
    process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// `actor` as `ssh-entry` is told it.
fn actor_args(actor: &Actor) -> Vec<String> {
    let role = match actor.role {
        Role::Owner => "owner",
        Role::Driver => "driver",
        Role::Viewer => "viewer",
    };
    let mut args = vec!["--as-child".to_owned(), "--role".to_owned(), role.to_owned()];
    if let Some(user) = &actor.user {
        args.push(format!("--user={user}"));
    }
    if let Some(face) = actor.only {
        args.push(format!("--face={face}"));
    }
    args
}

struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    /// What the client sent and the process has not read.
    backlog: Vec<u8>,
    ended: bool,
}

impl Running {
    fn of(mut child: Child) -> Running {
        let stdin = child.stdin.take();
        Running { child, stdin, backlog: Vec::new(), ended: false }
    }

    async fn until_over(&mut self, seat: &mut Seat) -> Option<Exit> {
        let (mut stdout, mut stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let (mut out_bytes, mut err_bytes) = (vec![0; READ_BYTES], vec![0; READ_BYTES]);
        let (mut sending, mut status): (Option<Sending>, Option<ExitStatus>) = (None, None);
        let mut hold = None;
        loop {
            if let (Some(status), None, None, None) = (status, &stdout, &stderr, &sending) {
                return Some(exit_of(status));
            }
            hold = if self.backlog.len() < SSH_BACKLOG_BYTES {
                None
            } else {
                hold.or_else(|| Some(seat.opened.valve.hold()))
            };
            self.end_input();
            tokio::select! {
                sent = async { sending.as_mut().expect("it is there").await }, if sending.is_some() => {
                    sending = None;
                    if sent.is_err() {
                        return None;
                    }
                }
                read = read_some(&mut stdout, &mut out_bytes), if stdout.is_some() && sending.is_none() => {
                    match read {
                        0 => stdout = None,
                        read => sending = Some(send(seat, None, &out_bytes[..read])),
                    }
                }
                read = read_some(&mut stderr, &mut err_bytes), if stderr.is_some() && sending.is_none() => {
                    match read {
                        0 => stderr = None,
                        read => sending = Some(send(seat, Some(STDERR), &err_bytes[..read])),
                    }
                }
                written = write_some(&mut self.stdin, &self.backlog), if !self.backlog.is_empty() => {
                    self.backlog.drain(..written);
                }
                ended = self.child.wait(), if status.is_none() => status = Some(ended.unwrap_or_default()),
                message = seat.read.wait() => {
                    if !self.handle_client(message, seat.terminal.is_some()) {
                        return None;
                    }
                }
            }
        }
    }

    /// What the client sends; false when it left.
    fn handle_client(&mut self, message: Option<ChannelMsg>, terminal: bool) -> bool {
        match message {
            None | Some(ChannelMsg::Close) => return false,
            Some(ChannelMsg::Data { data }) if terminal => {
                for byte in data.iter().copied() {
                    match byte {
                        INTERRUPT => self.signal(SIGINT),
                        END_OF_FILE => self.ended = true,
                        b'\r' => self.backlog.push(b'\n'),
                        byte => self.backlog.push(byte),
                    }
                }
            }
            Some(ChannelMsg::Data { data }) => self.backlog.extend_from_slice(&data),
            Some(ChannelMsg::Eof) => self.ended = true,
            Some(ChannelMsg::Signal { signal }) => {
                if let Some(number) = signal_number(&signal) {
                    self.signal(number);
                }
            }
            Some(_) => {}
        }
        if self.stdin.is_none() {
            self.backlog.clear();
        }
        true
    }

    fn signal(&self, number: i32) {
        if let Some(pid) = self.child.id() {
            // It may have ended just now.
            let _ = process::kill(pid, number);
        }
    }

    /// Closes the process's input once it has read all and the client has no more.
    fn end_input(&mut self) {
        if self.ended && self.backlog.is_empty() {
            self.stdin = None;
        }
    }
}

fn send(seat: &Seat, extended: Option<u32>, bytes: &[u8]) -> Sending {
    let bytes = if seat.terminal.is_some() { cooked(bytes) } else { bytes.to_vec() };
    let write = seat.writer();
    Box::pin(async move {
        match extended {
            None => write.data_bytes(bytes).await,
            Some(code) => write.extended_data_bytes(code, bytes).await,
        }
    })
}

/// Bytes read; 0 at the end, however it came.
async fn read_some<R: AsyncRead + Unpin>(from: &mut Option<R>, bytes: &mut [u8]) -> usize {
    match from {
        Some(from) => from.read(bytes).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// Bytes written; all of them when nobody reads them any more.
async fn write_some(to: &mut Option<ChildStdin>, bytes: &[u8]) -> usize {
    let Some(stdin) = to else { return bytes.len() };
    match stdin.write(bytes).await {
        Ok(written) => written,
        Err(_) => {
            *to = None;
            bytes.len()
        }
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::code(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, Some(signal)) => {
            Exit { code: u8::try_from(128 + signal).unwrap_or(u8::MAX), signal: Some(signal) }
        }
        (None, None) => Exit::code(u8::MAX),
    }
}
