//! A destination's words: who is to blame, and how often the same is told.

use std::time::Duration;

use crate::{
    engine::event::{Cause, Decision, Severity},
    rtmp::refusal::{self, Failure, FailureKind},
    units::{MediaTime, grouped},
};

/// Which part of the way a failure concerns.
pub(super) fn blame(failure: &Failure) -> Cause {
    match failure.kind {
        FailureKind::Address | FailureKind::Local => Cause::User,
        _ if failure.is_the_servers() => Cause::Server,
        _ => Cause::Uplink,
    }
}

/// `Live again after 4.2 s; viewers missed 126 pictures`.
pub(super) fn live_again(now: MediaTime, down_for: Duration, missed: u64) -> Decision {
    let missing = match missed {
        0 => "no picture".to_owned(),
        1 => "1 picture".to_owned(),
        many => format!("{} pictures", grouped(many)),
    };
    let text = format!(
        "Live again after {}; viewers missed {missing}",
        span(down_for)
    );
    Decision::new(now, Severity::Good, Cause::Server, text).with_figures([
        ("interruption_s", down_for.as_secs_f64()),
        ("frames_missed", missed as f64),
    ])
}

/// Keeps a long outage from being told with each attempt.
#[derive(Default)]
pub(super) struct Retold {
    /// What was told lately, and when: attempts that overlap fail for several reasons in turn.
    lately: Vec<(refusal::Cause, MediaTime)>,
}

impl Retold {
    /// Tells a setback: at once when none like it was told lately, otherwise every [`RETELL_AFTER`].
    pub(super) fn tell(
        &mut self,
        attempt: u32,
        retry_at: MediaTime,
        because: &Failure,
        down_for: Option<Duration>,
        now: MediaTime,
    ) -> Option<Decision> {
        self.lately
            .retain(|(_, told_at)| now.since(*told_at) < RETELL_AFTER);
        if self.lately.iter().any(|(cause, _)| *cause == because.cause) {
            return None;
        }
        self.lately.push((because.cause, now));
        let wait = retry_at.since(now);
        let when = if wait < Duration::from_millis(500) {
            "Trying again now.".to_owned()
        } else {
            format!("Trying again in {:.0} s.", wait.as_secs_f32().ceil())
        };
        let text = format!("{because} {when}");
        let decision = Decision::new(now, Severity::Error, blame(because), text)
            .with_figures([("attempt", f64::from(attempt))]);
        Some(match down_for {
            Some(down_for) => decision.with_figures([("down_s", down_for.as_secs_f64())]),
            None => decision,
        })
    }
}

/// The failure that a message of the form "what is wrong; what to do" tells of.
#[must_use]
pub fn explained(cause: refusal::Cause, message: &str) -> Failure {
    let (what, remedy) = message
        .split_once("; ")
        .unwrap_or((message, cause.remedy()));
    Failure::of_ours(cause, sentence(what), sentence(remedy))
}

/// With a capital, unless it begins with an address, and a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let first_word = text.split(' ').next().unwrap_or_default();
    if first_word.contains("://") {
        return format!("{text}.");
    }
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", letters.as_str())
}

/// `4.2 s`, `3 min 20 s`, `8 h 0 min`.
#[must_use]
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f32()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", grouped(seconds / 3600), seconds % 3600 / 60),
    }
}

/// How often the same setback is told.
const RETELL_AFTER: Duration = Duration::from_secs(30);
