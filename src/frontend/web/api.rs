//! The HTTP API and the snapshots: each a question to the daemon on the visitor's behalf, and its answer as JSON.

use super::access::{Visitor, is_user};
use super::answer::{Answer, Policy};
use super::connection::Request;
use super::door::DoorError;
use super::handle::ask;
use super::route::Route;
use super::server::Server;
use super::target::Target;
use crate::client::json;
use crate::frontend::account::Account;
use crate::frontend::token::{Grant, Use, hex};
use crate::frontend::token_file::{TokenFileError, random};
use crate::sys::clock;
use crate::units::Size;
use crate::wire::{
    self, Actor, FaceInfo, FaceState, Format, Kind, NewFace, Refusal, Reply, Role, Typed,
};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::rc::Rc;
use std::time::Duration;

/// How long the daemon may take for an answer that only says it lives.
const READY: Duration = Duration::from_secs(1);
/// Lines of history a snapshot may be asked for.
const HISTORY_MAX: u32 = 1_000_000;

/// A face as it may be asked for.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaceWish {
    name: Option<String>,
    command: Option<Command>,
    cwd: Option<String>,
    size: Option<Size>,
    side_of: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Command {
    Words(Vec<String>),
    Line(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    name: String,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Input {
    text: Option<String>,
    keys: Vec<String>,
    paste: Option<String>,
    submit: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TicketWish {
    face: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareWish {
    role: Role,
    #[serde(default)]
    face: Option<serde_json::Value>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    ttl: Option<String>,
}

/// Why there is no good answer.
enum Trouble {
    Door(DoorError),
    Body(String),
    NotAllowed(&'static str),
}

impl From<DoorError> for Trouble {
    fn from(error: DoorError) -> Trouble {
        Trouble::Door(error)
    }
}

/// The answer of a route of the API, or of a snapshot.
pub async fn answer(
    server: &Rc<Server>,
    request: &Request,
    target: &Target,
    route: Route,
    visitor: &Visitor,
) -> Answer {
    match try_answer(server, request, target, route, visitor).await {
        Ok(answer) => answer,
        Err(trouble) => explain(trouble),
    }
}

async fn try_answer(
    server: &Rc<Server>,
    request: &Request,
    target: &Target,
    route: Route,
    visitor: &Visitor,
) -> Result<Answer, Trouble> {
    let body = &request.body;
    Ok(match route {
        Route::List => {
            let all = matches!(target.query("all"), Some("" | "1" | "true"));
            let (reply, _) = ask(server, visitor, &wire::Request::List { all }).await?;
            let Reply::Faces(faces) = reply else { return Err(misfit()) };
            Answer::json(200, json::faces(&faces))
        }
        Route::Create => {
            let info = start_face(server, visitor, read_or_default(body)?).await?;
            let place = format!("/api/v1/faces/{}", info.id);
            Answer::json(201, json::face(&info)).header("Location", place)
        }
        Route::Info(face) => {
            let info = face_info(server, visitor, &face).await?;
            Answer::json(if info.state == FaceState::Ended { 410 } else { 200 }, json::face(&info))
        }
        Route::End(face) => {
            let by = visitor.actor.user.clone().unwrap_or_else(|| "the web".into());
            let kill = wire::Request::Kill { faces: vec![face], signal: None, by };
            let Reply::Ended(ended) = ask(server, visitor, &kill).await?.0 else {
                return Err(misfit());
            };
            let ends: Vec<String> = ended
                .iter()
                .map(|(id, end)| format!(r#"{{"id":{id},"end":{}}}"#, json::end(end)))
                .collect();
            Answer::json(200, format!("[{}]", ends.join(",")))
        }
        Route::Rename(face) => {
            let Rename { name } = read(body)?;
            done(server, visitor, wire::Request::Rename { face, name }).await?
        }
        Route::Resize(face) => {
            done(server, visitor, wire::Request::Resize { face, size: read(body)? }).await?
        }
        Route::Input(face) => {
            let typed = typed(request)?;
            done(server, visitor, wire::Request::Type { face, typed }).await?
        }
        Route::Snapshot(face, format) => {
            snapshot(server, request, target, visitor, face, format).await?
        }
        Route::Ticket => ticket(server, body, visitor).await?,
        Route::TtydToken => {
            let random = random().map_err(|e| Trouble::Body(e.to_string()))?;
            let token =
                server.tickets.borrow_mut().issue(visitor.clone(), None, random, clock::mono_ms());
            Answer::json(200, json!({ "token": token }).to_string())
        }
        Route::Share => share(server, request, visitor).await?,
        _ => Answer::text(404, "not found"),
    })
}

/// A question whose answer says no more than that it was done.
async fn done(
    server: &Server,
    visitor: &Visitor,
    request: wire::Request,
) -> Result<Answer, Trouble> {
    ask(server, visitor, &request).await?;
    Ok(Answer::empty(204))
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Trouble> {
    serde_json::from_slice(body).map_err(|e| Trouble::Body(format!("the body: {e}")))
}

fn read_or_default<'a, T: Deserialize<'a> + Default>(body: &'a [u8]) -> Result<T, Trouble> {
    if body.is_empty() { Ok(T::default()) } else { read(body) }
}

fn misfit() -> Trouble {
    Trouble::Door(DoorError::Lost(std::io::Error::other("an answer that does not fit")))
}

/// Starts a face with the environment of a login.
///
/// # Errors
/// `DoorError`.
pub async fn start_face(
    server: &Server,
    visitor: &Visitor,
    wish: FaceWish,
) -> Result<FaceInfo, DoorError> {
    let account = Account::own();
    let new = NewFace {
        name: wish.name.filter(|name| !name.is_empty()),
        kind: Kind::Web,
        side_of: wish.side_of,
        size: wish.size.unwrap_or(Size::DEFAULT),
        env: account.environment(),
        cwd: wish.cwd.unwrap_or(account.home),
        argv: match wish.command {
            None => Vec::new(),
            Some(Command::Words(words)) => words,
            Some(Command::Line(line)) if line.trim().is_empty() => Vec::new(),
            Some(Command::Line(line)) => vec!["/bin/sh".into(), "-c".into(), line],
        },
        modes: Vec::new(),
        keep_orphans: false,
    };
    match ask(server, visitor, &wire::Request::New(Box::new(new))).await?.0 {
        Reply::Created { id, .. } => face_info(server, visitor, &id.to_string()).await,
        _ => Err(DoorError::Lost(std::io::Error::other("an answer that does not fit"))),
    }
}

/// What the daemon tells of a face.
///
/// # Errors
/// `DoorError`.
pub async fn face_info(
    server: &Server,
    visitor: &Visitor,
    face: &str,
) -> Result<FaceInfo, DoorError> {
    Ok(look(server, visitor, face).await?.0)
}

/// The same, and the last screen of one that has ended.
///
/// # Errors
/// `DoorError`.
pub async fn look(
    server: &Server,
    visitor: &Visitor,
    face: &str,
) -> Result<(FaceInfo, String), DoorError> {
    let info = wire::Request::Info { face: face.to_owned() };
    match ask(server, visitor, &info).await? {
        (Reply::Face(info), screen) => Ok((*info, String::from_utf8_lossy(&screen).into_owned())),
        _ => Err(DoorError::Lost(std::io::Error::other("an answer that does not fit"))),
    }
}

/// How many faces live, when the daemon answers in time.
pub async fn living(server: &Server) -> Option<usize> {
    let visitor = Visitor {
        actor: Actor::OWNER,
        means: super::access::Means::Bearer,
        ends_ms: None,
        token: None,
    };
    let list = wire::Request::List { all: false };
    match server.reactor.within(READY, ask(server, &visitor, &list)).await {
        Some(Ok((Reply::Faces(faces), _))) => Some(faces.len()),
        _ => None,
    }
}

/// `/version`.
pub fn version() -> Answer {
    Answer::json(
        200,
        json!({ "version": env!("CARGO_PKG_VERSION"), "protocol": wire::VERSION }).to_string(),
    )
}

async fn snapshot(
    server: &Server,
    request: &Request,
    target: &Target,
    visitor: &Visitor,
    face: String,
    format: Format,
) -> Result<Answer, Trouble> {
    let history = match target.query("history").map(str::parse::<u32>) {
        None => 0,
        Some(Ok(lines)) => lines.min(HISTORY_MAX),
        Some(Err(_)) => return Err(Trouble::Body("history is a number of lines".into())),
    };
    let snap = wire::Request::Snap { face: face.clone(), format, history };
    let bytes = match ask(server, visitor, &snap).await {
        Ok((_, bytes)) => bytes,
        Err(DoorError::Refused(refusal))
            if format == Format::Text && matches!(*refusal, Refusal::Gone { .. }) =>
        {
            let (_, screen) = look(server, visitor, &face).await?;
            return Ok(
                Answer::new(410, media_type(format), screen.into_bytes()).policy(Policy::Snapshot)
            );
        }
        Err(error) => return Err(error.into()),
    };
    let etag = format!("\"{}\"", &hex(&Sha256::digest(&bytes))[..32]);
    let known = request.head.words("if-none-match").any(|tag| tag.trim_start_matches("W/") == etag);
    if known {
        return Ok(Answer::empty(304).header("ETag", etag).header("Cache-Control", "no-cache"));
    }
    Ok(Answer::new(200, media_type(format), bytes)
        .policy(Policy::Snapshot)
        .header("ETag", etag)
        .header("Cache-Control", "private, no-cache"))
}

fn media_type(format: Format) -> &'static str {
    match format {
        Format::Text => "text/plain; charset=utf-8",
        Format::Ansi => "application/octet-stream",
        Format::Json => "application/json",
        Format::Html => "text/html; charset=utf-8",
        Format::Svg => "image/svg+xml",
    }
}

/// What is to be typed: JSON, or with another media type the body as it is.
fn typed(request: &Request) -> Result<Vec<Typed>, Trouble> {
    let kind = request.head.get("content-type").unwrap_or("application/json");
    if !kind.starts_with("application/json") {
        return Ok(vec![Typed::Text(request.body.clone())]);
    }
    let input: Input = read(&request.body)?;
    let text = input.text.map(|text| Typed::Text(text.into_bytes()));
    let paste = input.paste.map(|paste| Typed::Paste(paste.into_bytes()));
    let keys = input.keys.into_iter().map(Typed::Key);
    Ok(text
        .into_iter()
        .chain(paste)
        .chain(keys)
        .chain(input.submit.then_some(Typed::Submit))
        .collect())
}

/// A face named by a number or a string in JSON.
fn face_of(value: &serde_json::Value) -> Result<String, Trouble> {
    let text = match value {
        serde_json::Value::Number(n) => Some(n.to_string()),
        serde_json::Value::String(s) => Some(s.clone()),
        _ => None,
    };
    text.as_deref()
        .and_then(super::route::face_name)
        .ok_or_else(|| Trouble::Body("face: a face's id, name or key".into()))
}

async fn ticket(server: &Server, body: &[u8], visitor: &Visitor) -> Result<Answer, Trouble> {
    let face = face_of(&read::<TicketWish>(body)?.face)?;
    face_info(server, visitor, &face).await?;
    let random = random().map_err(|e| Trouble::Body(e.to_string()))?;
    let ticket =
        server.tickets.borrow_mut().issue(visitor.clone(), Some(face), random, clock::mono_ms());
    Ok(Answer::json(201, json!({ "ticket": ticket }).to_string()))
}

/// A token for somebody else, never for more than the visitor may, nor for longer.
async fn share(server: &Server, request: &Request, visitor: &Visitor) -> Result<Answer, Trouble> {
    let wish: ShareWish = read(&request.body)?;
    let own = &visitor.actor;
    if own.role < Role::Owner {
        return Err(Trouble::NotAllowed("only an owner may share"));
    }
    let face = match &wish.face {
        None => own.only.map(|id| id.0),
        Some(face) => Some(face_info(server, visitor, &face_of(face)?).await?.id.0),
    };
    if own.user.is_some() && wish.user.is_some() && wish.user != own.user {
        return Err(Trouble::NotAllowed("only for your own user"));
    }
    let user = wish.user.or_else(|| own.user.clone());
    if user.as_deref().is_some_and(|user| !is_user(user)) {
        return Err(Trouble::Body("user: printable characters without spaces".into()));
    }
    let ttl = match wish.ttl.as_deref() {
        None => Duration::from_secs(3600),
        Some(text) => {
            crate::config::duration::parse(text).map_err(|e| Trouble::Body(format!("ttl: {e}")))?
        }
    };
    let now_ms = clock::wall_ms();
    let mut ttl_ms = u64::try_from(ttl.as_millis()).ok().filter(|ttl| *ttl > 0);
    if let Some(end) = visitor.ends_ms {
        let left = end.saturating_sub(now_ms);
        ttl_ms = Some(ttl_ms.map_or(left, |ttl| ttl.min(left)));
    }
    let grant = Grant { good_for: Use::Token, role: wish.role, face, user, ttl_ms };
    let secret = server
        .tokens
        .borrow_mut()
        .change(|store| Ok::<_, TokenFileError>(store.add(grant, random()?, now_ms)?));
    let secret = secret.map_err(|e| Trouble::Body(e.to_string()))?;
    let base = request.head.get("origin").unwrap_or(&server.start.url);
    let face = face.map_or(String::new(), |id| format!("face={id}&"));
    let url = format!("{base}/?{face}t={secret}");
    Ok(Answer::json(201, json!({ "url": url }).to_string()))
}

/// The status of a refusal.
pub fn status(refusal: &Refusal) -> u16 {
    match refusal {
        Refusal::NoSuchFace(_) => 404,
        Refusal::Gone { .. } => 410,
        Refusal::NotAllowed(_) => 403,
        Refusal::Limit(_) => 409,
        Refusal::Invalid(_) => 422,
        Refusal::Unavailable(_) => 503,
    }
}

fn explain(trouble: Trouble) -> Answer {
    let error =
        |status, sentence: &str| Answer::json(status, json!({ "error": sentence }).to_string());
    match trouble {
        Trouble::Door(DoorError::Refused(refusal)) => match refusal.as_ref() {
            Refusal::NoSuchFace(_) => error(404, "no such face"),
            Refusal::Gone { end, .. } => {
                let sentence = json!(refusal.to_string());
                Answer::json(410, format!(r#"{{"error":{sentence},"end":{}}}"#, json::end(end)))
            }
            other => error(status(other), &other.to_string()),
        },
        Trouble::Door(other) => {
            log::warn!("{other}");
            error(503, "the daemon does not answer").header("Retry-After", "1")
        }
        Trouble::Body(sentence) => error(422, &sentence),
        Trouble::NotAllowed(sentence) => error(403, sentence),
    }
}
