//! Attempts to be let in by a server, several at a time where that is faster: when each starts, which one speaks,
//! and which are given up.
//!
//! ```text
//! attempt 1   start --- connecting (its first packet was lost: repeated after 1, 3, 7 s) ------ given up
//! attempt 2       start --- connecting --- connected, speaks ------------- its way died: given up
//! attempt 3                                       start --- connecting --- connected, speaks --- accepted
//! ```
//!
//! While nobody speaks, an attempt starts about once a second, for as long as it takes: so a way that is there
//! again is found within a second, however long it was gone. Only one attempt at a time speaks with the server, so
//! that there never are two publishers; another that is connected waits, and takes over once the way of the one
//! that speaks is dead, not when the server is merely slow.
//!
//! Call [`Attempts::poll`] after every input, and at [`Attempts::wake_at`], until it returns `None`.

use std::time::Duration;

use super::reconnect::{Next, Reconnect, Trouble};
use crate::units::MediaTime;

/// All attempts of one output.
#[derive(Clone, Debug)]
pub struct Attempts {
    reconnect: Reconnect,
    /// Those under way, the oldest first.
    running: Vec<Running>,
    last: AttemptId,
    /// The newest one whose failure was taken for news.
    news_from: AttemptId,
    /// When the next one starts, if nothing else holds it back.
    due: MediaTime,
    /// Why then.
    why_due: WhyDue,
    /// When the last one started.
    started_at: Option<MediaTime>,
    /// Whether the way of the one that speaks is dead.
    stuck: bool,
    /// Whether no attempt is needed: the stream was accepted and is not lost yet, or it is over.
    at_rest: bool,
}

/// Tells attempts apart; a later one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptId(u64);

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start an attempt: look the server's name up and connect.
    Start {
        /// Which one it is.
        id: AttemptId,
        /// Its number since the link last was healthy, from 1.
        number: u32,
    },
    /// This one, which is connected, speaks with the server from now on.
    Speak(AttemptId),
    /// Give this one up; it is not heard of any more.
    Abandon(AttemptId),
    /// Stop trying: the time given is over. Nothing follows.
    GiveUp,
}

/// How quiet the way of the attempt that speaks is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// What was said has been waiting for so long to be acknowledged by the server's system; zero when all is.
    Unacknowledged(Duration),
    /// This system does not tell; but nothing was heard for so long.
    Unheard(Duration),
}

/// What comes after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It is tried again.
    Retry {
        /// When the next attempt starts.
        at: MediaTime,
        /// Its number since the link last was healthy, from 1.
        attempt: u32,
        /// Whether the failure is newer than what is known already: one that comes late, from an attempt that
        /// started before others which met something else, is not.
        news: bool,
    },
    /// It is over.
    Stop,
}

/// Why the next attempt starts when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhyDue {
    /// Its turn comes after the one before.
    Turn,
    /// A wait that the server's answer called for is over.
    Wait,
    /// Somebody asked for it: it starts even beside one that speaks.
    Hurry,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    id: AttemptId,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    /// Connected, and waiting for its turn.
    Connected,
    Speaking,
}

impl Attempts {
    /// A stream that is asked for at `now`, to be given up when it has not been live for `give_up_after`.
    #[must_use]
    pub fn new(now: MediaTime, give_up_after: Option<Duration>) -> Self {
        Self {
            reconnect: Reconnect::new(now, give_up_after),
            running: Vec::new(),
            last: AttemptId(0),
            news_from: AttemptId(0),
            due: now,
            why_due: WhyDue::Turn,
            started_at: None,
            stuck: false,
            at_rest: false,
        }
    }

    /// What is to be done at `now`, one thing after the other. `chance` is a random number from 0 to 1: it
    /// spreads attempts, so that after a server's restart its publishers do not come all at once.
    pub fn poll(&mut self, now: MediaTime, chance: f64) -> Option<Action> {
        if self.at_rest {
            return None;
        }
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.running.clear();
            self.at_rest = true;
            return Some(Action::GiveUp);
        }
        let connected = self.position(|one| one.stage == Stage::Connected);
        match (self.speaking(), connected) {
            (Some(speaking), Some(_)) if self.stuck => return Some(self.abandon(speaking)),
            (None, Some(newest)) => {
                self.stuck = false;
                self.running[newest].stage = Stage::Speaking;
                return Some(Action::Speak(self.running[newest].id));
            }
            _ => {}
        }
        if now < self.due || self.is_held() {
            return None;
        }
        if self.running.len() >= MOST_AT_ONCE {
            // The oldest is left the time that slow networks need; what started after it gives way.
            let gives_way = usize::from(self.running[1].stage == Stage::Speaking) + 1;
            return Some(self.abandon(gives_way));
        }
        self.last = AttemptId(self.last.0 + 1);
        self.running.push(Running {
            id: self.last,
            stage: Stage::Connecting,
        });
        self.started_at = Some(now);
        self.due = now + INTERVAL.mul_f64(1.0 - JITTER * chance.clamp(0.0, 1.0));
        self.why_due = WhyDue::Turn;
        Some(Action::Start {
            id: self.last,
            number: self.reconnect.on_start(),
        })
    }

    /// When to poll again if nothing happens before.
    #[must_use]
    pub fn wake_at(&self) -> Option<MediaTime> {
        if self.at_rest {
            return None;
        }
        let due = (!self.is_held()).then_some(self.due);
        [due, self.deadline()].into_iter().flatten().min()
    }

    /// The attempt is connected: TCP stands, and TLS where it is used.
    pub fn on_connected(&mut self, id: AttemptId) {
        self.set_stage(id, Stage::Connected);
        // What older ones may meet yet is no news.
        self.news_from = self.news_from.max(id);
    }

    /// What is known of the way of the attempt that speaks; to be told some ten times a second.
    pub fn on_look(&mut self, quiet: Quiet) {
        self.stuck = match quiet {
            Quiet::Unacknowledged(time) => time >= STUCK_AFTER,
            Quiet::Unheard(time) => time >= UNHEARD_AFTER,
        };
    }

    /// The server sent the attempt on: it connects once more, there or elsewhere.
    pub fn on_sent_on(&mut self, id: AttemptId) {
        self.set_stage(id, Stage::Connecting);
    }

    /// The server accepted the stream of one of them. The others are given up.
    pub fn on_accepted(&mut self) {
        self.running.clear();
        self.at_rest = true;
    }

    /// Media is being acknowledged from `now` on.
    pub fn on_live(&mut self, now: MediaTime) {
        self.reconnect.on_live(now);
    }

    /// Nothing of the stream arrives any more, though another attempt may not be needed.
    pub fn on_silence(&mut self, now: MediaTime) {
        self.reconnect.on_silence(now);
    }

    /// An attempt failed; `chance` as in [`Attempts::poll`].
    pub fn on_failed(
        &mut self,
        id: AttemptId,
        now: MediaTime,
        trouble: Trouble,
        chance: f64,
    ) -> After {
        let spoke = self.stage(id) == Some(Stage::Speaking);
        // What the server did to the one that spoke it would do to those that wait for their turn.
        self.running
            .retain(|one| one.id != id && !(spoke && one.stage == Stage::Connected));
        let news = id >= self.news_from;
        self.news_from = self.news_from.max(id);
        self.after(now, trouble, chance, news)
    }

    /// The stream that was accepted is lost; `chance` as in [`Attempts::poll`].
    pub fn on_lost(&mut self, now: MediaTime, trouble: Trouble, chance: f64) -> After {
        self.at_rest = false;
        self.news_from = self.last;
        self.after(now, trouble, chance, true)
    }

    /// Starts the next attempt at once, whatever it waits for: somebody asks for it, or the network changed. A network
    /// that changes all the time floods no server: a short time after the last one is left.
    pub fn hurry(&mut self, now: MediaTime) {
        if self.at_rest {
            return;
        }
        let earliest = self
            .started_at
            .map_or(now, |at| now.max(at + SHORTEST_INTERVAL));
        if self.why_due == WhyDue::Wait {
            self.reconnect.on_hurry(self.due.since(earliest));
        }
        self.due = self.due.min(earliest);
        self.why_due = WhyDue::Hurry;
    }

    /// When to give up unless live before; `None` while live, or if never.
    #[must_use]
    pub fn deadline(&self) -> Option<MediaTime> {
        self.reconnect.deadline()
    }

    /// Whether the stream ever was live.
    #[must_use]
    pub fn was_live(&self) -> bool {
        self.reconnect.was_live()
    }

    /// Whether the attempt is under way.
    #[must_use]
    pub fn is_running(&self, id: AttemptId) -> bool {
        self.stage(id).is_some()
    }

    /// When the next attempt starts if nothing gets in its way, and its number.
    #[must_use]
    pub fn next(&self) -> (MediaTime, u32) {
        (self.due, self.reconnect.next_attempt())
    }

    fn after(&mut self, now: MediaTime, trouble: Trouble, chance: f64, news: bool) -> After {
        match self.reconnect.on_failure(now, trouble, chance) {
            Next::Soon => self.due = self.due.max(now),
            // The server would tell the others the same.
            Next::Wait { until } => {
                self.running.clear();
                self.due = until;
                self.why_due = WhyDue::Wait;
            }
            Next::Stop => {
                self.running.clear();
                self.at_rest = true;
                return After::Stop;
            }
        }
        After::Retry {
            at: self.due,
            attempt: self.reconnect.next_attempt(),
            news,
        }
    }

    /// Whether no other is needed: one speaks, and its way is alive.
    fn is_held(&self) -> bool {
        self.speaking().is_some() && !self.stuck && self.why_due != WhyDue::Hurry
    }

    fn speaking(&self) -> Option<usize> {
        self.position(|one| one.stage == Stage::Speaking)
    }

    /// The newest that `is_meant`.
    fn position(&self, is_meant: impl Fn(&Running) -> bool) -> Option<usize> {
        self.running.iter().rposition(is_meant)
    }

    fn stage(&self, id: AttemptId) -> Option<Stage> {
        let one = self.running.iter().find(|one| one.id == id)?;
        Some(one.stage)
    }

    fn set_stage(&mut self, id: AttemptId, stage: Stage) {
        for one in self.running.iter_mut().filter(|one| one.id == id) {
            one.stage = stage;
        }
    }

    fn abandon(&mut self, index: usize) -> Action {
        Action::Abandon(self.running.remove(index).id)
    }
}

/// How long after the start of one attempt the next one starts, at most.
const INTERVAL: Duration = Duration::from_secs(1);
/// And at least, however often somebody hurries it.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(250);
/// By which part that is shortened at random.
const JITTER: f64 = 0.25;
/// How many are under way at once.
const MOST_AT_ONCE: usize = 8;
/// How long what was said may stay unacknowledged: TCP repeats it after 0.2 and 0.6 s.
const STUCK_AFTER: Duration = Duration::from_secs(1);
/// The same where only the server's answers tell: they may take their time.
const UNHEARD_AFTER: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests;
