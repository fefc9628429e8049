//! The web frontend as the outside meets it: the real binary, HTTP and WebSockets by hand.

#![cfg(feature = "web")]
#![allow(clippy::unwrap_used)]

#[path = "web/client.rs"]
mod client;
mod common;
#[path = "web/page.rs"]
mod page;

use client::{Answer, Socket, ask, connect, get, raw, read_answer};
use common::{Server, eventually};
use page::{Page, contains};
use std::io::Write;
use std::time::{Duration, Instant};

/// A server with its web frontend on a free port.
struct Web {
    server: Server,
    port: u16,
}

impl Web {
    fn start(auth: &str) -> Web {
        Web::with(&["--auth", auth])
    }

    fn with(flags: &[&str]) -> Web {
        let server = Server::with(&[&["--web", "127.0.0.1:0"], flags].concat());
        let port = eventually("the web frontend listens", || {
            let log = server.log();
            let address = log.split("web listens at 127.0.0.1:").nth(1)?;
            address.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        Web { server, port }
    }

    fn token(&self, flags: &[&str]) -> String {
        self.server.run(&[&["token", "new"], flags].concat()).answer()
    }

    /// The cookie of a browser that opened this token's link.
    fn cookie(&self, token: &str) -> String {
        let answer = get(self.port, &format!("/?t={token}"), &[]);
        assert_eq!(answer.status, 200, "{answer:?}");
        format!("Cookie: {}", answer.cookie())
    }

    fn origin(&self) -> String {
        format!("Origin: http://127.0.0.1:{}", self.port)
    }

    fn kill(&self, role: &str) {
        let pid = self.server.role_pid(role);
        facemux::sys::process::kill(pid, 9).unwrap();
        eventually("another takes its place", || (self.server.role_pid(role) != pid).then_some(()));
    }
}

#[test]
fn without_a_credential_nothing_tells_which_faces_there_are() {
    let web = Web::start("token");
    let face = web.server.face("exec cat");
    for open in ["/healthz", "/readyz", "/metrics", "/version"] {
        assert_eq!(get(web.port, open, &[]).status, 200, "{open}");
    }
    let paths = [
        "/",
        "/?face=N",
        "/f/N.txt",
        "/f/N.json",
        "/api/v1/faces",
        "/api/v1/faces/N",
        "/api/v1/events",
        "/token",
    ];
    for path in paths {
        let there = get(web.port, &path.replace('N', &face), &[]);
        let missing = get(web.port, &path.replace('N', "9"), &[]);
        assert_eq!((there.status, missing.status), (401, 401), "{path}");
        // What was asked for is said back; nothing else differs.
        let told = |a: &Answer, id: &str| {
            let own = [format!("face={id}&amp;"), format!("name=\"face\" value=\"{id}\"")];
            own.iter().fold(format!("{}{}", a.head, a.body), |text, own| text.replace(own, "-"))
        };
        assert_eq!(told(&there, &face), told(&missing, "9"), "{path}");
    }
    for id in [face.as_str(), "99"] {
        let mut socket =
            Socket::open(web.port, &format!("/ws?face={id}"), "facemux.1", "").ok().unwrap();
        assert_eq!(socket.closed(), Some(1008));
    }
    assert_eq!(get(web.port, "/../../etc/passwd", &[]).status, 400);
    assert_eq!(get(web.port, "/%2e%2e/etc/passwd", &[]).status, 400);
    assert_eq!(ask(web.port, "TRACE", "/", &[], "").status, 405);
}

#[test]
fn a_link_becomes_a_cookie_and_a_clean_address() {
    let web = Web::start("token");
    let face = web.server.face("printf 'on the screen'; exec cat");
    web.server.shows(&face, "on the screen");
    let token = web.token(&["--role", "owner"]);
    let answer = get(web.port, &format!("/?face={face}&t={token}"), &[]);
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains(&format!("url=/?face={face}\"")), "{}", answer.body);
    assert!(!format!("{}{}", answer.head, answer.body).contains(&token[..12]));
    let set = answer.header("set-cookie").unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let cookie = format!("Cookie: {}", answer.cookie());
    let cookie = cookie.as_str();
    assert_eq!(get(web.port, &format!("/?face={face}"), &[cookie]).status, 200);
    assert_eq!(get(web.port, "/?face=99", &[cookie]).status, 404);
    let new = get(web.port, "/", &[cookie, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]);
    assert_eq!((new.status, new.header("location")), (302, Some("/?face=2")));
    assert_eq!(
        get(web.port, "/", &[cookie, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"]).status,
        200
    );
    let snap = get(web.port, &format!("/f/{face}.txt"), &[cookie]);
    assert!(snap.body.contains("on the screen"));
    let etag = format!("If-None-Match: {}", snap.header("etag").unwrap());
    assert_eq!(get(web.port, &format!("/f/{face}.txt"), &[cookie, &etag]).status, 304);
    for format in ["ansi", "json", "html", "svg"] {
        let snap = get(web.port, &format!("/f/{face}.{format}"), &[cookie]);
        assert!(snap.status == 200 && snap.body.contains("on the"), "{format}: {snap:?}");
        assert!(snap.header("content-security-policy").unwrap().contains("sandbox"));
    }
    web.server.run(&["kill", &face]).answer();
    let gone = get(web.port, &format!("/?face={face}"), &[cookie]);
    assert!(gone.status == 410 && gone.body.contains("has ended"), "{gone:?}");
    // The same link of another site: no cookie came along, so the page asks once more from here.
    let elsewhere = get(web.port, &format!("/?face={face}"), &["Sec-Fetch-Site: cross-site"]);
    assert!(elsewhere.status == 401 && elsewhere.body.contains("http-equiv=\"refresh\""));
    let again = get(web.port, &format!("/?face={face}&again=1"), &["Sec-Fetch-Site: same-origin"]);
    assert!(again.status == 401 && !again.body.contains("http-equiv=\"refresh\""));
    let back = get(web.port, "/?face=2&again=1", &[cookie]);
    assert_eq!((back.status, back.header("location")), (302, Some("/?face=2")));
}

#[test]
fn the_link_that_serve_prints_opens_once_and_is_written_nowhere() {
    let dir = common::Dir::new();
    let (out, log) = (dir.path().join("out"), dir.path().join("log"));
    let mut serve = dir
        .command(&["serve", "--web", "127.0.0.1:0"])
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let url = eventually("the link", || {
        let text = std::fs::read_to_string(&out).unwrap();
        text.lines().find_map(|l| l.strip_prefix("open http://127.0.0.1:").map(str::to_owned))
    });
    let (port, secret) = url.split_once("/?t=").unwrap();
    let port: u16 = port.parse().unwrap();
    let first = get(port, &format!("/?t={secret}"), &["Sec-Purpose: prefetch"]);
    assert_eq!(first.status, 401, "looking ahead does not spend it");
    let cookie = get(port, &format!("/?t={secret}"), &[]).cookie();
    assert_eq!(get(port, &format!("/?t={secret}"), &[]).status, 401, "it opens once");
    let cookie = format!("Cookie: {cookie}");
    assert_eq!(get(port, "/api/v1/faces", &[&cookie]).status, 200);
    // Canary: neither the link's secret nor the cookie's in any file, argument, environment, figure or face.
    let face = ask(
        port,
        "POST",
        "/api/v1/faces",
        &[&cookie, "X-Facemux: 1", &format!("Origin: http://127.0.0.1:{port}")],
        r#"{"command":"env; exec cat"}"#,
    );
    assert_eq!(face.status, 201, "{face:?}");
    let value = cookie.split_once('=').unwrap().1;
    let screen = eventually("the environment is printed", || {
        let screen = get(port, "/f/1.txt?history=1000", &[&cookie]).body;
        screen.contains("FACE_ID=1").then_some(screen)
    });
    let metrics = get(port, "/metrics", &[]).body;
    let mut artefacts = vec![screen, metrics, std::fs::read_to_string(&log).unwrap()];
    let state: Vec<_> = walk(dir.path()).into_iter().filter(|p| *p != out).collect();
    assert!(state.iter().any(|p| p.ends_with("tokens.json")), "{state:?}");
    artefacts.extend(
        state.iter().map(|p| String::from_utf8_lossy(&std::fs::read(p).unwrap()).into_owned()),
    );
    for process in std::iter::once(serve.id()).chain(common::children(serve.id())) {
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
            artefacts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    for canary in [secret, value] {
        assert!(canary.len() >= 32);
        assert!(artefacts.iter().all(|text| !text.contains(canary)));
    }
    facemux::sys::process::kill(serve.id(), 15).unwrap();
    serve.wait().unwrap();
}

/// Every plain file below a directory.
fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap());
    entries
        .flat_map(|e| {
            let kind = e.file_type().unwrap();
            if kind.is_dir() {
                walk(&e.path())
            } else if kind.is_file() {
                vec![e.path()]
            } else {
                vec![]
            }
        })
        .collect()
}

#[test]
fn what_a_token_does_not_open_looks_like_what_does_not_exist() {
    let web = Web::start("token");
    let (mine, other) = (web.server.face("exec cat"), web.server.face("exec cat"));
    let token = web.token(&["--role", "viewer", "--face", &mine, "--ttl", "1h"]);
    let bearer = format!("Authorization: Bearer {token}");
    let bearer = bearer.as_str();
    assert_eq!(get(web.port, &format!("/api/v1/faces/{mine}"), &[bearer]).status, 200);
    let list = get(web.port, "/api/v1/faces", &[bearer]).body;
    assert!(list.contains("\"live:1\"") && !list.contains("\"live:2\""), "{list}");
    for path in ["/?face=N", "/f/N.txt", "/api/v1/faces/N"] {
        let there = get(web.port, &path.replace('N', &other), &[bearer]);
        let missing = get(web.port, &path.replace('N', "99"), &[bearer]);
        assert_eq!(there.status, 404, "{path}");
        assert_eq!((there.head, there.body), (missing.head, missing.body), "{path}");
    }
    let wish = r#"{"type":"attach","token":"1","cols":80,"rows":24,"drive":true}"#;
    let lines = format!("{bearer}\r\n");
    for face in [other.as_str(), "99"] {
        let mut socket =
            Socket::open(web.port, &format!("/ws?face={face}"), "facemux.1", &lines).ok().unwrap();
        socket.send(format!("\x03{wish}").as_bytes());
        assert_eq!(socket.closed(), Some(4404));
    }
    // A viewer looks and does not type, rename, end or make.
    let mut page = Page::open(web.port, &mine, "a1", &lines);
    page.write(b"x");
    let code = loop {
        if let Err(code) = page.try_step() {
            break code;
        }
    };
    assert_eq!(code, Some(4409));
    let changes = [
        ("DELETE", format!("/api/v1/faces/{mine}"), ""),
        ("POST", "/api/v1/faces".into(), "{}"),
        ("POST", "/api/v1/tokens".into(), r#"{"role":"viewer"}"#),
    ];
    for (method, path, body) in changes {
        assert_eq!(ask(web.port, method, &path, &[bearer], body).status, 403, "{method} {path}");
    }
    let id = web.server.run(&["token", "ls"]).answer();
    let id =
        id.lines().find(|l| l.contains("viewer")).unwrap().split(' ').next().unwrap().to_owned();
    web.server.run(&["token", "revoke", &id]).answer();
    assert_eq!(get(web.port, "/api/v1/faces", &[bearer]).status, 401, "revoked at once");
}

#[test]
fn users_whom_a_proxy_names_have_faces_of_their_own() {
    let from = ["--auth-header", "X-User", "--auth-from", "127.0.0.1"];
    let web = Web::with(&[&["--auth", "proxy-header"], &from[..]].concat());
    let own = web.origin();
    let made = ask(web.port, "POST", "/api/v1/faces", &["X-User: ann", "X-Facemux: 1", &own], "");
    assert!(made.status == 201 && made.body.contains(r#""user":"ann""#), "{made:?}");
    let asked = |user: &str, path: &str| get(web.port, path, &[&format!("X-User: {user}")]);
    assert_eq!(asked("ann", "/api/v1/faces/1").status, 200);
    assert_eq!(asked("ann", "/?face=1").status, 200);
    assert_eq!(asked("bob", "/api/v1/faces").body, "[]");
    let (there, missing) = (asked("bob", "/?face=1"), asked("bob", "/?face=9"));
    assert_eq!((there.status, there.head, there.body), (404, missing.head, missing.body));
    assert_eq!(get(web.port, "/api/v1/faces", &[]).status, 401);
    let end =
        ask(web.port, "DELETE", "/api/v1/faces/1", &["X-User: bob", "X-Facemux: 1", &own], "");
    assert_eq!(end.status, 404);
    let afar = Web::with(&[
        "--auth",
        "proxy-header",
        "--auth-header",
        "X-User",
        "--auth-from",
        "192.0.2.1",
    ]);
    assert_eq!(get(afar.port, "/api/v1/faces", &["X-User: ann"]).status, 401);
}

#[test]
fn a_page_hears_of_the_clipboard_and_of_the_servers_end() {
    let web = Web::start("none");
    let face = web.server.face("while read line; do printf '\\033]52;c;aGVsbG8=\\007'; done");
    let mut page = Page::open(web.port, &face, "1", "");
    let mut heard = None;
    // The watch may begin a moment after the page: a program that writes but once is not lost on it for long.
    page.socket.stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    eventually("the clipboard's text", || {
        page.write(b"\n");
        while let Ok(said) = page.try_step() {
            heard = said.filter(|said| said["type"] == "clipboard").or(heard.take());
        }
        heard.clone()
    });
    assert_eq!(heard.unwrap()["base64"], "aGVsbG8=");
    page.socket.stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    facemux::sys::process::kill(web.server.keeper_pid(), 15).unwrap();
    let mut draining = false;
    let code = loop {
        match page.try_step() {
            Ok(said) => draining |= said.is_some_and(|said| said["type"] == "draining"),
            Err(code) => break code,
        }
    };
    assert!(matches!(code, Some(1000 | 1001)), "{code:?}");
    assert!(draining || code == Some(1000));
}

#[test]
fn guessing_is_slowed_and_shuts_nobody_else_out() {
    let web = Web::start("token");
    let token = web.token(&["--role", "owner"]);
    let bad = format!("Authorization: Bearer {}", "0".repeat(token.len()));
    let statuses: Vec<u16> =
        (0..12).map(|_| get(web.port, "/api/v1/faces", &[&bad]).status).collect();
    assert_eq!(statuses[0], 401);
    assert_eq!(statuses[11], 429, "{statuses:?}");
    let answer = get(web.port, "/?t=nonsense", &[]);
    assert!(answer.status == 429 && answer.header("retry-after").is_some(), "{answer:?}");
    let good = format!("Authorization: Bearer {token}");
    assert_eq!(get(web.port, "/api/v1/faces", &[&good]).status, 200);
}

#[test]
fn only_a_page_of_this_server_opens_a_websocket_or_changes_anything() {
    let web = Web::start("token");
    let face = web.server.face("exec cat");
    let cookie = web.cookie(&web.token(&["--role", "owner"]));
    let port = web.port;
    let own = format!("127.0.0.1:{port}");
    let cases = [
        (own.clone(), Some(format!("http://{own}")), true),
        (format!("localhost:{port}"), Some(format!("http://localhost:{port}")), true),
        (own.clone(), None, false),
        (own.clone(), Some("null".into()), false),
        (own.clone(), Some(format!("http://127.0.0.1:{}", port ^ 1)), false),
        (own.clone(), Some("http://127.0.0.1".into()), false),
        (own.clone(), Some(format!("https://{own}")), false),
        (own.clone(), Some(format!("http://localhost:{port}")), false),
        (own.clone(), Some(format!("http://[::1]:{port}")), false),
        (own.clone(), Some(format!("http://127.0.0.1.:{port}")), false),
        (own.clone(), Some(format!("http://user@{own}")), false),
        (own.clone(), Some(format!("HTTP://{own}")), false),
        (own.clone(), Some("http://evil.example".into()), false),
        ("evil.example".into(), Some("http://evil.example".into()), false),
        (format!("evil.example:{port}"), Some(format!("http://evil.example:{port}")), false),
        (format!("localhost.:{port}"), Some(format!("http://localhost.:{port}")), false),
    ];
    for (host, origin, good) in cases {
        let mut lines = format!("Host: {host}\r\n{cookie}\r\nX-Forwarded-Host: {own}\r\n");
        if let Some(origin) = &origin {
            lines.push_str(&format!("Origin: {origin}\r\n"));
        }
        let socket = Socket::open_from(port, &format!("/ws?face={face}"), "facemux.1", &lines);
        assert_eq!(socket.is_ok(), good, "WebSocket, Host {host}, Origin {origin:?}");
        if let Err(answer) = socket {
            assert_eq!(answer.status, 403);
        }
        let post = format!(
            "POST /api/v1/faces/{face}/resize HTTP/1.1\r\n{lines}X-Facemux: 1\r\nContent-Length: 21\r\n\r\n\
             {{\"cols\":80,\"rows\":24}}"
        );
        let answer = raw(port, post.as_bytes());
        assert_eq!(
            answer.status,
            if good { 204 } else { 403 },
            "POST, Host {host}, Origin {origin:?}: {answer:?}"
        );
    }
    let without =
        ask(port, "DELETE", &format!("/api/v1/faces/{face}"), &[&cookie, &web.origin()], "");
    assert_eq!(without.status, 403, "without our own header");
}

#[test]
fn faces_are_made_named_typed_into_and_ended_over_http() {
    let web = Web::start("none");
    let change = ["X-Facemux: 1", "Content-Type: application/json"];
    let made =
        ask(web.port, "POST", "/api/v1/faces", &change, r#"{"name":"job","command":["/bin/cat"]}"#);
    assert!(made.status == 201 && made.body.contains(r#""name":"job""#), "{made:?}");
    assert_eq!(
        ask(
            web.port,
            "POST",
            "/api/v1/faces/job/input",
            &change,
            r#"{"text":"typed","keys":["Enter"]}"#
        )
        .status,
        204
    );
    web.server.shows("job", "typed\ntyped");
    assert_eq!(
        ask(web.port, "PATCH", "/api/v1/faces/job", &change, r#"{"name":"work"}"#).status,
        204
    );
    assert_eq!(
        ask(web.port, "POST", "/api/v1/faces/work/resize", &change, r#"{"cols":100,"rows":30}"#)
            .status,
        204
    );
    assert!(get(web.port, "/api/v1/faces/work", &[]).body.contains(r#""cols":100"#));
    for (path, body) in [
        ("/api/v1/faces/work/resize", r#"{"cols":1,"rows":30}"#),
        ("/api/v1/faces", "{"),
        ("/api/v1/faces", r#"{"nmae":"x"}"#),
    ] {
        assert_eq!(ask(web.port, "POST", path, &change, body).status, 422, "{body}");
    }
    let mut events = connect(web.port);
    write!(events, "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", web.port).unwrap();
    let mut heard = read_until(&mut events, "event: faces");
    let ended = ask(web.port, "DELETE", "/api/v1/faces/work", &change, "");
    assert!(ended.status == 200 && ended.body.contains(r#""cause":"killed""#), "{ended:?}");
    heard.push_str(&read_until(&mut events, "event: ended"));
    assert!(heard.contains("event: limits"), "{heard}");
    assert_eq!(get(web.port, "/api/v1/faces/1", &[]).status, 410);
    assert_eq!(get(web.port, "/api/v1/faces", &[]).body, "[]");
}

fn read_until(stream: &mut std::net::TcpStream, text: &str) -> String {
    use std::io::Read;
    let mut read = String::new();
    while !read.contains(text) {
        let mut bytes = [0; 4096];
        let n = stream.read(&mut bytes).unwrap();
        assert!(n > 0, "the stream ended: {read}");
        read.push_str(&String::from_utf8_lossy(&bytes[..n]));
    }
    read
}

#[test]
fn a_stock_ttyd_client_types_and_sees() {
    let web = Web::start("token");
    let face = web.server.face("printf 'before\\n'; exec cat");
    web.server.shows(&face, "before");
    let cookie = web.cookie(&web.token(&["--role", "driver"]));
    let ticket: serde_json::Value =
        serde_json::from_str(&get(web.port, "/token", &[&cookie]).body).unwrap();
    let path = format!("/ws?face={face}");
    // Its page cannot send the ticket but in its first frame.
    let mut client = Socket::open(web.port, &path, "tty", "").ok().unwrap();
    let hello =
        serde_json::json!({"AuthToken": ticket["token"], "columns": 90, "rows": 20}).to_string();
    client.frame(0x81, hello.as_bytes());
    let mut seen = Vec::new();
    let until = |client: &mut Socket, seen: &mut Vec<u8>, text: &str| {
        while !contains(seen, text) {
            let frame = client.next().expect("open");
            if frame.bytes.first() == Some(&b'0') {
                seen.extend_from_slice(&frame.bytes[1..]);
            }
        }
    };
    until(&mut client, &mut seen, "before");
    client.send(b"0hello\r");
    until(&mut client, &mut seen, "hello\r\nhello");
    client.send(br#"1{"columns":70,"rows":22}"#);
    eventually("the face has the client's size", || {
        web.server
            .run(&["info", &face, "--json"])
            .answer()
            .contains(r#""cols":70,"rows":22"#)
            .then_some(())
    });
    // The ticket is spent; an empty one is enough with the cookie.
    let mut second = Socket::open(web.port, &path, "tty", "").ok().unwrap();
    second.frame(0x81, hello.as_bytes());
    assert_eq!(second.closed(), Some(1008));
    let mut third = Socket::open(web.port, &path, "tty", &format!("{cookie}\r\n")).ok().unwrap();
    third.frame(0x81, br#"{"AuthToken":"","columns":80,"rows":24}"#);
    until(&mut third, &mut Vec::new(), "hello");
    web.server.run(&["kill", &face]).answer();
    assert_eq!(client.closed(), Some(1000));
    assert_eq!(Socket::open(web.port, "/ws", "tty", "").err().unwrap().status, 400);
    assert_eq!(Socket::open(web.port, &path, "chat", "").err().unwrap().status, 400);
}

#[test]
fn a_ttyd_client_reads_all_of_a_flood_also_after_a_pause() {
    let web = Web::start("none");
    let face = web.server.face("read line; seq 1 100000; read line; seq 100001 200000; exec cat");
    let mut client = Socket::open(web.port, &format!("/ws?face={face}"), "tty", "").ok().unwrap();
    client.frame(0x81, br#"{"AuthToken":"","columns":80,"rows":24}"#);
    let until = |client: &mut Socket, text: &str| {
        let mut tail = Vec::new();
        while !contains(&tail, text) {
            let frame = client.next().expect("open");
            if frame.bytes[0] == b'0' {
                tail.drain(..tail.len().saturating_sub(1000));
                tail.extend_from_slice(&frame.bytes[1..]);
            }
        }
    };
    client.send(b"0\r");
    until(&mut client, "100000");
    client.send(b"2");
    client.send(b"0\r");
    eventually("the face printed on without its client", || {
        web.server.snap(&face).contains("200000").then_some(())
    });
    client.send(b"3");
    until(&mut client, "200000");
}

#[test]
fn two_hundred_viewers_cost_the_daemon_next_to_nothing() {
    let web = Web::start("none");
    let face = web.server.face("read line; seq 1 20000; exec cat");
    let mut first = Page::open(web.port, &face, "1", "");
    let before = memory_kib(web.server.role_pid("daemon"));
    let mut others: Vec<Page> = (0..200).map(|_| Page::open(web.port, &face, "2", "")).collect();
    first.write(b"\r");
    first.until("20000\r\n");
    let grown = memory_kib(web.server.role_pid("daemon")).saturating_sub(before);
    assert!(grown < 2048, "{grown} KiB for 200 viewers who do not read");
    for page in &mut others {
        while !contains(&[&page.restored[..], &page.output[..]].concat(), "20000") {
            page.step();
        }
    }
}

/// What a process has for itself, in KiB.
fn memory_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let kib = |name: &str| -> u64 {
        let line = text.lines().find(|l| l.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    kib("Private_Clean:") + kib("Private_Dirty:")
}

#[test]
fn a_page_loses_and_doubles_nothing_when_daemon_and_web_are_killed() {
    let web = Web::start("none");
    let file = web.server.dir.path().join("typed");
    let face = web
        .server
        .face(&format!("stty -echo; echo go; read line; seq 1 40000; cat > {}", file.display()));
    web.server.shows(&face, "go");
    let mut page = Page::open(web.port, &face, "feed1", "");
    page.write(b"\n");
    let mut killed = 0;
    while !contains(&page.output[page.output.len().saturating_sub(400)..], "40000\r\n") {
        if page.try_step().is_err() {
            page.reopen(web.port, &face, "");
        }
        if killed < 2 && page.output.len() > 40_000 * (killed + 1) {
            killed += 1;
            web.kill(if killed == 1 { "daemon" } else { "web" });
        }
    }
    for line in 0..60u32 {
        page.write(format!("line {line}\n").as_bytes());
        match line {
            20 => web.kill("daemon"),
            40 => web.kill("web"),
            _ => {}
        }
        if line == 40 {
            while page.try_step().is_ok() {}
            page.reopen(web.port, &face, "");
        }
    }
    while page.accepted < page.typed {
        page.step();
    }
    let expected: String = (0..60).map(|n| format!("line {n}\n")).collect();
    eventually("all lines are typed, each once, in order", || {
        (std::fs::read_to_string(&file).unwrap_or_default() == expected).then_some(())
    });
    assert_eq!(page.restores, 1, "a page that keeps up is never lapped");
    let text = String::from_utf8_lossy(&page.output);
    let lines: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
    let wrong = lines.iter().zip(1..).find(|(line, expected)| **line != *expected);
    assert_eq!((lines.len(), wrong), (40_000, None));
}

#[test]
fn malformed_and_rude_clients_are_sent_away_and_nobody_else_feels_them() {
    let web = Web::start("none");
    let face = web.server.face("exec cat");
    let port = web.port;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            501,
        ),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n x\r\n\r\n", 400),
        ("\x16\x03\x01\x02\0\x01\0\x01\x7c\r\n\r\n", 400),
    ] {
        assert_eq!(raw(port, request.as_bytes()).status, status, "{request:?}");
    }
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000));
    assert_eq!(raw(port, long.as_bytes()).status, 431);
    let mut pages: Vec<Page> = (0..4).map(|_| Page::open(port, &face, "beef", "")).collect();
    let rude: [&dyn Fn(&mut Socket); 5] = [
        // A frame of a GiB, announced; an unmasked one; one with a reserved bit.
        &|s| drop(s.stream.write_all(&[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4])),
        &|s| drop(s.stream.write_all(&[0x82, 0x01, 0])),
        &|s| assert!(s.frame(0xf2, b"x")),
        // A message that never ends.
        &|s| {
            let part = vec![1; 32 * 1024];
            s.frame(0x02, &part);
            while s.frame(0x00, &part) {}
        },
        // Pings without end.
        &|s| while s.frame(0x89, b"") {},
    ];
    for (page, act) in pages.iter_mut().zip(rude).take(3) {
        act(&mut page.socket);
        while page.try_step().is_ok() {}
    }
    act_and_end(&mut pages[3], rude[3]);
    act_and_end(&mut Page::open(port, &face, "cafe", ""), rude[4]);
    // Half-open and slow connections by the hundred, and the face still answers.
    let mut slow: Vec<_> = (0..400).map(|_| connect(port)).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: 127").unwrap();
    }
    let mut page = Page::open(port, &face, "dead", "");
    let before = Instant::now();
    page.write(b"still here\r");
    page.until("still here\r\nstill here");
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    assert_eq!(read_answer(&mut slow[0]).status, 408, "a head may take ten seconds");
}

/// A flood meets a closed door in the end.
fn act_and_end(page: &mut Page, act: &dyn Fn(&mut Socket)) {
    page.socket.stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    act(&mut page.socket);
    while page.try_step().is_ok() {}
}
