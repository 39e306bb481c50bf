//! Moments of one fault, told as one incident, with the words that explain it.

use super::{
    account::Account,
    fault::{Fault, Judgement, Loss},
};

/// Something that viewers missed, from its first moment to its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What was missed, and by whose doing.
    pub fault: Fault,
    /// When it began, in milliseconds since going live was asked for.
    pub begin: u64,
    /// When it was last seen.
    pub end: u64,
    /// For how long between the two it held: worse faults, and short pauses, are left out.
    pub lost: u64,
    /// The words that explained it when it came up.
    pub why: Option<String>,
    /// What could be done about it, where that was told.
    pub remedy: Option<String>,
    /// What came with it.
    pub figures: Figures,
}

/// Numbers that came with an incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Frames left out on the way.
    pub dropped: u64,
    /// Frames not encoded.
    pub skipped: u64,
    /// Frames not encoded on purpose, because the way carries less than the lowest bitrate.
    pub thinned: u64,
    /// The lowest bitrate that the encoders were told, in kb/s.
    pub lowest_kbps: Option<u32>,
    /// The most media that waited to be sent, in milliseconds.
    pub longest_queue: u64,
    /// The highest number of an attempt to connect.
    pub attempts: u32,
}

impl Figures {
    /// Frames that viewers did not get, for whatever reason.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.dropped + self.skipped + self.thinned
    }

    /// Both together.
    fn add(&mut self, other: &Self) {
        self.dropped += other.dropped;
        self.skipped += other.skipped;
        self.thinned += other.thinned;
        self.lowest_kbps = match (self.lowest_kbps, other.lowest_kbps) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        self.longest_queue = self.longest_queue.max(other.longest_queue);
        self.attempts = self.attempts.max(other.attempts);
    }
}

impl Incident {
    /// Whether anybody could notice it: the moment between two events is shorter than any picture.
    #[must_use]
    pub fn is_noticeable(&self) -> bool {
        self.lost >= SHORTEST_PICTURE
            || self.figures.dropped > 0
            || self.fault.loss == Loss::Recording
    }
}

/// The incidents of one destination.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    /// Those that may still go on: one for each fault at most.
    open: Vec<Incident>,
    closed: Vec<Incident>,
    /// Time and number of those that are not kept.
    omitted: Omitted,
}

/// Incidents that gave way to longer ones: counted, and part of every total, but not told one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Omitted {
    /// How many.
    pub count: u64,
    /// For how long they held.
    pub time: Account,
}

impl Incidents {
    /// `fault` held from `begin` to `end`.
    pub fn add(&mut self, fault: Fault, begin: u64, end: u64, figures: &Figures) {
        self.close_before(begin);
        let known = self.open.iter_mut().find(|it| it.fault == fault);
        if let Some(incident) = known {
            incident.end = end;
            incident.lost += end - begin;
            incident.figures.add(figures);
            return;
        }
        self.open.push(Incident {
            fault,
            begin,
            end,
            lost: end - begin,
            why: None,
            remedy: None,
            figures: *figures,
        });
    }

    /// The last moments of `fault`, from `begin` on, were another one: gives back the figures of what has become
    /// nothing by that.
    pub fn take_back(&mut self, fault: Fault, begin: u64, end: u64) -> Figures {
        let Some(index) = self.open.iter().position(|it| it.fault == fault) else {
            return Figures::default();
        };
        let incident = &mut self.open[index];
        incident.lost = incident.lost.saturating_sub(end - begin);
        incident.end = incident.end.min(begin);
        if incident.lost > 0 {
            return Figures::default();
        }
        self.open.remove(index).figures
    }

    /// Frames of which it is learnt only now that they were lost while it was dark a moment ago. Whether it was.
    pub fn add_to_darkness(&mut self, dropped: u64) -> bool {
        let dark = self.open.iter_mut().rev();
        let mut dark = dark.filter(|it| it.fault.loss == Loss::Dark);
        let Some(latest) = dark.next() else {
            return false;
        };
        latest.figures.dropped += dropped;
        true
    }

    /// What goes on and has no words yet.
    pub fn unexplained(&mut self) -> impl Iterator<Item = &mut Incident> {
        self.open.iter_mut().filter(|it| it.why.is_none())
    }

    /// All of them in the order they began, and what was not kept.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Incident>, Omitted) {
        self.close_before(u64::MAX);
        self.closed
            .sort_by_key(|incident| (incident.begin, incident.fault.loss));
        (self.closed, self.omitted)
    }

    /// What was not seen for [`PAUSE`] before `time` is over.
    fn close_before(&mut self, time: u64) {
        let mut index = 0;
        while let Some(incident) = self.open.get(index) {
            if time.saturating_sub(incident.end) > PAUSE {
                let incident = self.open.remove(index);
                self.closed.push(incident);
                self.keep_longest();
            } else {
                index += 1;
            }
        }
    }

    fn keep_longest(&mut self) {
        if self.closed.len() <= MOST {
            return;
        }
        let shortest = (0..self.closed.len()).min_by_key(|index| self.closed[*index].lost);
        if let Some(index) = shortest {
            let incident = self.closed.remove(index);
            self.omitted.count += 1;
            self.omitted
                .time
                .add(Judgement::Fault(incident.fault), incident.lost);
        }
    }
}

/// The same fault again within this many milliseconds is the same incident: dropping goes on in bursts.
const PAUSE: u64 = 5_000;

/// Pictures last no less than so many milliseconds: 60 a second.
const SHORTEST_PICTURE: u64 = 16;

/// More than a person reads, and bounded however long the stream lasts.
pub const MOST: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Cause;

    const DROPS: Fault = Fault {
        loss: Loss::Frames,
        cause: Cause::Uplink,
    };
    const DARK: Fault = Fault {
        loss: Loss::Dark,
        cause: Cause::Server,
    };

    #[test]
    fn bursts_are_one_incident_and_what_lies_between_is_not_counted() {
        let mut incidents = Incidents::default();
        let two = Figures {
            dropped: 2,
            ..Figures::default()
        };
        incidents.add(DROPS, 1_000, 1_250, &two);
        incidents.add(DROPS, 4_000, 4_250, &two);
        incidents.add(DARK, 4_250, 4_500, &Figures::default());
        incidents.add(DROPS, 4_500, 4_750, &two);
        incidents.add(DROPS, 20_000, 20_250, &two);
        let (all, omitted) = incidents.finish();
        assert_eq!(omitted, Omitted::default());
        assert_eq!(all.len(), 3);
        assert_eq!((all[0].begin, all[0].end, all[0].lost), (1_000, 4_750, 750));
        assert_eq!(all[0].figures.dropped, 6);
        assert_eq!(all[1].fault, DARK);
        assert_eq!(all[2].begin, 20_000);
    }

    #[test]
    fn what_is_shorter_than_a_picture_is_noticed_only_if_pictures_are_missing() {
        let of = |lost, dropped| Incident {
            fault: DROPS,
            begin: 1_000,
            end: 1_000 + lost,
            lost,
            why: None,
            remedy: None,
            figures: Figures {
                dropped,
                ..Figures::default()
            },
        };
        assert!(!of(1, 0).is_noticeable());
        assert!(of(1, 2).is_noticeable());
        assert!(of(16, 0).is_noticeable());
    }

    #[test]
    fn only_the_longest_are_kept_and_the_rest_is_counted() {
        let mut incidents = Incidents::default();
        let mut sum = 0;
        for number in 0..10_000u64 {
            let begin = number * 60_000;
            let length = 1 + number % 500;
            sum += length;
            incidents.add(DROPS, begin, begin + length, &Figures::default());
        }
        assert!(incidents.closed.len() <= MOST);
        let (kept, omitted) = incidents.finish();
        assert_eq!(kept.len() as u64 + omitted.count, 10_000);
        let told: u64 = kept.iter().map(|incident| incident.lost).sum();
        assert_eq!(told + omitted.time.wanted(), sum);
        assert!(kept.iter().all(|incident| incident.lost > 400));
    }
}
