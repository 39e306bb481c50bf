//! One destination as its viewers have it: where it stands, its account, its incidents.

use std::collections::VecDeque;

use super::{
    account::Account,
    fault::{Fault, Judgement, Loss, Phase, Signs, judge},
    incident::{Figures, Incidents},
};
use crate::{
    engine::event::{Decision, Severity, StreamStatus},
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
    /// When it was last live again.
    back_at: u64,
    /// What was judged of late.
    recent: VecDeque<Moment>,
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

/// A judgement, and from when to when it held.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// From when.
    pub begin: u64,
    /// Until when.
    pub end: u64,
    /// What it was like for viewers.
    pub judgement: Judgement,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            phase: Phase::Starting,
            settled: 0,
            attempts: 0,
            because: None,
            back_at: 0,
            recent: VecDeque::new(),
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
        } else if !was_live && self.phase == Phase::Live {
            self.back_at = at;
        }
    }

    /// Judges the time until `until` by these signs, but for the phase, which is its own.
    pub fn settle(&mut self, until: u64, signs: &Signs, figures: &Figures) -> Judgement {
        let begin = self.settled;
        let (mut signs, mut figures) = (*signs, *figures);
        signs.phase = self.phase;
        // The first figures after an outage still tell what it cost.
        let is_back = self.phase == Phase::Live && begin == self.back_at && until > begin;
        if is_back && self.incidents.add_to_darkness(figures.dropped) {
            (signs.dropped, figures.dropped) = (0, 0);
        }
        let judgement = judge(&signs);
        if until <= begin {
            return judgement;
        }
        self.settled = until;
        self.account.add(judgement, until - begin);
        while (self.recent.front()).is_some_and(|it| it.end + NOTICED_WITHIN < until) {
            self.recent.pop_front();
        }
        self.recent.push_back(Moment {
            begin,
            end: until,
            judgement,
        });
        if let Judgement::Fault(fault) = judgement {
            self.incidents
                .add(fault, begin, until, &self.own(fault, &figures));
            if fault.loss == Loss::Dark {
                self.explain_darkness();
            }
        }
        judgement
    }

    /// It turns out that nothing arrived since `since`: what was judged otherwise meanwhile was `dark`. Returns
    /// what that was.
    pub fn backdate(&mut self, since: u64, dark: Fault) -> Vec<Moment> {
        let mut moments = Vec::new();
        for mut moment in std::mem::take(&mut self.recent) {
            moment.begin = moment.begin.max(since);
            let before = match moment.judgement {
                Judgement::Perfect => None,
                Judgement::Fault(fault) if fault.loss != Loss::Dark => Some(fault),
                _ => continue,
            };
            if moment.begin >= moment.end {
                continue;
            }
            let Moment { begin, end, .. } = moment;
            self.account.rejudge(moment.judgement, dark, end - begin);
            let figures = before.map(|fault| self.incidents.take_back(fault, begin, end));
            let figures = self.own(dark, &figures.unwrap_or_default());
            self.incidents.add(dark, begin, end, &figures);
            moments.push(moment);
        }
        moments
    }

    /// Gives the words of `decision` to what goes on, was put down to its cause, and has no words yet.
    pub fn explain(&mut self, decision: &Decision) {
        if decision.severity == Severity::Good {
            return;
        }
        let is_of_frames = decision
            .figures
            .iter()
            .any(|figure| figure.name == "frames");
        let concerned = |fault: Fault| match fault.loss {
            Loss::Dark => false,
            Loss::Detail if is_of_frames => false,
            _ => fault.cause == decision.cause,
        };
        for incident in self.incidents.unexplained() {
            if concerned(incident.fault) {
                incident.why = Some(decision.text.clone());
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

/// That nothing arrives any more is noticed within so many milliseconds.
const NOTICED_WITHIN: u64 = 5_000;

/// What happened and what the server said to it.
#[must_use]
pub fn in_words(failure: &Failure) -> String {
    match &failure.server_words {
        Some(words) => format!("{} The server said: \"{words}\".", failure.what),
        None => failure.what.clone(),
    }
}
