//! What both sides of a session have in common: how they are driven, counting what was received, and keeping
//! what the other side can ask for to a bounded rate.
//!
//! # Driving a session
//!
//! Sessions know no socket and no clock. After every `handle_input`, call `poll_output` until it returns
//! [`Output::WakeAt`]; only then wait, for input or for that time, whichever comes first. Time is an argument
//! of `handle_input`; it never runs backwards.

use std::time::Duration;

use super::message::Message;
use crate::units::MediaTime;

/// What a session wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output<Event> {
    /// Send these bytes. They end where a message ends.
    Send(Vec<u8>),
    /// Tell.
    Event(Event),
    /// Nothing more before there is input; give it a tick at this time if none came.
    WakeAt(Option<MediaTime>),
}

/// Counts received bytes and says when to acknowledge them (RTMP 1.0, 5.4.3 and 5.4.4).
#[derive(Debug, Default)]
pub(super) struct ReceivedBytes {
    total: u64,
    acknowledged: u64,
    window: Option<u32>,
}

impl ReceivedBytes {
    pub(super) fn add(&mut self, bytes: usize) {
        self.total += bytes as u64;
    }

    /// The peer wants to hear after this many bytes each; 0 means never.
    pub(super) fn set_window(&mut self, window: u32) {
        self.window = (window > 0).then_some(window);
    }

    /// Whether an acknowledgement is due.
    pub(super) fn is_due(&self) -> bool {
        let window = self.window.map(u64::from);
        window.is_some_and(|window| self.total - self.acknowledged >= window)
    }

    /// The acknowledgement that is due, if one is.
    pub(super) fn acknowledgement(&mut self) -> Option<Message> {
        self.is_due().then(|| self.so_far())
    }

    /// The acknowledgement of all that was received so far, due or not.
    pub(super) fn so_far(&mut self) -> Message {
        self.acknowledged = self.total;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the count wraps on the wire"
        )]
        let on_the_wire = self.total as u32;
        Message::Acknowledgement(on_the_wire)
    }
}

/// Keeps what a peer can make us do at will to a bounded rate: who floods us with pings and does not read the
/// answers must not make us hold them.
#[derive(Debug)]
pub(super) struct PerSecond {
    most: u32,
    since: MediaTime,
    count: u32,
}

impl PerSecond {
    /// At most so often in each second.
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            since: MediaTime::ZERO,
            count: 0,
        }
    }

    /// Whether it may be once more at `now`; counts it if so.
    pub(super) fn allow(&mut self, now: MediaTime) -> bool {
        if now.since(self.since) >= Duration::from_secs(1) {
            self.since = now;
            self.count = 0;
        }
        let allowed = self.count < self.most;
        self.count += u32::from(allowed);
        allowed
    }
}

/// The message stream of the connection itself.
pub(super) const CONNECTION: u32 = 0;
