//! The stream of events (`text/event-stream`, WHATWG HTML 9.2): what happens to the faces a visitor may see.
//!
//! It begins with the whole list, so that who comes back has missed nothing. A client that does not keep up is
//! closed and starts over: there is no queue beyond the socket's own.

use super::access::Visitor;
use super::door::{Door, DoorError};
use super::reactor::Source;
use super::reactor::TcpStream;
use super::server::{EndingWatch, Server};
use crate::client::json as wire_json;
use crate::limits::{HEAD_MS_MAX, WS_PING_MS};
use crate::wire::{Event, Reply, Request};
use serde_json::json;
use std::fmt::Write;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// A wish for events.
pub struct Wish {
    /// Who wants them.
    pub visitor: Visitor,
    /// The head of the answer is all that is wanted.
    pub head_only: bool,
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\n\
Referrer-Policy: no-referrer\r\nX-Accel-Buffering: no\r\nConnection: close\r\n\r\n";

/// Sends events until the client or the server goes.
pub async fn serve(server: &Rc<Server>, source: Source<TcpStream>, wish: Wish) {
    let watch = EndingWatch::new(server);
    let ended = poll_fn(|cx| if watch.poll(cx.waker()) { Poll::Ready(()) } else { Poll::Pending });
    let gone = async {
        // The client has nothing to say: what it sends ends the stream, and so does its going.
        let _ = source.read(&mut [0; 16]).await;
    };
    let stream = async {
        if send(server, &source, HEAD).await && !wish.head_only {
            while stream(server, &source, &wish.visitor).await.is_ok() {}
        }
    };
    smol::future::or(stream, smol::future::or(ended, gone)).await;
}

/// One daemon's events. `Ok` when it went away and another may be asked.
async fn stream(
    server: &Rc<Server>,
    source: &Source<TcpStream>,
    visitor: &Visitor,
) -> Result<(), ()> {
    let mut door =
        Door::open(&server.reactor, &server.start.socket, &visitor.actor).await.map_err(drop)?;
    // Watched first, listed after: an event in between is told twice rather than not at all.
    match door.call(&Request::Watch).await {
        Err(DoorError::Lost(_)) => return Ok(()),
        other => drop(other.map_err(drop)?),
    }
    let list = match door.call(&Request::List { all: true }).await {
        Ok((Reply::Faces(faces), _)) => wire_json::faces(&faces),
        Err(DoorError::Lost(_)) => return Ok(()),
        _ => return Err(()),
    };
    let limits = json!({
        "page_faces": server.start.page_faces,
        "idle_timeout_seconds": server.start.idle_timeout_ms / 1000,
    });
    let mut text =
        format!("retry: 1000\nevent: limits\ndata: {limits}\n\nevent: faces\ndata: {list}\n\n");
    loop {
        if !send(server, source, &text).await {
            return Err(());
        }
        text.clear();
        if !server.still_valid(visitor.token.as_deref()) {
            return Err(());
        }
        match server.reactor.within(Duration::from_millis(WS_PING_MS), door.event()).await {
            None => text.push_str(": \n\n"),
            Some(Ok(event)) => {
                let _ =
                    write!(text, "event: {}\ndata: {}\n\n", name(&event), wire_json::event(&event));
            }
            Some(Err(DoorError::Lost(_))) => return Ok(()),
            Some(Err(_)) => return Err(()),
        }
    }
}

async fn send(server: &Rc<Server>, source: &Source<TcpStream>, text: &str) -> bool {
    let limit = Duration::from_millis(HEAD_MS_MAX);
    matches!(server.reactor.within(limit, source.write_all(text.as_bytes())).await, Some(Ok(())))
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Created(_) => "created",
        Event::Changed(_) => "changed",
        Event::Output { .. } => "output",
        Event::Bell { .. } => "bell",
        Event::Progress { .. } => "progress",
        Event::Notify { .. } => "notify",
        Event::Clipboard { .. } => "clipboard",
        Event::Ended { .. } => "ended",
    }
}
