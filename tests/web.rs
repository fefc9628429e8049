//! The web frontend as the outside meets it over HTTP: the real binary, requests by hand.

#![cfg(feature = "web")]
#![allow(clippy::unwrap_used)]

#[path = "web/client.rs"]
mod client;
mod common;
#[path = "web/page.rs"]
mod page;
#[path = "web/served.rs"]
mod served;

use client::{Answer, Socket, ask, connect, get, raw, read_answer};
use common::eventually;
use page::Page;
use served::Web;
use std::io::Write;

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

/// Requests of either kind whose times are compared, and how many times that is tried on a busy machine.
const ASKED: usize = 300;
const TRIES: usize = 3;

#[test]
fn what_is_not_allowed_takes_as_long_as_what_does_not_exist() {
    let web = Web::start("token");
    let (mine, other) = (web.server.face("exec cat"), web.server.face("exec cat"));
    let bearer = format!("Authorization: Bearer {}", web.token(&["--face", &mine]));
    let mut stream = connect(web.port);
    let mut time = |face: &str| {
        let head = format!("Host: 127.0.0.1:{}\r\n{bearer}\r\n\r\n", web.port);
        let begin = std::time::Instant::now();
        write!(stream, "GET /api/v1/faces/{face} HTTP/1.1\r\n{head}").unwrap();
        let status = read_answer(&mut stream).status;
        assert_eq!(status, 404);
        begin.elapsed().as_secs_f64()
    };
    let middle = |times: &mut Vec<f64>| {
        times.sort_unstable_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let mut ratio = || {
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for _ in 0..ASKED {
            there.push(time(&other));
            missing.push(time("9"));
        }
        let ratio = middle(&mut there) / middle(&mut missing);
        println!("forbidden / missing: {ratio:.3}");
        ratio
    };
    assert!((0..TRIES).any(|_| (0.8..1.25).contains(&ratio())));
}

#[test]
fn behind_tls_the_cookie_is_one_that_nobody_else_can_plant() {
    let web = Web::with(&["--public-url", "https://term.example.org", "--auth", "token"]);
    let token = web.token(&["--role", "owner"]);
    let enter = |host: &str, lines: &str| {
        let head = format!("GET /?t={token} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n");
        let answer = raw(web.port, head.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.header("set-cookie").unwrap().to_owned()
    };
    let secure = enter("term.example.org", "X-Forwarded-Proto: https\r\n");
    for part in ["__Host-facemux=", "; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(secure.contains(part), "{part}: {secure}");
    }
    assert!(!secure.contains("Domain"), "{secure}");
    // Over plain HTTP a browser would drop a Secure cookie; a client's word for TLS changes nothing.
    let own = format!("127.0.0.1:{}", web.port);
    let plain = enter(&own, "X-Forwarded-Proto: https\r\n");
    assert!(!plain.contains("__Host-") && !plain.contains("Secure"), "{plain}");
    let (_, value) = secure.split(';').next().unwrap().split_once('=').unwrap();
    let asked = |cookie: &str| {
        let head = format!("Host: term.example.org\r\nCookie: {cookie}={value}\r\n\r\n");
        raw(web.port, format!("GET /api/v1/faces HTTP/1.1\r\n{head}").as_bytes()).status
    };
    assert_eq!(asked("__Host-facemux"), 200);
    assert_eq!(asked(&format!("facemux-{}", web.port)), 401, "a planted one");
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
