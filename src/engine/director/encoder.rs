//! The director's part in the video encoder: what the user lets it make, and whether it does.

use std::time::Duration;

use super::Director;
use crate::engine::{
    broadcast::Broadcasting,
    command::OutputFormat,
    event::{Cause, Decision, Severity},
    oversight::Finding,
};
use crate::{
    control::{
        effort::{Effort, EffortSample},
        obedience::Verdict,
    },
    units::{Bitrate, MediaTime},
};

impl Director {
    /// What is due four times a second while an encoder runs.
    pub(super) fn oversee_encoder(&mut self) {
        let now = self.clock.now();
        let format = self
            .encoders
            .as_ref()
            .and_then(|encoders| encoders.format().video);
        let Some(format) = format else {
            return;
        };
        let order = self.orders.current();
        if let Some(finding) = self.oversight.observe(now, &self.counters, order) {
            self.deal_with(finding);
        }
        if self.oversight.is_uneasy(now) {
            self.statistics.forgive();
        } else {
            self.choose_effort(now);
        }
        let bitrates = (order.video, self.orders.limits().ceiling);
        let told = self
            .statistics
            .overload(now, &self.counters, &format, bitrates);
        self.tell_all(told);
    }

    /// As thoroughly as this computer has time for.
    fn choose_effort(&mut self, now: MediaTime) {
        let change = self.effort.observe(EffortSample {
            now,
            busy: Duration::from_nanos(self.counters.encoding.get()),
        });
        let (Some(change), Some(encoders)) = (change, &mut self.encoders) else {
            return;
        };
        encoders.set_effort(change.effort);
        let severity = match change.effort {
            Effort::Fast => Severity::Info,
            Effort::Full => Severity::Good,
        };
        let decision = Decision::new(now, severity, Cause::Encoder, change.to_string());
        self.tell(decision.with_figures([("encoder_load", change.load)]));
    }

    fn deal_with(&mut self, Finding { verdict, restart }: Finding) {
        let remedy = match verdict {
            _ if restart => " It is started again.",
            Verdict::Exceeds { .. } => " What the uplink does not carry of it is left out.",
            Verdict::Silent { .. } => {
                " Starting it again did not help: stop, and start with another size or frame rate."
            }
            Verdict::Obeys { .. } => "",
        };
        let kbps = |rate: Bitrate| f64::from(rate.kbps());
        let figures = match verdict {
            Verdict::Exceeds { ordered, made } | Verdict::Obeys { ordered, made } => {
                [("ordered_kbps", kbps(ordered)), ("made_kbps", kbps(made))]
            }
            Verdict::Silent { silent_for, given } => [
                ("silent_s", silent_for.as_secs_f64()),
                ("frames_given", given as f64),
            ],
        };
        let severity = if verdict.is_trouble() {
            Severity::Error
        } else {
            Severity::Good
        };
        let text = format!("{verdict}{remedy}");
        let decision = Decision::new(self.clock.now(), severity, Cause::Encoder, text);
        self.tell(decision.with_figures(figures));
        if restart {
            self.restart_encoder();
        }
    }

    fn restart_encoder(&mut self) {
        let Some(encoders) = &mut self.encoders else {
            return;
        };
        let restarted = encoders.restart_video(
            self.parts.open_encoder,
            &self.sources,
            self.clock,
            &self.counters,
            &self.reports,
        );
        if let Err(message) = restarted {
            self.decide(Severity::Error, Cause::Encoder, message);
        }
    }

    /// The user allows another bitrate while encoders run.
    pub(super) fn change_limits(&mut self, before: &OutputFormat) {
        let limits = self.format.limits();
        if limits == before.limits() {
            return;
        }
        if let Some(broadcast) = &self.broadcast {
            broadcast.set_limits(limits);
        }
        let text = if limits.adaptive {
            format!(
                "Video bitrate follows the uplink now, between {} and {}",
                limits.floor, limits.ceiling
            )
        } else {
            format!("Video bitrate is {} now", limits.ceiling)
        };
        self.decide(Severity::Info, Cause::User, text);
        let advice = self.broadcast.as_ref().and_then(Broadcasting::advice);
        if self.orders.set_limits(limits, advice)
            && let Some(encoders) = &mut self.encoders
        {
            encoders.order(self.orders.current());
        }
    }
}
