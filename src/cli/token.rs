//! `facemux token`: makes, lists and revokes what lets people in by the web. Works on the file in the state
//! directory, whether a server runs or not; a running one sees the change at once.

use super::args::{Args, Word};
use super::stop::{LIMIT, NOT_ALLOWED, OK, Stop};
use super::{Verb, out, server};
use crate::client::json::time;
use crate::frontend::token::{Entry, Grant, TokenError, Use};
use crate::frontend::token_file::{TokenFile, TokenFileError, random};
use crate::sys::clock;
use crate::wire::{Reply, Request, Role};
use std::time::Duration;

pub(super) const VERB: Verb = Verb {
    names: &["token"],
    summary: "make, list and revoke what lets people in by the web",
    help: "usage: facemux token new [--role owner|driver|viewer] [--face ID] [--user U] [--ttl DUR]
       facemux token ls
       facemux token revoke ID...

`new` prints a secret, alone, once: it is kept only as a hash. It is a link
(http://HOST:7681/?t=SECRET) and a header (Authorization: Bearer SECRET). `revoke` takes
the id that `ls` shows and also ends what browsers were given for it.

Options of new:
  --role R    owner (may do all), driver (may type) or viewer (may look): the default
  --face ID   for this face alone
  --user U    for the faces of this user alone
  --ttl DUR   how long it is good: 500ms 10s 5m 24h 7d, 0 for ever; default 24h

Exit: 0, 2 for words that make no sense, 4 for an unknown face or token, 5 when the file cannot
be used, 6 when there are too many.

Examples:
  facemux token new --role viewer --face 12 --ttl 1h
  facemux token new --role owner --ttl 0
  facemux token ls
  facemux token revoke 3f9a01bc
",
    run,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn run(args: &mut Args) -> Result<u8, Stop> {
    if args.actor().is_some() {
        return Err(Stop::failure(NOT_ALLOWED, "tokens are made at the server's machine only"));
    }
    match args.word()? {
        Some(Word::Value(verb)) if verb == "new" => new(args),
        Some(Word::Value(verb)) if verb == "ls" => list(args),
        Some(Word::Value(verb)) if verb == "revoke" => revoke(args),
        Some(Word::Value(verb)) => Err(Stop::usage(format!("token {verb}: say new, ls or revoke"))),
        Some(word) => Err(args.unknown(&word)),
        None => Err(Stop::usage("token: say new, ls or revoke")),
    }
}

fn new(args: &mut Args) -> Result<u8, Stop> {
    let mut grant =
        Grant { good_for: Use::Token, role: Role::Viewer, face: None, user: None, ttl_ms: None };
    let (mut face, mut ttl) = (None, DAY);
    while let Some(word) = args.word()? {
        match &word {
            Word::Option(o) if o == "--role" => grant.role = role(&args.value()?)?,
            Word::Option(o) if o == "--face" => face = Some(args.value()?),
            Word::Option(o) if o == "--user" => grant.user = Some(user(args.value()?)?),
            Word::Option(o) if o == "--ttl" => ttl = args.duration()?,
            _ => return Err(args.unknown(&word)),
        }
    }
    if let Some(face) = face {
        grant.face = Some(resolve(args, face)?);
    }
    grant.ttl_ms = u64::try_from(ttl.as_millis()).ok().filter(|ttl| *ttl > 0);
    let secret = file(args)?
        .change(|store| Ok::<_, TokenFileError>(store.add(grant, random()?, clock::wall_ms())?));
    out::line(&secret.map_err(explain)?);
    Ok(OK)
}

/// The id of a face; the server knows names and keys.
fn resolve(args: &Args, face: String) -> Result<u64, Stop> {
    let answer = server::connect(args)?.call(&Request::Info { face })?;
    match answer.reply {
        Reply::Face(info) => Ok(info.id.0),
        _ => Err(crate::client::ClientError::Misfit.into()),
    }
}

fn role(text: &str) -> Result<Role, Stop> {
    match text {
        "owner" => Ok(Role::Owner),
        "driver" => Ok(Role::Driver),
        "viewer" => Ok(Role::Viewer),
        _ => Err(Stop::usage(format!("--role {text}: owner, driver or viewer"))),
    }
}

fn user(text: String) -> Result<String, Stop> {
    let good = !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic());
    if good {
        Ok(text)
    } else {
        Err(Stop::usage(format!(
            "--user {text:?}: printable ASCII without spaces, at most 128 bytes"
        )))
    }
}

fn list(args: &mut Args) -> Result<u8, Stop> {
    args.end()?;
    let mut file = file(args)?;
    let store = file.read().map_err(explain)?;
    out::line("ID        ROLE    FACE  USER        MADE                      ENDS");
    for entry in store.tokens(clock::wall_ms()) {
        if !out::line(&row(entry)) {
            break;
        }
    }
    Ok(OK)
}

fn row(entry: &Entry) -> String {
    let role = match entry.role {
        Role::Owner => "owner",
        Role::Driver => "driver",
        Role::Viewer => "viewer",
    };
    let face = entry.face.map_or("-".into(), |id| id.to_string());
    let user = entry.user.as_deref().unwrap_or("-");
    let ends = entry.expires_ms.map_or("never".into(), time);
    let once = if entry.good_for == Use::Once { " (one use)" } else { "" };
    let made = time(entry.created_ms);
    format!("{}  {role:<6}  {face:>4}  {user:<10}  {made}  {ends}{once}", entry.id)
}

fn revoke(args: &mut Args) -> Result<u8, Stop> {
    let mut ids = Vec::new();
    while let Some(word) = args.word()? {
        match word {
            Word::Value(id) => ids.push(id),
            Word::Option(_) => return Err(args.unknown(&word)),
        }
    }
    if ids.is_empty() {
        return Err(Stop::usage("token revoke: which? `facemux token ls` lists them"));
    }
    let revoked = file(args)?.change(|store| {
        ids.iter().try_for_each(|id| store.revoke(id)).map_err(TokenFileError::from)
    });
    revoked.map_err(explain)?;
    Ok(OK)
}

fn file(args: &Args) -> Result<TokenFile, Stop> {
    let places = server::places(args)?;
    places.prepare().map_err(|e| Stop::failure(NOT_ALLOWED, e))?;
    Ok(TokenFile::new(&places.state))
}

fn explain(error: TokenFileError) -> Stop {
    let code = match &error {
        TokenFileError::Token(TokenError::Full) => LIMIT,
        TokenFileError::Token(TokenError::Unknown(_)) => super::stop::NO_FACE,
        _ => NOT_ALLOWED,
    };
    Stop::failure(code, error)
}
