//! What programs write to the clipboard (OSC 52), for the pages that look at their faces.
//!
//! The daemon tells it as an event, not in a viewer's stream. One connection watches for all pages and only while
//! there are any; each page keeps the last text it has not been sent. Whether the browser's clipboard takes it is the
//! page's user's say.

use super::door::{Door, DoorError};
use super::server::Server;
use crate::units::FaceId;
use crate::wire::{Actor, Event, Request};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

/// Between two tries to reach the daemon.
const RETRY: Duration = Duration::from_millis(500);

/// The pages that listen.
#[derive(Default)]
pub struct Listeners {
    pages: RefCell<BTreeMap<u64, Page>>,
    count: Cell<u64>,
    watching: Cell<bool>,
}

struct Page {
    face: FaceId,
    text: Option<String>,
    waker: Option<Waker>,
}

/// One page's ear; it stops listening when dropped.
pub struct Ear {
    server: Rc<Server>,
    number: u64,
}

impl Ear {
    /// Listens for `face`.
    pub fn new(server: &Rc<Server>, face: FaceId) -> Ear {
        let listeners = &server.clipboard;
        let number = listeners.count.get();
        listeners.count.set(number + 1);
        listeners.pages.borrow_mut().insert(number, Page { face, text: None, waker: None });
        if !listeners.watching.replace(true) {
            server.executor.spawn(watch(server.clone())).detach();
        }
        Ear { server: server.clone(), number }
    }

    /// What was written, as base64; else the task is woken when something is.
    pub fn poll(&self, waker: &Waker) -> Option<String> {
        let mut pages = self.server.clipboard.pages.borrow_mut();
        let page = pages.get_mut(&self.number)?;
        if !page.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            page.waker = Some(waker.clone());
        }
        page.text.take()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.server.clipboard.pages.borrow_mut().remove(&self.number);
    }
}

/// Watches for as long as anybody listens: whether that is so is looked at with each event.
async fn watch(server: Rc<Server>) {
    let listeners = &server.clipboard;
    while !listeners.pages.borrow().is_empty() {
        if let Err(error) = hear(&server).await {
            log::debug!("clipboards: {error}");
            server.reactor.sleep(RETRY).await;
        }
    }
    listeners.watching.set(false);
}

async fn hear(server: &Server) -> Result<(), DoorError> {
    let mut door = Door::open(&server.reactor, &server.start.socket, &Actor::OWNER).await?;
    door.call(&Request::Watch).await?;
    while !server.clipboard.pages.borrow().is_empty() {
        if let Event::Clipboard { id, base64 } = door.event().await? {
            let mut pages = server.clipboard.pages.borrow_mut();
            for page in pages.values_mut().filter(|page| page.face == id) {
                page.text = Some(base64.clone());
                page.waker.iter().for_each(Waker::wake_by_ref);
            }
        }
    }
    Ok(())
}
