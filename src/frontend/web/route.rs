//! Which answer a request asks for. Pure: method and target in, a route out.

use super::target::Target;
use crate::wire::Format;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Route {
    /// `/` or `/?face=N`, also with `t=`.
    Page,
    /// The login form.
    Login,
    /// The end of the session.
    Logout,
    /// A file of the page.
    Asset(String),
    /// The WebSocket.
    Socket,
    /// ttyd's `/token`.
    TtydToken,
    /// A snapshot.
    Snapshot(String, Format),
    /// The list of faces.
    List,
    /// A new face.
    Create,
    /// One face's info.
    Info(String),
    /// Its end.
    End(String),
    /// Its new name.
    Rename(String),
    /// Its new size.
    Resize(String),
    /// Input for it.
    Input(String),
    /// Events.
    Events,
    /// A ticket for a WebSocket.
    Ticket,
    /// A token for somebody else.
    Share,
    /// Alive.
    Health,
    /// The daemon answers too.
    Ready,
    /// Figures.
    Metrics,
    /// The version.
    Version,
}

/// Why there is no route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoRoute {
    /// Nothing of that name.
    NotFound,
    /// Not with this method; what is allowed.
    Method(&'static str),
}

impl Route {
    /// The route of a request.
    ///
    /// # Errors
    /// `NoRoute`.
    pub fn find(method: &str, target: &Target) -> Result<Route, NoRoute> {
        let segments: Vec<&str> = target.segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            [] => get(method, Route::Page),
            ["login"] => post(method, Route::Login),
            ["logout"] => post(method, Route::Logout),
            ["ws"] => get(method, Route::Socket),
            ["token"] => get(method, Route::TtydToken),
            ["healthz"] => get(method, Route::Health),
            ["readyz"] => get(method, Route::Ready),
            ["metrics"] => get(method, Route::Metrics),
            ["version"] => get(method, Route::Version),
            ["f", file] => {
                let (face, format) = snapshot(file).ok_or(NoRoute::NotFound)?;
                get(method, Route::Snapshot(face, format))
            }
            ["api", "v1", rest @ ..] => api(method, rest),
            path => get(method, Route::Asset(path.join("/"))),
        }
    }

    /// Whether it is served to everybody.
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            Route::Health | Route::Ready | Route::Metrics | Route::Version | Route::Asset(_)
        )
    }
}

fn api(method: &str, rest: &[&str]) -> Result<Route, NoRoute> {
    match rest {
        ["faces"] => match method {
            "POST" => Ok(Route::Create),
            "GET" | "HEAD" => Ok(Route::List),
            _ => Err(NoRoute::Method("GET, HEAD, POST")),
        },
        ["faces", face] => {
            let face = face_name(face).ok_or(NoRoute::NotFound)?;
            match method {
                "GET" | "HEAD" => Ok(Route::Info(face)),
                "DELETE" => Ok(Route::End(face)),
                "PATCH" => Ok(Route::Rename(face)),
                _ => Err(NoRoute::Method("GET, HEAD, PATCH, DELETE")),
            }
        }
        ["faces", face, "resize"] => {
            post(method, Route::Resize(face_name(face).ok_or(NoRoute::NotFound)?))
        }
        ["faces", face, "input"] => {
            post(method, Route::Input(face_name(face).ok_or(NoRoute::NotFound)?))
        }
        ["events"] => get(method, Route::Events),
        ["ws-ticket"] => post(method, Route::Ticket),
        ["tokens"] => post(method, Route::Share),
        _ => Err(NoRoute::NotFound),
    }
}

fn get(method: &str, route: Route) -> Result<Route, NoRoute> {
    if matches!(method, "GET" | "HEAD") { Ok(route) } else { Err(NoRoute::Method("GET, HEAD")) }
}

fn post(method: &str, route: Route) -> Result<Route, NoRoute> {
    if method == "POST" { Ok(route) } else { Err(NoRoute::Method("POST")) }
}

/// A face's id, name or key as it may stand in a URL; whether there is one only the daemon knows.
pub fn face_name(text: &str) -> Option<String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
    (!text.is_empty() && text.len() <= 100 && text.bytes().all(good)).then(|| text.to_owned())
}

fn snapshot(file: &str) -> Option<(String, Format)> {
    let (face, extension) = file.rsplit_once('.')?;
    let format = match extension {
        "txt" => Format::Text,
        "ansi" => Format::Ansi,
        "json" => Format::Json,
        "html" => Format::Html,
        "svg" => Format::Svg,
        _ => return None,
    };
    Some((face_name(face)?, format))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn find(method: &str, path: &str) -> Result<Route, NoRoute> {
        Route::find(method, &Target::parse(path).unwrap())
    }

    #[test]
    fn each_path_has_its_route() {
        assert_eq!(find("GET", "/?face=3"), Ok(Route::Page));
        assert_eq!(find("GET", "/ws?face=3"), Ok(Route::Socket));
        assert_eq!(find("GET", "/f/3.svg"), Ok(Route::Snapshot("3".into(), Format::Svg)));
        assert_eq!(find("GET", "/f/a.b.txt"), Ok(Route::Snapshot("a.b".into(), Format::Text)));
        assert_eq!(find("POST", "/api/v1/faces"), Ok(Route::Create));
        assert_eq!(find("DELETE", "/api/v1/faces/12"), Ok(Route::End("12".into())));
        assert_eq!(find("GET", "/api/v1/faces/live:12"), Ok(Route::Info("live:12".into())));
        assert_eq!(find("GET", "/assets/page.js"), Ok(Route::Asset("assets/page.js".into())));
        for missing in ["/f/3", "/f/3.png", "/f/.txt", "/api/v1/faces/a%20b", "/api/v1/x"] {
            assert_eq!(find("GET", missing), Err(NoRoute::NotFound), "{missing}");
        }
        assert_eq!(find("GET", "/api/v1/tokens"), Err(NoRoute::Method("POST")));
        assert_eq!(find("TRACE", "/"), Err(NoRoute::Method("GET, HEAD")));
    }
}
