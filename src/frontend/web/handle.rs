//! From a request to what becomes of it: the route, the visitor, the page and the login. The API is in `api`.

use super::access::{Denied, Means, Visitor};
use super::answer::Answer;
use super::connection::{Outcome, Request};
use super::dialect::Dialect;
use super::door::{Door, DoorError};
use super::head::Head;
use super::route::{self, NoRoute, Route};
use super::server::Server;
use super::target::{Target, form_value};
use super::{api, assets, cookie, events, figures, plain, relay};
use crate::frontend::token_file::{TokenFileError, random};
use crate::limits::COOKIE_MS;
use crate::sys::clock;
use crate::wire::{FaceState, Refusal, Reply};
use std::rc::Rc;

/// What becomes of a request.
pub async fn handle(server: &Rc<Server>, request: &Request) -> Outcome {
    let Some(target) = Target::parse(&request.head.target) else {
        return Outcome::Answer(Answer::text(400, "malformed path or query"));
    };
    let route = match Route::find(&request.head.method, &target) {
        Ok(route) => route,
        Err(NoRoute::NotFound) => return Outcome::Answer(Answer::text(404, "not found")),
        Err(NoRoute::Method(allowed)) => {
            let answer = Answer::text(405, &format!("this allows {allowed}"));
            return Outcome::Answer(answer.header("Allow", allowed));
        }
    };
    Outcome::Answer(match route {
        Route::Page => page(server, request, &target).await,
        Route::Login => login(server, request),
        Route::Logout => logout(server, request),
        Route::Socket => return socket(server, request, &target),
        route if route.is_open() => open(server, request, &route).await,
        route => match visit(server, request, &route) {
            Err(answer) => answer,
            Ok(visitor) if route == Route::Events => {
                let head_only = request.head.method == "HEAD";
                return Outcome::Events(events::Wish { visitor, head_only });
            }
            Ok(visitor) => api::answer(server, request, &target, route, &visitor).await,
        },
    })
}

/// The visitor of a route that is not open to everybody.
fn visit(server: &Server, request: &Request, route: &Route) -> Result<Visitor, Answer> {
    let denied = |why| self::denied(server, request, why);
    let visitor = server.visitor(&request.head, request.ends).map_err(denied)?;
    if !matches!(request.head.method.as_str(), "GET" | "HEAD") || *route == Route::TtydToken {
        let check = if *route == Route::TtydToken {
            // A page of another site can neither read this answer nor do anything with having asked.
            server.access.check_host(&request.head, request.ends)
        } else {
            server.access.check_change(&request.head, request.ends, visitor.means)
        };
        check.map_err(denied)?;
    }
    Ok(visitor)
}

/// What somebody who may not is told. Never which face they asked for.
fn denied(server: &Server, request: &Request, why: Denied) -> Answer {
    figures::add(&server.figures.denied, 1);
    match why {
        Denied::Missing => Answer::json(401, r#"{"error":"log in first"}"#.into())
            .header("WWW-Authenticate", "Bearer"),
        Denied::Wrong => match failure(server, request) {
            Some(answer) => answer,
            None => Answer::json(401, r#"{"error":"that token is not valid"}"#.into())
                .header("WWW-Authenticate", "Bearer error=\"invalid_token\""),
        },
        Denied::Host => {
            Answer::text(403, "this server is not known by that name; allow it with --allow-origin")
        }
        Denied::Origin => Answer::text(403, "this may be asked by a page of this server only"),
        Denied::Header => Answer::text(403, "send the header X-Facemux: 1"),
    }
}

/// Counts a failed login; an answer when it was one too many.
fn failure(server: &Server, request: &Request) -> Option<Answer> {
    let source = request.ends.peer.ip();
    let wait = server.failures.borrow_mut().add(source, clock::mono_ms());
    if wait.is_none() {
        // Beyond the limit there is no line either: nobody fills a disk by guessing.
        log::warn!("a login with a wrong token from {source}");
    }
    let wait = wait?;
    Some(
        Answer::text(429, "too many failed logins; wait a little")
            .header("Retry-After", wait.to_string()),
    )
}

/// Everything that needs no credential.
async fn open(server: &Rc<Server>, request: &Request, route: &Route) -> Answer {
    match route {
        Route::Health => Answer::text(200, "ok"),
        Route::Version => api::version(),
        Route::Ready => match api::living(server).await {
            Some(_) => Answer::text(200, "ready"),
            None => Answer::text(503, "the daemon does not answer").header("Retry-After", "1"),
        },
        Route::Metrics => {
            let text = server.figures.text(api::living(server).await);
            Answer::new(200, "text/plain; version=0.0.4", text.into_bytes())
        }
        Route::Asset(path) => match assets::find(path) {
            Some(asset) => assets::answer(asset, &request.head),
            None => Answer::text(404, "not found"),
        },
        _ => Answer::text(404, "not found"),
    }
}

/// `/` in all its forms.
async fn page(server: &Rc<Server>, request: &Request, target: &Target) -> Answer {
    let head = &request.head;
    let face = match target.query("face") {
        None => None,
        Some(face) => match route::face_name(face) {
            Some(face) => Some(face),
            None => return Answer::html(404, plain::missing()),
        },
    };
    let place = face.as_ref().map_or("/".to_owned(), |face| format!("/?face={face}"));
    if let Some(secret) = target.query("t") {
        return exchange(server, request, secret, &place, true);
    }
    let visitor = match server.visitor(head, request.ends) {
        Ok(visitor) => visitor,
        Err(Denied::Missing) => {
            figures::add(&server.figures.denied, 1);
            // A link from another site comes without the Strict cookie: once more from here, it comes with it.
            let again = target.query("again").is_none() && comes_from_elsewhere(head);
            let mark = if face.is_some() { "&" } else { "?" };
            let retry = again.then(|| format!("{place}{mark}again=1"));
            return Answer::html(401, plain::login(retry.as_deref(), false, face.as_deref()))
                .header("WWW-Authenticate", "Bearer");
        }
        Err(why) => return denied(server, request, why),
    };
    if target.query("again").is_some() {
        return Answer::found(place);
    }
    match face {
        None => new_face(server, request, &visitor).await,
        Some(face) => show(server, request, &visitor, &face).await,
    }
}

/// Whether a browser says that it follows another site's link, or does not say where it comes from.
fn comes_from_elsewhere(head: &Head) -> bool {
    !matches!(head.get("sec-fetch-site"), Some("same-origin" | "none"))
}

/// A new face for a navigation, and the way to it.
async fn new_face(server: &Rc<Server>, request: &Request, visitor: &Visitor) -> Answer {
    let head = &request.head;
    let navigates = head.get("sec-fetch-mode").is_none_or(|mode| mode == "navigate")
        && head.get("sec-fetch-dest").is_none_or(|dest| dest == "document")
        && head.get("sec-purpose").is_none()
        && head.method == "GET";
    let lured = visitor.means != Means::Bearer && head.get("sec-fetch-site") == Some("cross-site");
    if !navigates || lured {
        let sentence = "A new terminal is started from here: open this page by its address.";
        return Answer::html(200, plain::invitation(sentence));
    }
    match api::start_face(server, visitor, api::FaceWish::default()).await {
        Ok(info) => Answer::found(format!("/?face={}", info.id)),
        Err(error) => trouble(&error),
    }
}

/// The page of a face.
async fn show(server: &Rc<Server>, request: &Request, visitor: &Visitor, face: &str) -> Answer {
    let (info, screen) = match api::look(server, visitor, face).await {
        Ok(found) => found,
        Err(error) => return trouble(&error),
    };
    match (info.state, &info.end) {
        (FaceState::Ended, Some(end)) => {
            Answer::html(410, plain::gone(&plain::label(&info), &info.command, end, &screen))
        }
        _ => match assets::find("index.html") {
            Some(asset) => assets::page(asset, &request.head),
            None => Answer::html(200, plain::without_bundle(&info)),
        },
    }
}

/// What went wrong, as a page.
fn trouble(error: &DoorError) -> Answer {
    match error {
        DoorError::Refused(refusal) => match refusal.as_ref() {
            Refusal::NoSuchFace(_) => Answer::html(404, plain::missing()),
            Refusal::Gone { id, end } => {
                Answer::html(410, plain::gone(&format!("Face {id}"), "", end, ""))
            }
            other => {
                Answer::html(api::status(other), plain::trouble("Not now", &other.to_string()))
            }
        },
        other => {
            log::warn!("{other}");
            let sentence = "The server is starting or ending. Try again in a moment.";
            Answer::html(503, plain::trouble("One moment", sentence)).header("Retry-After", "1")
        }
    }
}

/// A link's secret becomes a cookie, and the browser moves on to a place without it.
fn exchange(server: &Server, request: &Request, secret: &str, place: &str, link: bool) -> Answer {
    let head = &request.head;
    if let Err(why) = server.access.check_host(head, request.ends) {
        return denied(server, request, why);
    }
    if !server.access.wants_tokens() {
        return Answer::html(200, plain::moving_on(place));
    }
    if link && (head.method != "GET" || head.get("sec-purpose").is_some()) {
        // Looking ahead must not spend a link.
        return Answer::html(401, plain::login(None, false, None));
    }
    let cookie = server.tokens.borrow_mut().change(|store| {
        Ok::<_, TokenFileError>(store.exchange(secret, COOKIE_MS, random()?, clock::wall_ms())?)
    });
    match cookie {
        Ok(Some(cookie)) => {
            let secure = server.access.is_secure(head);
            let name = server.access.cookie_name(head);
            let set = cookie::set(&name, &cookie, secure, COOKIE_MS / 1000);
            Answer::html(200, plain::moving_on(place)).header("Set-Cookie", set)
        }
        Ok(None) => {
            figures::add(&server.figures.denied, 1);
            failure(server, request)
                .unwrap_or_else(|| Answer::html(401, plain::login(None, true, None)))
        }
        Err(error) => {
            log::error!("nobody can log in: {error}");
            Answer::html(
                503,
                plain::trouble("Not now", "The token file cannot be used; see the log."),
            )
        }
    }
}

/// The login form's answer.
fn login(server: &Server, request: &Request) -> Answer {
    if let Err(why) = server.access.check_origin(&request.head, request.ends, Means::Ambient) {
        return denied(server, request, why);
    }
    let secret = form_value(&request.body, "token").unwrap_or_default();
    let face = form_value(&request.body, "face").and_then(|face| route::face_name(&face));
    let place = face.map_or("/".to_owned(), |face| format!("/?face={face}"));
    exchange(server, request, secret.trim(), &place, false)
}

fn logout(server: &Server, request: &Request) -> Answer {
    if let Err(why) = server.access.check_origin(&request.head, request.ends, Means::Ambient) {
        return denied(server, request, why);
    }
    let name = server.access.cookie_name(&request.head);
    for secret in cookie::values(&request.head, &name).take(4) {
        let forgotten = server.tokens.borrow_mut().change(|store| {
            store.forget(secret);
            Ok::<_, TokenFileError>(())
        });
        if let Err(error) = forgotten {
            log::error!("a logout was not kept: {error}");
        }
    }
    let set = cookie::set(&name, "", server.access.is_secure(&request.head), 0);
    Answer::html(200, plain::login(None, false, None)).header("Set-Cookie", set)
}

/// The WebSocket's handshake. Who may not is told by a close code where a page can read it, and by a plain 403
/// where another site's page asks.
fn socket(server: &Rc<Server>, request: &Request, target: &Target) -> Outcome {
    match socket_wish(server, request, target) {
        Ok(wish) => Outcome::Socket(Box::new(wish)),
        Err(answer) => Outcome::Answer(answer.closing()),
    }
}

fn socket_wish(server: &Server, request: &Request, target: &Target) -> Result<relay::Wish, Answer> {
    let head = &request.head;
    let upgrade = head.has_word("upgrade", "websocket") && head.has_word("connection", "upgrade");
    if !upgrade || head.method != "GET" || head.get("sec-websocket-version") != Some("13") {
        return Err(Answer::text(426, "this is a WebSocket of version 13")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13"));
    }
    let key = head.get("sec-websocket-key").filter(|key| key.len() == 24);
    let key = key.ok_or_else(|| Answer::text(400, "Sec-WebSocket-Key is needed"))?.to_owned();
    let face = target.query("face").and_then(route::face_name);
    let face = face.ok_or_else(|| Answer::text(400, "say which face: /ws?face=N"))?;
    let dialect = Dialect::choose(head.words("sec-websocket-protocol"))
        .ok_or_else(|| Answer::text(400, "offer the subprotocol facemux.1 or tty"))?;
    let ticket = target.query("ticket").map(|ticket| {
        let visitor = server.tickets.borrow_mut().redeem(ticket, &face, clock::mono_ms());
        visitor.ok_or(Denied::Wrong)
    });
    let visitor = ticket.unwrap_or_else(|| server.visitor(head, request.ends));
    // Without a credential yet, a ttyd client may still show its ticket: that is one no browser sends by itself.
    let means = visitor.as_ref().map_or(Means::Bearer, |v| v.means);
    let checked = server.access.check_origin(head, request.ends, means);
    checked.map_err(|why| denied(server, request, why))?;
    let visitor = match visitor {
        Ok(visitor) => Some(visitor),
        Err(Denied::Missing) => None,
        Err(why) => return Err(denied(server, request, why)),
    };
    Ok(relay::Wish { visitor, face, dialect, key })
}

/// Asks the daemon one thing on a visitor's behalf.
///
/// # Errors
/// `DoorError`.
pub async fn ask(
    server: &Server,
    visitor: &Visitor,
    request: &crate::wire::Request,
) -> Result<(Reply, Vec<u8>), DoorError> {
    let mut door = Door::open(&server.reactor, &server.start.socket, &visitor.actor).await?;
    door.call(request).await
}
