//! What a publisher's thread does: attempt after attempt, until it is to end or there is no hope.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tokio::{runtime::Runtime, sync::watch, time::sleep};

use super::{
    NoteSeverity, PublisherConfig, PublisherEvent, Shared,
    attempt::{self, Setback},
};
use crate::{
    control::{
        moves::Moves,
        reconnect::{LONGEST_WAIT_FOR_NAME, Next, Reconnect, Trouble},
    },
    media::packet::StreamFormat,
    rtmp::{
        publish::Event,
        refusal::{Failure, Peer},
    },
    units::Bitrate,
};

/// Publishes until it is over, and tells so whatever happens: who waits for the end must not wait for ever
/// because of a mistake in this program.
pub(super) fn run(runtime: Runtime, context: Context) {
    let mut task = Task {
        reconnect: Reconnect::new(context.config.clock.now(), context.config.give_up_after),
        moves: Moves::default(),
        last_failure: None,
        context,
    };
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(task.publish())));
    // A lookup of the server's name may still be under way, for longer than anybody waits.
    runtime.shutdown_background();
    let context = task.context;
    let because = ended.unwrap_or_else(|_| Some(Failure::publisher_crashed(&context.peer)));
    context.shared.inbox.end();
    context.shared.inbox.discard();
    context.tell(PublisherEvent::Ended { because });
}

/// What all connections of a publisher share.
pub(super) struct Context {
    pub(super) config: PublisherConfig,
    /// The server that was asked for.
    pub(super) peer: Peer,
    pub(super) shared: Arc<Shared>,
    pub(super) formats: watch::Receiver<StreamFormat>,
    stopped: watch::Receiver<bool>,
    on_event: RefCell<Box<dyn FnMut(PublisherEvent) + Send>>,
}

impl Context {
    pub(super) fn new(
        config: PublisherConfig,
        shared: Arc<Shared>,
        stopped: watch::Receiver<bool>,
        formats: watch::Receiver<StreamFormat>,
        on_event: impl FnMut(PublisherEvent) + Send + 'static,
    ) -> Self {
        Self {
            peer: Peer::of(&config.server),
            config,
            shared,
            formats,
            stopped,
            on_event: RefCell::new(Box::new(on_event)),
        }
    }

    /// Resolves once the publisher shall end. It can be waited for beside anything else.
    pub(super) fn stop_signal(&self) -> impl Future<Output = ()> + use<> {
        asked_to_stop(self.stopped.clone())
    }

    pub(super) fn tell(&self, event: PublisherEvent) {
        (self.on_event.borrow_mut())(event);
    }

    pub(super) fn inform(&self, text: String) {
        self.tell(PublisherEvent::Note {
            severity: NoteSeverity::Info,
            text,
        });
    }

    /// Why the session with `peer` is over, if `event` means that; tells what a person may want to know.
    pub(super) fn end_of(&self, peer: &Peer, event: Event) -> Option<Failure> {
        match event {
            Event::Failed(failure) => Some(failure),
            Event::Closed | Event::Onward(_) => Some(Failure::ended_by_server(peer, "")),
            Event::Note(text) => {
                self.inform(text);
                None
            }
            Event::Accepted | Event::ServerAcknowledged(_) | Event::MoveWanted { .. } => None,
        }
    }

    pub(super) fn warn(&self, text: String) {
        self.tell(PublisherEvent::Note {
            severity: NoteSeverity::Warning,
            text,
        });
    }
}

/// What the thread owns.
pub(super) struct Task {
    pub(super) context: Context,
    pub(super) reconnect: Reconnect,
    pub(super) moves: Moves,
    /// Why the last attempt failed.
    pub(super) last_failure: Option<Failure>,
}

impl Task {
    /// Attempt after attempt, each from the address that was asked for. Returns why it is over, if not
    /// because that was asked for.
    async fn publish(&mut self) -> Option<Failure> {
        let mut attempt = 1;
        loop {
            self.context.tell(PublisherEvent::Connecting { attempt });
            let setback = attempt::run(self).await.err()?;
            self.context.shared.inbox.discard();
            self.context.shared.update_stats(|stats| {
                stats.sent_rate = Bitrate::ZERO;
                stats.round_trip = None;
            });
            let now = self.context.config.clock.now();
            let next = self
                .reconnect
                .on_failure(now, trouble(&setback), fastrand::f64());
            let because = self.told(setback, next);
            let Next::Retry { at, attempt: next } = next else {
                return Some(because);
            };
            attempt = next;
            self.last_failure = Some(because.clone());
            self.context.tell(PublisherEvent::Reconnecting {
                attempt,
                retry_at: at,
                because,
            });
            let pause = self.context.config.clock.until(at);
            tokio::select! {
                () = sleep(pause) => {}
                () = self.context.stop_signal() => return None,
            }
        }
    }

    /// The setback in the light of what was before and comes next.
    fn told(&self, setback: Setback, next: Next) -> Failure {
        let Setback { failure, name_held } = setback;
        let peer = &self.context.peer;
        match next {
            Next::Stop if name_held => {
                Failure::held_too_long(peer, LONGEST_WAIT_FOR_NAME, failure.server_words)
            }
            Next::Retry { .. } if name_held && self.reconnect.was_live() => {
                failure.still_held(peer)
            }
            _ => failure,
        }
    }
}

async fn asked_to_stop(mut stopped: watch::Receiver<bool>) {
    // An error means that the handle is gone, which asks for the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn trouble(setback: &Setback) -> Trouble {
    if setback.name_held {
        Trouble::NameInUse
    } else if setback.failure.may_mend() {
        Trouble::Link
    } else {
        Trouble::Hopeless
    }
}
