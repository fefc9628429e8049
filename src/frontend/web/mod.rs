//! The web frontend: HTTP/1.1 and WebSockets in front of the daemon's socket.
//!
//! Its own process with one thread, started by the keeper with its listener as descriptor 3 and a control socket as
//! descriptor 4. It owns connections, tokens and the page's files; it never touches a PTY or a screen. It can be
//! flooded or killed without a face noticing. RFC 9112 (HTTP/1.1), RFC 6455 (WebSocket), RFC 6265 (cookies).

pub mod access;
mod answer;
mod api;
mod assets;
mod clipboard;
mod connection;
mod cookie;
mod dialect;
mod door;
mod events;
mod figures;
mod handle;
mod head;
pub mod origin;
mod page;
mod plain;
mod rate;
mod reactor;
mod relay;
mod role;
mod route;
mod server;
mod socket;
mod target;
mod ticket;
mod tty;

pub use role::run;
