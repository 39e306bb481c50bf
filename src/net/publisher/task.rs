//! What a publisher's thread does: attempt after attempt, until it is to end or there is no hope.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tokio::{
    runtime::Runtime,
    sync::{Notify, watch},
};

use super::{
    NoteSeverity, Publisher, PublisherConfig, PublisherEvent, Shared, attempt,
    connecting::connecting,
    course::{Course, End},
};
use crate::{
    control::bitrate::RateLimits,
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
    let mut course = Course::new(&context);
    let publishing = AssertUnwindSafe(|| runtime.block_on(publish(&context, &mut course)));
    let ended = catch_unwind(publishing);
    // A lookup of the server's name may still be under way, for longer than anybody waits.
    runtime.shutdown_background();
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
    pub(super) limits: watch::Receiver<RateLimits>,
    nudge: Arc<Notify>,
    on_event: RefCell<Box<dyn FnMut(PublisherEvent) + Send>>,
}

impl Context {
    pub(super) fn new(
        config: PublisherConfig,
        handle: &Publisher,
        on_event: impl FnMut(PublisherEvent) + Send + 'static,
    ) -> Self {
        Self {
            peer: Peer::of(&config.server),
            config,
            shared: Arc::clone(&handle.shared),
            formats: handle.format.subscribe(),
            limits: handle.limits.subscribe(),
            stopped: handle.stop.subscribe(),
            nudge: Arc::clone(&handle.nudge),
            on_event: RefCell::new(Box::new(on_event)),
        }
    }

    /// Resolves once the publisher shall end. It can be waited for beside anything else.
    pub(super) fn stop_signal(&self) -> impl Future<Output = ()> + use<> {
        asked_to_stop(self.stopped.clone())
    }

    /// Resolves when the next attempt is to start at once: somebody asks for it, or the network changed. One
    /// nudge is kept until it is waited for.
    pub(super) async fn nudged(&self) {
        self.nudge.notified().await;
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

/// Connection after connection, each from the address that was asked for. Returns why it is over, if not because
/// that was asked for.
async fn publish(context: &Context, course: &mut Course) -> Option<Failure> {
    loop {
        let link = match connecting(context, course).await {
            Ok(link) => link,
            Err(End::Asked) => return None,
            Err(End::Failed(failure)) => return Some(failure),
        };
        let setback = attempt::run(context, course, link).await.err()?;
        context.shared.inbox.discard();
        context.shared.update_stats(|stats| {
            stats.sent_rate = Bitrate::ZERO;
            stats.delivered_rate = Bitrate::ZERO;
            stats.round_trip = None;
        });
        if let Err(End::Failed(failure)) = course.on_lost(context, setback) {
            return Some(failure);
        }
    }
}

async fn asked_to_stop(mut stopped: watch::Receiver<bool>) {
    // An error means that the handle is gone, which asks for the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
