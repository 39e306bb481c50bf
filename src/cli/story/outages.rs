//! What was told of an outage, so that attempts each second do not flood: each cause once, then how it stands
//! every ten seconds.

use std::time::Duration;

use crate::{
    engine::event::{Cause, Decision, Severity, StreamStatus},
    units::MediaTime,
};

/// The outages that go on: one for each destination at most.
#[derive(Default)]
pub(super) struct Outages {
    open: Vec<Outage>,
}

struct Outage {
    whose: String,
    /// The causes told, without their numbers.
    told: Vec<String>,
    told_at: MediaTime,
}

impl Outages {
    /// Whether a person does not know this yet. Everything is news but a cause that was told of this outage.
    pub(super) fn is_news(&mut self, whose: &str, decision: &Decision, now: MediaTime) -> bool {
        let tells_of_outage = decision.severity == Severity::Error
            && matches!(decision.cause, Cause::Uplink | Cause::Server);
        if !tells_of_outage {
            return true;
        }
        let cause = essence(&decision.text);
        let outage = self.of(whose, now);
        if outage.told.contains(&cause) {
            return false;
        }
        if outage.told.len() == MOST_CAUSES {
            outage.told.remove(0);
        }
        outage.told.push(cause);
        outage.told_at = now;
        true
    }

    /// Follows a destination's state; while it is lost, a reminder comes back every [`REMINDER`].
    pub(super) fn follow(
        &mut self,
        whose: &str,
        status: &StreamStatus,
        now: MediaTime,
    ) -> Option<String> {
        match status {
            StreamStatus::Reconnecting {
                attempt, because, ..
            } => {
                let outage = self.of(whose, now);
                if now.since(outage.told_at) < REMINDER {
                    return None;
                }
                outage.told_at = now;
                Some(format!(
                    "Still reconnecting, attempt {attempt}: {}",
                    because.what
                ))
            }
            // An attempt that has come this far is not an end of the outage.
            StreamStatus::Connecting { .. } => None,
            StreamStatus::Live { .. } | StreamStatus::Stopping | StreamStatus::Offline { .. } => {
                self.open.retain(|outage| outage.whose != whose);
                None
            }
        }
    }

    fn of(&mut self, whose: &str, now: MediaTime) -> &mut Outage {
        let known = self.open.iter().position(|outage| outage.whose == whose);
        let index = known.unwrap_or_else(|| {
            self.open.push(Outage {
                whose: whose.to_owned(),
                told: Vec::new(),
                told_at: now,
            });
            self.open.len() - 1
        });
        &mut self.open[index]
    }
}

/// What stays the same when the same thing is told again: neither numbers nor when the next attempt is.
fn essence(text: &str) -> String {
    let text = text.split(" Trying again").next().unwrap_or(text);
    text.chars()
        .filter(|letter| !letter.is_ascii_digit())
        .collect()
}

/// How often it is told that nothing has changed.
const REMINDER: Duration = Duration::from_secs(10);

/// More causes than an outage has.
const MOST_CAUSES: usize = 16;
