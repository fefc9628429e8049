//! Every message of the wire as bytes.

use crate::{bless, hex, kept, unhex};
use facemux::mux::{Effect, Ending, Meta, Mux, Now, Surroundings};
use facemux::units::{FaceId, Offset, Size};
use facemux::wire::face::FaceInfo;
use facemux::wire::frame::{self, FrameReader};
use facemux::wire::keeper::{
    Auth, Crash, Exit, FromFrontend, FromKeeper, FrontendStart, KeptFace, Kex, Settings, Spawn,
    SshSettings, Start, ToFrontend, ToKeeper,
};
use facemux::wire::request::ViewerReport;
use facemux::wire::{
    Actor, Attach, EndCause, EndReport, Event, FaceState, Format, Frame, Holder, Kind, Message,
    NewFace, Refusal, Reply, Request, Role, SizePolicy, Typed, ViewerNote, decode, encode,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;

const FILE: &str = "wire/v1.txt";

/// The bytes of today, by name.
#[derive(Default)]
struct Lines(Vec<(String, Vec<u8>)>);

impl Lines {
    /// A value whose name is that of its type and variant.
    fn add<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, name: &str, value: &T) {
        let bytes = encode(value).unwrap();
        let back: T = decode(&bytes).unwrap();
        assert_eq!(back, *value, "{name}");
        if let Some(frozen) = frozen().get(name) {
            let old: T = decode(frozen).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(old, *value, "{name} means something else than it did");
        }
        self.0.push((name.to_owned(), bytes));
    }

    /// Values of an enum: each is named by what `Debug` calls it.
    fn each<T: Serialize + DeserializeOwned + PartialEq + Debug>(
        &mut self,
        of: &str,
        values: &[T],
    ) {
        for value in values {
            let text = format!("{value:?}");
            let variant: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
            self.add(&format!("{of}::{variant}"), value);
        }
    }
}

fn frozen() -> BTreeMap<String, Vec<u8>> {
    let text = std::fs::read_to_string(kept(FILE)).unwrap_or_default();
    let line = |l: &str| l.split_once(' ').map(|(name, bytes)| (name.to_owned(), unhex(bytes)));
    text.lines().filter_map(line).collect()
}

#[test]
fn messages_are_the_bytes_they_were() {
    let mut lines = Lines::default();
    values(&mut lines);
    requests(&mut lines);
    replies(&mut lines);
    keeper(&mut lines);
    frontends(&mut lines);
    kept_by_the_keeper(&mut lines);
    let text: String = lines.0.iter().map(|(n, b)| format!("{n} {}\n", hex(b))).collect();
    bless(FILE, text.as_bytes());
    let frozen = frozen();
    for (name, bytes) in &lines.0 {
        let was = frozen.get(name).unwrap_or_else(|| panic!("{FILE} lacks {name}"));
        assert_eq!(hex(bytes), hex(was), "{name} is written otherwise than it was");
    }
    assert_eq!(lines.0.len(), frozen.len(), "{FILE} has lines that nothing stands for");
    everything_is_told(&lines);
}

/// Each variant of each enum of the wire has its line.
fn everything_is_told(lines: &Lines) {
    let (mut missing, mut count) = (Vec::new(), 0);
    for file in ["face", "request", "reply", "keeper"] {
        let path = format!("{}/src/wire/{file}.rs", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(path).unwrap();
        let mut inside = None;
        for line in source.lines() {
            if let Some(name) = line.strip_prefix("pub enum ") {
                inside = Some(name.trim_end_matches(" {"));
            } else if line == "}" {
                inside = None;
            } else if let (Some(of), Some(rest)) = (inside, line.strip_prefix("    "))
                && rest.starts_with(|c: char| c.is_ascii_uppercase())
            {
                let variant = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
                let name = format!("{of}::{variant}");
                count += 1;
                if !lines.0.iter().any(|(n, _)| *n == name) {
                    missing.push(name);
                }
            }
        }
    }
    assert!(count > 100, "the wire's enums were not understood: {count}");
    assert!(missing.is_empty(), "no line for {missing:?}");
}

fn end() -> EndReport {
    EndReport {
        cause: EndCause::Killed,
        reason: "killed by facemux kill, pid 77".into(),
        code: 129,
        signal: Some(1),
        by: Some("facemux kill, pid 77".into()),
        at_ms: 1_760_000_000_123,
        reaped: vec![(4711, "sleep".into()), (70_000, "sh".into())],
    }
}

fn info() -> FaceInfo {
    FaceInfo {
        id: FaceId(12),
        key: "live:side-channel:3".into(),
        kind: Kind::Ssh,
        name: Some("build".into()),
        parent: Some(FaceId(3)),
        user: Some("ann".into()),
        size: size(),
        state: FaceState::Ended,
        title: "vim é".into(),
        command: "make -j2".into(),
        pid: Some(4242),
        viewers: 2,
        created_ms: 1_759_999_999_000,
        last_output_ms: 1_760_000_000_000,
        idle_seconds: 61,
        last_line: "done".into(),
        offset: Offset(1 << 40),
        note: Some("quarantined".into()),
        end: Some(end()),
    }
}

fn size() -> Size {
    Size::new(50, 200).unwrap()
}

fn values(lines: &mut Lines) {
    use EndCause as C;
    lines.each("Kind", &[Kind::Web, Kind::Ssh, Kind::Cli]);
    lines.each("Role", &[Role::Viewer, Role::Driver, Role::Owner]);
    lines.each("FaceState", &[FaceState::Running, FaceState::Ended]);
    let causes = [C::Exited, C::Signalled, C::OutOfMemory, C::NotStarted];
    lines.each("EndCause", &causes);
    lines.each("EndCause", &[C::JournalDropped]);
    lines.each("EndCause", &[C::Killed, C::EvictedIdle, C::EvictedLimit, C::Drained]);
    lines.each("SizePolicy", &[SizePolicy::Leader, SizePolicy::Smallest, SizePolicy::Fixed]);
    let formats = [Format::Text, Format::Ansi, Format::Json, Format::Html, Format::Svg];
    lines.each("Format", &formats);
    let typed = [Typed::Text(b"ls\r".to_vec()), Typed::Key("C-c".into())];
    lines.each("Typed", &typed);
    lines.each("Typed", &[Typed::Paste(b"a\nb".to_vec()), Typed::Submit]);
    let daemon = Holder::Daemon { termios: vec![1, 2, 3], alternate: true };
    lines.each("Holder", &[Holder::Client, daemon, Holder::Nobody { whole: true }]);
    lines.add(
        "Actor",
        &Actor { user: Some("ann".into()), role: Role::Driver, only: Some(FaceId(7)) },
    );
    lines.add("FaceInfo", &info());
    lines.add("EndReport", &end());
}

fn report() -> ViewerReport {
    ViewerReport {
        foreground: Some(0x00ff_ffff),
        background: Some(0),
        cursor: None,
        cell: Some((8, 16)),
    }
}

fn requests(lines: &mut Lines) {
    let face = || "12".to_owned();
    let new = NewFace {
        name: Some("build".into()),
        kind: Kind::Cli,
        side_of: Some("live:3".into()),
        size: size(),
        cwd: "/src".into(),
        env: vec![("TERM".into(), "xterm-256color".into())],
        argv: vec!["make".into(), "-j2".into()],
        modes: Vec::new(),
        keep_orphans: true,
    };
    let attach = Attach {
        face: face(),
        drive: true,
        detach_others: true,
        size: size(),
        pixels: (1600, 1000),
        follows_size: true,
        history: 100,
        token: u64::MAX - 1,
        resume: Some(Offset(300)),
        detach_keys: vec![2, b'd'],
        window: 128 * 1024,
        holder: Holder::Client,
        inside: vec!["3".into()],
    };
    let all = [
        Request::Speak(Actor::OWNER),
        Request::New(Box::new(new)),
        Request::List { all: true },
        Request::Info { face: face() },
        Request::Kill { faces: vec![face(), "build".into()], signal: Some(2), by: "me".into() },
        Request::Detach { face: face() },
        Request::Type { face: face(), typed: vec![Typed::Submit] },
        Request::Snap { face: face(), format: Format::Json, history: 70_000 },
        Request::Resize { face: face(), size: size() },
        Request::Rename { face: face(), name: "other".into() },
        Request::Attach(Box::new(attach)),
        Request::Watch,
        Request::Activity { face: face() },
        Request::Status,
        Request::Drain,
        Request::Upgrade { binary: Some("/usr/bin/facemux".into()) },
        Request::Shown { offset: Offset(70_000) },
        Request::ViewerSize { size: size(), pixels: (0, 0) },
        Request::Report(report()),
        Request::Yield,
        Request::Resume { size: size() },
        Request::Leave,
    ];
    lines.each("Request", &all);
}

fn replies(lines: &mut Lines) {
    let refusals = [
        Refusal::NoSuchFace("x".into()),
        Refusal::Gone { id: FaceId(12), end: Box::new(end()) },
        Refusal::NotAllowed("no".into()),
        Refusal::Limit("full".into()),
        Refusal::Invalid("what".into()),
        Refusal::Unavailable("later".into()),
    ];
    lines.each("Refusal", &refusals);
    let replies = [
        Reply::Done,
        Reply::Refused(Refusal::Limit("full".into())),
        Reply::Created { id: FaceId(12), key: "live:12".into(), end: Some(end()) },
        Reply::Faces(vec![info()]),
        Reply::Face(Box::new(info())),
        Reply::Ended(vec![(FaceId(12), end())]),
        Reply::Snapshot { offset: Offset(300) },
        Reply::Attached {
            id: FaceId(12),
            size: size(),
            offset: Offset(300),
            accepted: 5,
            drive: true,
        },
        Reply::Activity { offset: Offset(9), quiet_ms: 1000, waiting: true, end: None },
        Reply::Status("{}".into()),
    ];
    lines.each("Reply", &replies);
    let id = FaceId(12);
    let events = [
        Event::Created(Box::new(info())),
        Event::Changed(Box::new(info())),
        Event::Output { id, offset: Offset(300), last_line: "done".into() },
        Event::Bell { id },
        Event::Progress { id, state: 1, percent: 50 },
        Event::Notify { id, text: "look".into() },
        Event::Clipboard { id, base64: "aGVsbG8=".into() },
        Event::Ended { id, end: Box::new(end()) },
    ];
    lines.each("Event", &events);
    let notes = [
        ViewerNote::Accepted { upto: 300 },
        ViewerNote::InputRefused { at: 5, reason: "full".into() },
        ViewerNote::Size { size: size(), leads: true },
        ViewerNote::Lapped { laps: 3 },
        ViewerNote::Detached { reason: "asked".into() },
        ViewerNote::Ended { end: Box::new(end()) },
        ViewerNote::Draining,
    ];
    lines.each("ViewerNote", &notes);
    let messages = [
        Message::Reply(Box::new(Reply::Done)),
        Message::Bytes(b"bytes".to_vec()),
        Message::Event(Event::Bell { id }),
        Message::Viewer(ViewerNote::Draining),
    ];
    lines.each("Message", &messages);
}

fn settings() -> Settings {
    Settings {
        max_faces: 64,
        max_faces_per_user: 8,
        idle_timeout_ms: 86_400_000,
        evict_after_ms: 3_600_000,
        history_lines: 10_000,
        journal_bytes: 262_144,
        certificate_ms: 86_400_000,
        linger_ms: 60_000,
        grace_ms: 1000,
        size_policy: SizePolicy::Leader,
    }
}

fn keeper(lines: &mut Lines) {
    let id = FaceId(12);
    let killed = Exit::Signal { signal: 9, oom: true };
    lines.each("Exit", &[Exit::Code(7), killed]);
    let reaped = vec![(4711, "sleep".to_owned())];
    let reason = "the daemon (pid 9) was killed by SIGKILL".to_owned();
    let start = Start {
        settings: settings(),
        next_id: 40,
        reserved: 65,
        crash: Some(Crash {
            returned_read: Some(4095),
            returned_written: None,
            reason,
            own_fault: true,
        }),
        generation: 3,
        keeper_pid: 1,
        dir: Some("/d".into()),
        url: Some("http://127.0.0.1:7681/?face=".into()),
        accounted: true,
        sandbox: true,
        trial: true,
    };
    let kept = KeptFace { id, pid: 100, meta: vec![1, 2], exited: Some((killed, reaped.clone())) };
    let from = [
        FromKeeper::Start(Box::new(start)),
        FromKeeper::Face(kept),
        FromKeeper::Certificate { id, bytes: vec![3, 4] },
        FromKeeper::Go,
        FromKeeper::Spawned { id, pid: 100 },
        FromKeeper::SpawnFailed { id, errno: 2, what: "start x".into() },
        FromKeeper::Exited { id, exit: Exit::Code(0), reaped },
        FromKeeper::Reserved { upto: 97 },
        FromKeeper::Drain,
        FromKeeper::Retire,
        FromKeeper::Begin,
        FromKeeper::Processes("{}".into()),
    ];
    lines.each("FromKeeper", &from);
    let spawn = Spawn {
        id,
        argv: vec!["sh".into(), "-c".into(), "true".into()],
        arg0: Some("-sh".into()),
        env: vec![("A".into(), "b".into())],
        cwd: "/".into(),
        size: size(),
        memory_bytes: 68_554_752,
        modes: Vec::new(),
        keep_orphans: true,
        user: Some("ann".into()),
        meta: vec![5],
    };
    let to = [
        ToKeeper::Ready { whole: 20, damaged: 1 },
        ToKeeper::Spawn(Box::new(spawn)),
        ToKeeper::Signal { id, signal: 2 },
        ToKeeper::End { id, grace_ms: 1000 },
        ToKeeper::Release { id },
        ToKeeper::Reserve { upto: 97 },
        ToKeeper::Keep { id, bytes: vec![6] },
        ToKeeper::Forget { id },
        ToKeeper::Log { level: 3, line: "said".into() },
        ToKeeper::Drained,
        ToKeeper::Stop,
        ToKeeper::Upgrade { binary: None },
    ];
    lines.each("ToKeeper", &to);
}

fn frontends(lines: &mut Lines) {
    let proxy = Auth::ProxyHeader { header: "X-User".into(), from: vec!["10.0.0.1".into()] };
    lines.each("Auth", &[Auth::Token, proxy.clone(), Auth::None]);
    let start = FrontendStart {
        socket: "/d/sock".into(),
        dir: Some("/d".into()),
        state: "/d/state".into(),
        address: "127.0.0.1:7681".into(),
        url: "https://faces.example.org".into(),
        origins: vec!["other.example.org".into()],
        auth: proxy,
        ssh: SshSettings {
            authorized_keys: vec!["/k".into()],
            token_is_password: true,
            kex: Kex::PostQuantum,
            login_ms: 30_000,
        },
        flags: vec!["--ssh".into()],
        files: vec!["/etc/facemux/config.toml".into()],
        log_json: true,
        page_faces: 10,
        idle_timeout_ms: 86_400_000,
        first: true,
        sandbox: true,
        trial: true,
    };
    lines.add("FrontendStart", &start);
    lines.each("Kex", &[Kex::Compatible, Kex::PostQuantum]);
    lines.each("ToFrontend", &[ToFrontend::Begin, ToFrontend::Retire]);
    lines.each("FromFrontend", &[FromFrontend::Ready]);
}

/// A face's metadata and a certificate: kept by the keeper for the next daemon, in the wire's form.
fn kept_by_the_keeper(lines: &mut Lines) {
    let meta = Meta {
        kind: Kind::Web,
        name: Some("build".into()),
        lane: Some((FaceId(3), 2)),
        user: Some("ann".into()),
        size: size(),
        resized_at: 300,
        fixed: true,
        command: "make".into(),
        created_ms: 1_760_000_000_000,
        report: Some(report()),
        ending: Some(Ending {
            cause: EndCause::EvictedIdle,
            reason: "idle".into(),
            by: Some("ann".into()),
        }),
    };
    lines.add("Meta", &meta);
    let (bytes, listed) = certificate();
    lines.0.push(("certificate".into(), bytes.clone()));
    let old = frozen().get("certificate").cloned().unwrap_or(bytes);
    let mut mux = Mux::new(settings(), Surroundings::default(), 1, 33);
    mux.handle_certificate(NOW, FaceId(1), &old);
    assert_eq!(list(&mut mux), listed, "a certificate is read as it was written");
}

const NOW: Now = Now { mono: std::time::Duration::from_secs(1 << 20), wall_ms: 1_760_000_000_000 };

struct Still;

impl facemux::mux::Kernel for Still {
    fn line_mode(&mut self, _: FaceId) -> bool {
        false
    }

    fn waiting(&mut self, _: FaceId) -> bool {
        false
    }
}

/// The certificate of a face that could not be started, and how it is listed.
fn certificate() -> (Vec<u8>, Vec<FaceInfo>) {
    let mut mux = Mux::new(settings(), Surroundings::default(), 1, 33);
    mux.handle_connect(1);
    let new = NewFace {
        name: None,
        kind: Kind::Cli,
        side_of: None,
        size: size(),
        cwd: "/".into(),
        env: Vec::new(),
        argv: vec!["no such program".into()],
        modes: Vec::new(),
        keep_orphans: false,
    };
    mux.handle_request(NOW, 1, Request::New(Box::new(new)), &mut Still);
    mux.handle_spawn_failed(NOW, FaceId(1), 2, "start no such program");
    let mut effects = std::iter::from_fn(|| mux.poll_effect());
    let kept = effects.find_map(|effect| match effect {
        Effect::Keeper(ToKeeper::Keep { bytes, .. }) => Some(bytes),
        _ => None,
    });
    let kept = kept.unwrap();
    while mux.poll_effect().is_some() {}
    (kept, list(&mut mux))
}

fn list(mux: &mut Mux) -> Vec<FaceInfo> {
    mux.handle_connect(9);
    mux.handle_request(NOW, 9, Request::List { all: true }, &mut Still);
    let mut effects = std::iter::from_fn(|| mux.poll_effect());
    let faces = effects.find_map(|effect| match effect {
        Effect::Send { client: 9, message: Message::Reply(reply) } => match *reply {
            Reply::Faces(faces) => Some(faces),
            _ => None,
        },
        _ => None,
    });
    faces.unwrap()
}

#[test]
fn frames_are_the_bytes_they_were() {
    let name = "wire/v1.frames";
    let mut bytes = frame::preamble().to_vec();
    bytes.extend(frame::framed(&encode(&Request::Status).unwrap()));
    bytes.extend(frame::output_header(Offset(300), 3));
    bytes.extend(b"out");
    bytes.extend(frame::restore_header(Offset(300), true, false, 5));
    bytes.extend(b"first");
    bytes.extend(frame::restore_header(Offset::UNKNOWN, false, true, 4));
    bytes.extend(b"last");
    bytes.extend(frame::input_header(70_000, 2));
    bytes.extend(b"in");
    bless(name, &bytes);
    let frozen = std::fs::read(kept(name)).unwrap();
    assert_eq!(hex(&bytes), hex(&frozen));
    let expected = [
        Frame::Message(&[13]),
        Frame::Output { offset: Offset(300), bytes: b"out" },
        Frame::Restore { offset: Offset(300), first: true, last: false, bytes: b"first" },
        Frame::Restore { offset: Offset::UNKNOWN, first: false, last: true, bytes: b"last" },
        Frame::Input { at: 70_000, bytes: b"in" },
    ];
    let mut reader = FrameReader::new();
    reader.push(&frozen);
    for frame in expected {
        assert_eq!(reader.next().unwrap(), Some(frame));
    }
    assert_eq!(reader.next().unwrap(), None);
    assert_eq!(reader.held(), 0);
}

#[test]
fn another_version_is_told_both() {
    for theirs in [0, frame::VERSION + 1, u16::MAX] {
        let mut preamble = frame::preamble();
        preamble[4..6].copy_from_slice(&theirs.to_le_bytes());
        let said = frame::check_preamble(&preamble).unwrap_err().to_string();
        assert!(said.contains(&frame::VERSION.to_string()), "{said}");
        assert!(said.contains(&theirs.to_string()), "{said}");
    }
    assert_eq!(frame::check_preamble(&frame::preamble()), Ok(frame::VERSION));
}
