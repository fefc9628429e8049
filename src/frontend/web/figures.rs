//! What the server counts about itself, as Prometheus text. No figure tells one face, user or token from another.

use std::cell::Cell;
use std::fmt::Write;

/// The counters.
#[derive(Default)]
pub struct Figures {
    /// HTTP connections taken.
    pub connections: Cell<u64>,
    /// HTTP connections open.
    pub open: Cell<u64>,
    /// Connections turned away because too many were open.
    pub turned_away: Cell<u64>,
    /// Requests answered.
    pub requests: Cell<u64>,
    /// Requests refused for their credential or origin.
    pub denied: Cell<u64>,
    /// WebSockets opened.
    pub sockets: Cell<u64>,
    /// WebSockets open.
    pub sockets_open: Cell<u64>,
    /// Bytes of output sent to WebSockets.
    pub output_bytes: Cell<u64>,
    /// Bytes of input taken from WebSockets.
    pub input_bytes: Cell<u64>,
    /// Times a WebSocket went on with a new daemon.
    pub resumed: Cell<u64>,
}

/// Adds to a counter.
pub fn add(counter: &Cell<u64>, n: u64) {
    counter.set(counter.get().wrapping_add(n));
}

/// Takes one from a gauge.
pub fn less(gauge: &Cell<u64>) {
    gauge.set(gauge.get().saturating_sub(1));
}

impl Figures {
    /// All of them, with how many faces live, when the daemon said.
    pub fn text(&self, faces: Option<usize>) -> String {
        let rows = [
            ("connections_total", "counter", self.connections.get()),
            ("connections_open", "gauge", self.open.get()),
            ("connections_turned_away_total", "counter", self.turned_away.get()),
            ("requests_total", "counter", self.requests.get()),
            ("denied_total", "counter", self.denied.get()),
            ("websockets_total", "counter", self.sockets.get()),
            ("websockets_open", "gauge", self.sockets_open.get()),
            ("websocket_output_bytes_total", "counter", self.output_bytes.get()),
            ("websocket_input_bytes_total", "counter", self.input_bytes.get()),
            ("websocket_resumes_total", "counter", self.resumed.get()),
        ];
        let mut text = String::new();
        let mut row = |prefix: &str, name: &str, kind: &str, n: u64| {
            let _ = writeln!(text, "# TYPE {prefix}{name} {kind}\n{prefix}{name} {n}");
        };
        for (name, kind, n) in rows {
            row("facemux_web_", name, kind, n);
        }
        row("facemux_", "up", "gauge", u64::from(faces.is_some()));
        if let Some(faces) = faces {
            row("facemux_", "faces", "gauge", faces as u64);
        }
        text
    }
}
