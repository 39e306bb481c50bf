//! The report, and its verdict in one sentence.

use std::cmp::Reverse;

use chrono::{DateTime, FixedOffset, TimeDelta};

use super::{
    account::Account,
    fault::{Fault, Loss},
    incident::{Incident, Omitted},
    lane::in_words,
    log::Log,
    plan::Plan,
    timeline::Timeline,
    words::{CAUSES, cause_name, loss_phrase, percent, sentence, span},
};
use crate::{
    engine::event::{Latency, Stats},
    rtmp::refusal::Failure,
};

/// What became of a stream. All times are milliseconds since going live was asked for.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked for.
    pub plan: Plan,
    /// When going live was asked for.
    pub began: DateTime<FixedOffset>,
    /// How long all of it took.
    pub length: u64,
    /// When it was live for the first time.
    pub live_at: Option<u64>,
    /// Why it ended by itself; `None` if it was stopped.
    pub ended: Option<Failure>,
    /// How often it was lost.
    pub disconnects: u32,
    /// Time by judgement. What only the recording missed is not in it.
    pub account: Account,
    /// What was missed, in order.
    pub incidents: Vec<Incident>,
    /// What was missed and is not told one by one.
    pub omitted: Omitted,
    /// Each destination, the primary first; empty if the engine told of none.
    pub destinations: Vec<DestinationReport>,
    /// Figures over time.
    pub timeline: Timeline,
    /// What was decided.
    pub log: Log,
    /// What became of the recording, if there was one.
    pub recording: Option<RecordingReport>,
    /// The last figures.
    pub stats: Stats,
}

/// What became of one destination.
#[derive(Clone, Debug)]
pub struct DestinationReport {
    /// What the user calls it, or the server's name.
    pub name: String,
    /// Time by judgement.
    pub account: Account,
    /// What its viewers missed.
    pub incidents: Vec<Incident>,
    /// What is not told one by one.
    pub omitted: Omitted,
    /// When it was live for the first time.
    pub live_at: Option<u64>,
    /// Why it ended by itself.
    pub ended: Option<Failure>,
    /// How often it was lost.
    pub disconnects: u32,
    /// How long the backup server carried it.
    pub on_backup: u64,
    /// Frames handed to the network.
    pub frames_sent: u64,
    /// Frames its viewers miss.
    pub frames_dropped: u64,
    /// From when pictures were taken to when they were written to the connection.
    pub latency: Option<Latency>,
    /// Bytes of which it is known that they arrived.
    pub acknowledged: u64,
}

/// What became of the recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingReport {
    /// Its file's name, without the folder.
    pub file: Option<String>,
    /// How much was in it when it was last told.
    pub bytes: u64,
    /// How long it plays.
    pub duration: u64,
    /// Whether it was closed as it should be.
    pub is_complete: bool,
    /// When it ended early, and why.
    pub failed: Option<(u64, String)>,
}

/// An incident and, with several destinations, whose.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What happened.
    pub incident: &'a Incident,
    /// The destination's name, if it concerns one that is not the primary.
    pub destination: Option<&'a str>,
}

impl Report {
    /// How it went, in a sentence or two.
    #[must_use]
    pub fn verdict(&self) -> String {
        let mut verdict = self.headline();
        let parts = self.parts();
        if !parts.is_empty() {
            verdict = format!("{verdict}; {parts}");
        }
        verdict.push('.');
        let others = self.others();
        if !others.is_empty() {
            verdict = format!("{verdict} {others}.");
        }
        if let Some(live_at) = self.live_at.filter(|at| *at >= LONG_START) {
            verdict = format!("{verdict} It took {} to go live.", span(live_at));
        }
        match (&self.ended, self.live_at) {
            (Some(failure), Some(_)) => {
                format!("{verdict} It ended early: {}", sentence(&in_words(failure)))
            }
            (Some(failure), None) => format!("{verdict} {}", sentence(&in_words(failure))),
            (None, _) => verdict,
        }
    }

    /// The share of each destination but the primary: `Village hall: 49.3 %`.
    fn others(&self) -> String {
        let others = self.destinations.iter().skip(1).map(|it| {
            let share = match it.live_at {
                Some(_) => percent(it.account.perfect_permille()),
                None => "never live".to_owned(),
            };
            format!("{}: {share}", it.name)
        });
        others.collect::<Vec<_>>().join(", ")
    }

    /// The verdict's beginning, without a full stop.
    #[must_use]
    pub fn headline(&self) -> String {
        let wanted = span(self.account.wanted());
        let whose = match self.destinations.first() {
            Some(primary) if self.has_several() => format!(" at {}", primary.name),
            _ => String::new(),
        };
        if self.live_at.is_none() {
            format!("It never went live{whose}")
        } else if self.account.faults().is_empty() {
            format!("All of {wanted} arrived as it should{whose}")
        } else {
            let share = percent(self.account.perfect_permille());
            format!("{share} of {wanted} arrived as it should{whose}")
        }
    }

    /// `4.1 s dark (server)`, `22 s at reduced bitrate (uplink)`: each loss with its causes, the longest first.
    fn parts(&self) -> String {
        let losses = [Loss::Dark, Loss::Source, Loss::Frames, Loss::Detail];
        let parts = losses.into_iter().filter_map(|loss| {
            let sum = self.account.lost(|fault| fault.loss == loss);
            let mut causes = CAUSES.map(|cause| (self.account.of(loss, cause), cause));
            causes.sort_by_key(|(time, _)| Reverse(*time));
            let names = causes
                .iter()
                .filter(|(time, _)| *time > 0)
                .map(|(_, cause)| cause_name(*cause));
            let names = names.collect::<Vec<_>>().join(", ");
            (sum > 0).then(|| format!("{} {} ({names})", span(sum), loss_phrase(loss)))
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// Whether there is more than one destination to tell of.
    #[must_use]
    pub fn has_several(&self) -> bool {
        self.destinations.len() > 1
    }

    /// What anybody could notice, in order: what happened to the primary and what is shared, and the troubles of
    /// the other destinations that are theirs alone.
    #[must_use]
    pub fn story(&self) -> Vec<Told<'_>> {
        let shared = self.incidents.iter().map(|incident| Told {
            incident,
            destination: None,
        });
        let others = self.destinations.iter().skip(1).flat_map(|destination| {
            let own = destination
                .incidents
                .iter()
                .filter(|it| is_of_one(it.fault));
            own.map(|incident| Told {
                incident,
                destination: Some(&destination.name),
            })
        });
        let mut all: Vec<_> = shared
            .chain(others)
            .filter(|told| told.incident.is_noticeable())
            .collect();
        all.sort_by_key(|told| (told.incident.begin, told.incident.fault.loss));
        all
    }

    /// The time on the wall at `millis`.
    #[must_use]
    pub fn wall(&self, millis: u64) -> DateTime<FixedOffset> {
        let later = i64::try_from(millis)
            .ok()
            .and_then(TimeDelta::try_milliseconds);
        later
            .and_then(|later| self.began.checked_add_signed(later))
            .unwrap_or(self.began)
    }
}

/// Whether one destination can have it while the others do not.
fn is_of_one(fault: Fault) -> bool {
    use crate::engine::event::Cause::{Server, Uplink, User};
    matches!(fault.loss, Loss::Dark | Loss::Frames) && matches!(fault.cause, Server | Uplink | User)
}

/// A start that takes so many milliseconds is worth a word.
const LONG_START: u64 = 5_000;
