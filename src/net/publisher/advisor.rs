//! What a connection would like to be sent: it is looked at for [`BitrateControl`], and what that advises is told.

use tokio::sync::watch;

use super::{PublisherEvent, link::Link, task::Context};
use crate::{
    control::{
        bitrate::{BitrateControl, RateLimits},
        rate::RateMeter,
    },
    units::MediaTime,
};

/// Watches one publisher's connections.
pub(super) struct Advisor {
    control: BitrateControl,
    limits: watch::Receiver<RateLimits>,
    sent: RateMeter,
    delivered: RateMeter,
}

impl Advisor {
    pub(super) fn new(context: &Context) -> Self {
        let mut limits = context.limits.clone();
        let audio = context.config.format.audio.bitrate;
        let control = BitrateControl::new(*limits.borrow_and_update(), audio);
        Self {
            control,
            limits,
            sent: RateMeter::default(),
            delivered: RateMeter::default(),
        }
    }

    /// Another connection carries the stream from `now` on.
    pub(super) fn on_connected(&mut self, context: &Context, now: MediaTime) {
        if let Some(change) = self.control.on_connected(now) {
            context.tell(PublisherEvent::Advice(change));
        }
    }

    /// Looks, ten times a second, at how fast the stream goes, and at the `link` that carries it.
    pub(super) fn look(&mut self, context: &Context, link: Option<&Link>, now: MediaTime) {
        let stats = context.shared.stats();
        let sent_rate = self.sent.observe(now, stats.bytes_sent);
        let delivered_rate = self.delivered.observe(now, stats.acknowledged);
        context.shared.update_stats(|stats| {
            stats.sent_rate = sent_rate;
            stats.delivered_rate = delivered_rate;
        });
        // An error means that the handle is gone, and the end near.
        if self.limits.has_changed().unwrap_or(false) {
            let limits = *self.limits.borrow_and_update();
            if let Some(change) = self.control.set_limits(limits, now) {
                context.tell(PublisherEvent::Advice(change));
            }
        }
        if let Some(sample) = link.and_then(|link| link.sample(now))
            && let Some(change) = self.control.observe(&sample)
        {
            context.tell(PublisherEvent::Advice(change));
        }
    }
}
