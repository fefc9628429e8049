//! One HTTP connection: heads and bodies in, answers out, until it closes or becomes something else.
//!
//! Every wait has a deadline: a slow or silent client costs a descriptor and a few kilobytes for ten seconds.

use super::access::Ends;
use super::answer::Answer;
use super::figures;
use super::head::Head;
use super::reactor::Source;
use super::reactor::TcpStream;
use super::server::Server;
use super::{events, handle, relay};
use crate::limits::{BODY_BYTES_MAX, HEAD_MS_MAX, KEEP_ALIVE_MS};
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

/// Bytes read at once while a head is awaited.
const READ_BYTES: usize = 4 * 1024;

/// A request, whole.
pub struct Request {
    /// Its head.
    pub head: Head,
    /// Its body.
    pub body: Vec<u8>,
    /// Where it came from and arrived.
    pub ends: Ends,
}

/// What becomes of a request.
pub enum Outcome {
    /// An answer.
    Answer(Answer),
    /// A WebSocket.
    Socket(Box<relay::Wish>),
    /// A stream of events.
    Events(events::Wish),
}

/// The connection and what was read ahead of it.
struct Connection {
    source: Source<TcpStream>,
    read: Vec<u8>,
}

/// Why there is no further request.
enum Stop {
    /// The client is gone, or too slow to be told.
    Silent,
    /// It is told so.
    Tell(Answer),
}

/// Serves a connection to its end.
pub async fn serve(server: Rc<Server>, source: Source<TcpStream>, ends: Ends) {
    figures::add(&server.figures.open, 1);
    serve_requests(&server, Connection { source, read: Vec::new() }, ends).await;
    figures::less(&server.figures.open);
    server.retirement.handle_close();
}

async fn serve_requests(server: &Rc<Server>, mut connection: Connection, ends: Ends) {
    let mut first = true;
    loop {
        let request = match connection.request(server, ends, first).await {
            Ok(request) => request,
            Err(Stop::Silent) => return,
            Err(Stop::Tell(answer)) => {
                connection.send(server, &answer.encode(false, false)).await;
                connection.linger(server).await;
                return;
            }
        };
        first = false;
        figures::add(&server.figures.requests, 1);
        let answer = match handle::handle(server, &request).await {
            Outcome::Answer(answer) => answer,
            Outcome::Socket(wish) => {
                relay::serve(server.clone(), connection.source, connection.read, *wish).await;
                return;
            }
            Outcome::Events(wish) => {
                events::serve(server, connection.source, wish).await;
                return;
            }
        };
        let going = server.ending.has_begun() || server.retirement.has_begun();
        let keep_alive = request.head.keep_alive && !answer.close && !going;
        let bytes = answer.encode(request.head.method == "HEAD", keep_alive);
        if !connection.send(server, &bytes).await || !keep_alive {
            return;
        }
    }
}

impl Connection {
    /// The next request.
    async fn request(
        &mut self,
        server: &Rc<Server>,
        ends: Ends,
        first: bool,
    ) -> Result<Request, Stop> {
        let reactor = &server.reactor;
        if self.read.is_empty() {
            let patience = if first { HEAD_MS_MAX } else { KEEP_ALIVE_MS };
            let more = reactor.within(Duration::from_millis(patience), self.more()).await;
            more.ok_or(Stop::Silent)??;
        }
        let whole = async {
            let (head, len) = loop {
                match Head::parse(&self.read) {
                    Ok(Some(found)) => break found,
                    Ok(None) => self.more().await?,
                    Err(bad) => {
                        return Err(Stop::Tell(Answer::text(bad.status, bad.reason).closing()));
                    }
                }
            };
            debug_assert!(head.body_bytes <= BODY_BYTES_MAX);
            while self.read.len() < len + head.body_bytes {
                self.more().await?;
            }
            let body = self.read[len..len + head.body_bytes].to_vec();
            self.read.drain(..len + head.body_bytes);
            if self.read.is_empty() {
                self.read = Vec::new();
            }
            Ok(Request { head, body, ends })
        };
        match reactor.within(Duration::from_millis(HEAD_MS_MAX), whole).await {
            Some(request) => request,
            None => {
                Err(Stop::Tell(Answer::text(408, "the request took too long to arrive").closing()))
            }
        }
    }

    async fn more(&mut self) -> Result<(), Stop> {
        let read = &mut self.read;
        let work = |mut io: &TcpStream| {
            let mut bytes = [0; READ_BYTES];
            let n = std::io::Read::read(&mut io, &mut bytes)?;
            read.extend_from_slice(&bytes[..n]);
            Ok(n)
        };
        match self.source.io(super::reactor::Way::Read, work).await {
            Ok(0) | Err(_) => Err(Stop::Silent),
            Ok(_) => Ok(()),
        }
    }

    /// Sends an answer; false when the client did not take it.
    async fn send(&mut self, server: &Rc<Server>, bytes: &[u8]) -> bool {
        let limit = Duration::from_millis(HEAD_MS_MAX);
        let sent = server.reactor.within(limit, self.source.write_all(bytes)).await;
        matches!(sent, Some(Ok(())))
    }

    /// Takes what the client still sends for a moment: closing with unread bytes would reset the connection, and the
    /// client might never read why.
    async fn linger(&mut self, server: &Rc<Server>) {
        let _ = self.source.get().shutdown(std::net::Shutdown::Write);
        let rest = async {
            let mut left = 16;
            while left > 0 && self.more().await.is_ok() {
                self.read.clear();
                left -= 1;
            }
        };
        let _ = server.reactor.within(Duration::from_millis(500), rest).await;
    }
}

/// Tells a client that there are too many, if it can be told at once.
pub fn turn_away(mut stream: TcpStream) {
    let answer = Answer::text(503, "too many connections").header("Retry-After", "5").closing();
    let _ = stream.write(&answer.encode(false, false));
}
