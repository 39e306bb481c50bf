//! Moving a live stream to another connection without a gap (Enhanced RTMP v2, Reconnect Request).
//!
//! ```text
//! carrying   old ----- key frame -> new ---------------------->
//! next             making new | ready
//! leaving                      old: late sound | goodbye
//! ```

use std::{future::pending, mem, pin::Pin, time::Duration};

use super::{
    farewell::{Farewell, farewell},
    link::Link,
};
use crate::{
    media::{clock::Clock, packet::Packet},
    rtmp::refusal::Failure,
    units::MediaTime,
};

/// A connection being made for the stream to move to.
pub(super) type Approach<'a> = Pin<Box<dyn Future<Output = Result<Link, Failure>> + 'a>>;

/// The connection that is to carry the stream next.
#[derive(Default)]
pub(super) enum Next<'a> {
    #[default]
    None,
    Approaching(Approach<'a>),
    /// Whether the server accepted the stream was not taken note of yet.
    Done(Result<Box<Link>, Failure>),
    /// A key frame is awaited.
    Ready(Box<Link>),
}

impl Next<'_> {
    /// Waits for something to happen; for ever if nothing is under way.
    pub(super) async fn step(&mut self) {
        match self {
            Self::Approaching(approach) => *self = Self::Done(approach.await.map(Box::new)),
            Self::Ready(link) => link.step().await,
            Self::None | Self::Done(_) => pending().await,
        }
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(super) fn take_done(&mut self) -> Option<Result<Box<Link>, Failure>> {
        match mem::take(self) {
            Self::Done(result) => Some(result),
            other => {
                *self = other;
                None
            }
        }
    }

    pub(super) fn take_ready(&mut self) -> Option<Box<Link>> {
        match mem::take(self) {
            Self::Ready(link) => Some(link),
            other => {
                *self = other;
                None
            }
        }
    }
}

/// The connection that carried the stream before.
#[derive(Default)]
pub(super) enum Leaving {
    #[default]
    None,
    /// Sound from before the key frame at `moved_at` is still expected.
    Trailing {
        link: Box<Link>,
        moved_at: MediaTime,
        until: MediaTime,
    },
    Farewell(Farewell),
}

impl Leaving {
    /// `link` carried the stream up to the key frame at media time `moved_at`.
    pub(super) fn trailing(link: Box<Link>, moved_at: MediaTime, now: MediaTime) -> Self {
        Self::Trailing {
            link,
            moved_at,
            until: now + TRAILING_TIMEOUT,
        }
    }

    /// `link` carries nothing any more.
    pub(super) fn at_once(link: Box<Link>, clock: Clock) -> Self {
        Self::Farewell(farewell(*link, clock, clock.now() + FAREWELL_TIMEOUT))
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Sends `packet` if it belongs before the key frame with which the stream moved; else gives it back.
    pub(super) fn take_in(&mut self, packet: Packet, clock: Clock) -> Option<Packet> {
        let Self::Trailing { link, moved_at, .. } = self else {
            return Some(packet);
        };
        if matches!(packet, Packet::Video(_)) {
            return Some(packet);
        }
        if packet.time() < *moved_at {
            link.send(&packet);
            return None;
        }
        self.say_goodbye(clock);
        Some(packet)
    }

    /// Waits for something to happen; for ever if nothing is under way.
    pub(super) async fn step(&mut self) {
        match self {
            Self::None => pending().await,
            Self::Trailing { link, .. } => link.step().await,
            Self::Farewell(farewell) => {
                farewell.await;
                *self = Self::None;
            }
        }
    }

    /// Does what is due; returns when it wants to be called again.
    pub(super) fn attend(&mut self, clock: Clock) -> Option<MediaTime> {
        let Self::Trailing { link, until, .. } = self else {
            return None;
        };
        let until = *until;
        while let Some(event) = link.next_event() {
            tracing::debug!(peer = %link.peer, ?event, "from the connection that is being left");
        }
        if clock.now() < until && link.is_publishing() {
            return Some(until);
        }
        self.say_goodbye(clock);
        None
    }

    pub(super) fn say_goodbye(&mut self, clock: Clock) {
        match mem::take(self) {
            Self::Trailing { link, .. } => *self = Self::at_once(link, clock),
            other => *self = other,
        }
    }
}

/// How long sound may come after a picture that was taken later.
const TRAILING_TIMEOUT: Duration = Duration::from_millis(500);
/// How long leaving a server may take once nothing is left to be sent but what is in its queue.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(3);
