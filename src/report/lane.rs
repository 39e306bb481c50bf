//! One destination as its viewers have it: where it stands, its account, its incidents.

use super::{
    account::Account,
    fault::{Fault, Judgement, Loss, Phase, Signs, judge},
    incident::{Figures, Incidents},
};
use crate::{
    engine::event::{Cause, Severity, StreamStatus},
    rtmp::refusal::Failure,
};

/// A destination, judged from moment to moment.
#[derive(Clone, Debug)]
pub struct Lane {
    phase: Phase,
    /// Until when it is judged, in milliseconds since going live was asked for.
    settled: u64,
    attempts: u32,
    because: Option<Failure>,
    /// When it was live for the first time.
    pub live_at: Option<u64>,
    /// How often it was lost.
    pub disconnects: u32,
    /// Why it ended by itself.
    pub ended: Option<Failure>,
    /// Time by judgement.
    pub account: Account,
    /// What was missed.
    pub incidents: Incidents,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            phase: Phase::Starting,
            settled: 0,
            attempts: 0,
            because: None,
            live_at: None,
            disconnects: 0,
            ended: None,
            account: Account::default(),
            incidents: Incidents::default(),
        }
    }
}

impl Lane {
    /// Until when it is judged.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// From `at` on it is in this state. What was before must have been judged.
    pub fn follow(&mut self, status: &StreamStatus, at: u64) {
        let was_live = self.phase == Phase::Live;
        self.phase = self.phase.after(status);
        match status {
            StreamStatus::Live { .. } => self.live_at = self.live_at.or(Some(at)),
            StreamStatus::Reconnecting {
                attempt, because, ..
            } => {
                self.attempts = *attempt;
                self.because = Some(because.clone());
            }
            StreamStatus::Offline { because } => {
                self.ended.clone_from(because);
                self.because.clone_from(because);
            }
            StreamStatus::Connecting { .. } | StreamStatus::Stopping => {}
        }
        if was_live && matches!(self.phase, Phase::Away(_)) {
            self.disconnects += 1;
        }
    }

    /// Judges the time until `until` by these signs, but for the phase, which is its own.
    pub fn settle(&mut self, until: u64, signs: &Signs, figures: &Figures) -> Judgement {
        let judgement = judge(&Signs {
            phase: self.phase,
            ..*signs
        });
        let begin = self.settled;
        if until <= begin {
            return judgement;
        }
        self.settled = until;
        self.account.add(judgement, until - begin);
        if let Judgement::Fault(fault) = judgement {
            self.incidents
                .add(fault, begin, until, &self.own(fault, figures));
            if fault.loss == Loss::Dark {
                self.explain_darkness();
            }
        }
        judgement
    }

    /// Gives `text` to what goes on, was put down to `cause`, and has no words yet.
    pub fn explain(&mut self, severity: Severity, cause: Cause, text: &str) {
        if severity == Severity::Good {
            return;
        }
        let concerned = |fault: Fault| fault.cause == cause && fault.loss != Loss::Dark;
        for incident in self.incidents.unexplained() {
            if concerned(incident.fault) {
                incident.why = Some(text.to_owned());
            }
        }
    }

    fn explain_darkness(&mut self) {
        let Some(failure) = &self.because else {
            return;
        };
        for incident in self.incidents.unexplained() {
            if incident.fault.loss == Loss::Dark {
                incident.why = Some(in_words(failure));
                incident.remedy = Some(failure.remedy.clone());
            }
        }
    }

    /// The figures that say something about `fault`.
    fn own(&self, fault: Fault, figures: &Figures) -> Figures {
        match fault.loss {
            Loss::Dark => Figures {
                attempts: self.attempts,
                dropped: figures.dropped,
                ..Figures::default()
            },
            Loss::Source | Loss::Recording => Figures::default(),
            Loss::Frames | Loss::Detail => *figures,
        }
    }
}

/// What happened and what the server said to it.
#[must_use]
pub fn in_words(failure: &Failure) -> String {
    match &failure.server_words {
        Some(words) => format!("{} The server said: \"{words}\".", failure.what),
        None => failure.what.clone(),
    }
}
