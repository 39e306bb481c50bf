//! When something breaks, for how long, and what must follow.

use super::{
    faults::{Fault, SLOW_KBPS},
    publishers::{ALL, Program},
    run::{Outcome, run},
    story::{Story, Told, percentile},
    tables::{self, Judge, Seen},
    viewer::{delays_ms, kbps, reaches_after},
};

/// A fault in a stream's life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// What breaks.
    pub(crate) fault: Fault,
    /// Kilobits of picture a second.
    pub(crate) kbps: u32,
    /// Seconds of an untroubled stream.
    pub(crate) before: f64,
    /// Seconds of trouble.
    pub(crate) lasts: f64,
    /// Seconds of looking on after it.
    pub(crate) after: f64,
    /// Whether the stream may be interrupted.
    breaks: bool,
    /// Seconds within which it must be back.
    back_within: f64,
    /// Whether others run beside.
    compared: bool,
}

const SCHEDULES: [Schedule; 10] = {
    let outage = Schedule {
        fault: Fault::BlackHole,
        kbps: 2500,
        before: 8.0,
        lasts: 5.0,
        after: 20.0,
        breaks: true,
        back_within: BACK_WITHIN,
        compared: true,
    };
    [
        Schedule {
            fault: Fault::SlowUplink,
            kbps: 5500,
            before: 12.0,
            lasts: 60.0, // as in the simulation
            breaks: false,
            ..outage
        },
        Schedule {
            lasts: 1.0,
            breaks: false,
            ..outage
        },
        outage,
        Schedule {
            lasts: 30.0,
            ..outage
        },
        Schedule {
            fault: Fault::CableOut,
            ..outage
        },
        Schedule {
            fault: Fault::ServerDown,
            lasts: 8.0,
            ..outage
        },
        Schedule {
            fault: Fault::ServerKilled,
            lasts: 0.0,
            ..outage
        },
        Schedule {
            fault: Fault::ServerHangs,
            lasts: 8.0,
            compared: false,
            ..outage
        },
        Schedule {
            fault: Fault::ServerCloses,
            lasts: 0.0,
            compared: false,
            ..outage
        },
        Schedule {
            fault: Fault::NameUnknown,
            lasts: 8.0,
            compared: false,
            back_within: LOOKED_UP_WITHIN,
            ..outage
        },
    ]
};

impl Schedule {
    /// In words, for tables.
    pub(crate) fn name(&self) -> String {
        let name = self.fault.name();
        if self.lasts == 0.0 {
            name.to_owned()
        } else {
            format!("{name}, {} s", self.lasts)
        }
    }

    /// A second of darkness is too short to be noticed, and need not be.
    fn is_to_be_told(&self) -> bool {
        self.breaks || self.fault == Fault::SlowUplink
    }
}

/// Runs all schedules, or those whose names contain one of `words` (`alone` leaves the others' programs away);
/// whether all was as it must be.
pub(crate) fn test(words: &[&str]) -> bool {
    let alone = words.contains(&"alone");
    let words: Vec<_> = words.iter().filter(|word| **word != "alone").collect();
    let mut judge = Judge::default();
    let mut all = Vec::new();
    let mut seen = Vec::new();
    for schedule in &SCHEDULES {
        let name = schedule.name();
        if !words.is_empty() && !words.iter().any(|word| name.contains(**word)) {
            continue;
        }
        println!("\n== {name}");
        let programs = if schedule.compared && !alone {
            &ALL[..]
        } else {
            &[Program::Skywave]
        };
        let outcomes = run(schedule, programs);
        for outcome in &outcomes {
            if let Some(story) = &outcome.story {
                judge_stream(&mut judge, schedule, outcome, story);
                seen.push(judge_words(&mut judge, schedule, outcome, story));
            }
        }
        all.push((name, outcomes));
    }
    tables::print_comparison(&all);
    tables::print_faults(&seen);
    judge.sum_up()
}

/// What was watched, and whether the state told the truth of it.
fn judge_stream(judge: &mut Judge, schedule: &Schedule, outcome: &Outcome, story: &Story) {
    let Outcome {
        failing,
        failed,
        restored,
        end,
        watched,
        ..
    } = outcome;
    let states = story.states();
    let left = states
        .iter()
        .find(|told| told.at > *failing && told.at < *end && told.what != "live");
    if schedule.breaks {
        let after = left.map(|told| (told.at - failed).max(0.0));
        judge.at_most(
            "seconds until it is noticed",
            after,
            NOTICED_WITHIN + schedule.fault.felt_after() + ALLOWANCE,
        );
        let within = schedule.back_within + ALLOWANCE;
        judge.at_most(
            "seconds from the restoration to pictures",
            watched.back_after,
            within,
        );
        let live = states.iter().rfind(|told| told.at < *end);
        judge.verdict(
            "it is live in the end",
            live.is_some_and(|told| told.what == "live"),
        );
    } else {
        judge.verdict("it stays live", left.is_none());
        judge.verdict("it stays connected", watched.new_streams == 0);
    }
    if schedule.fault == Fault::SlowUplink {
        judge_step(judge, outcome, story);
    }
    let dark = watched.longest_gap;
    println!(
        "        dark for {dark:.2} s; the queue held up to {:.0} ms",
        { percentile(&story.figures("queue_ms", *failed, *restored), 100) }
    );
}

/// How the bitrate followed the link, down and up.
fn judge_step(judge: &mut Judge, outcome: &Outcome, story: &Story) {
    let Outcome {
        failed,
        restored,
        end,
        arrivals,
        ..
    } = outcome;
    let delays = delays_ms(arrivals, *failed, *end);
    let most = Some(percentile(&delays, 95));
    judge.at_most("milliseconds that pictures waited, p95", most, DELAY_MS);
    for (what, name) in [("queue, ms", "queue_ms"), ("target, kb/s", "target_kbps")] {
        println!(
            "        {what}: {:?}",
            story.figures(name, failed - 1.0, *end)
        );
    }
    let delivered = kbps(arrivals, *failed, *restored);
    let could = f64::from(SLOW_KBPS) * PAYLOAD;
    let share = 100.0 * delivered / could;
    judge.at_least(
        "% of what the link could carry delivered",
        share,
        DELIVERED_PERCENT,
    );
    let old = kbps(arrivals, failed - 5.0, *failed);
    let back = reaches_after(arrivals, REGAINED * old, *restored, *end);
    judge.at_most("seconds until 95 % of the old rate", back, REGAINED_WITHIN);
    let dropped = story.growth("frames_dropped", *failed, *end);
    let captured = story.growth("frames_captured", *failed, *end);
    let share = 100.0 * dropped / captured.max(1.0);
    judge.at_most("% of the pictures left out", Some(share), DROPPED_PERCENT);
}

/// Whether state and cause were right in time, and what was said.
fn judge_words(judge: &mut Judge, schedule: &Schedule, outcome: &Outcome, story: &Story) -> Seen {
    let expected = schedule.fault.expected();
    let from = outcome.failing;
    let till = outcome.failed + NAMED_WITHIN + schedule.fault.felt_after() + ALLOWANCE;
    let within = |told: &&Told| told.at > from && told.at <= till;
    let mut states = story.states();
    states.retain(|told| within(&told));
    let reached = states.iter().find(|told| told.what == expected.state);
    let decisions = story.decisions();
    let bad = |told: &&Told| ["warning", "error"].contains(&told.severity.as_str());
    let told: Vec<&Told> = decisions.iter().filter(within).filter(bad).collect();
    let worst = told
        .iter()
        .rfind(|told| told.severity == "error")
        .or(told.last());
    let named = worst.is_some_and(|told| {
        told.what == expected.cause && expected.words.iter().any(|word| told.text.contains(word))
    });
    let in_state = if schedule.breaks {
        reached.is_some()
    } else {
        states.iter().all(|told| told.what == expected.state)
    };
    if schedule.is_to_be_told() {
        judge.verdict(
            &format!(
                "within 3 s: {}, because of the {}",
                expected.state, expected.cause
            ),
            in_state && named,
        );
    }
    Seen {
        fault: schedule.name(),
        expected: if schedule.is_to_be_told() {
            format!("{}, {}", expected.state, expected.cause)
        } else {
            "live".to_owned()
        },
        state: states
            .last()
            .map_or("live".to_owned(), |told| told.what.clone()),
        cause: worst.map_or_else(String::new, |told| told.what.clone()),
        after: worst.map(|told| told.at - from),
        words: worst.map_or_else(String::new, |told| told.text.clone()),
    }
}

/// A dead link is noticed within so many seconds.
const NOTICED_WITHIN: f64 = 3.0;
/// State and cause are right within so many.
pub(crate) const NAMED_WITHIN: f64 = 3.0;
/// Pictures come again so many seconds after the link returned.
const BACK_WITHIN: f64 = 2.0;
/// The same where the system's resolver takes its time.
const LOOKED_UP_WITHIN: f64 = 6.0;
/// Of the observer: the fault's beginning and end are known to a process's start and end, the program's clock to
/// the reading of a line.
const ALLOWANCE: f64 = 0.25;
/// How long pictures may wait, in all queues, from the fall of the uplink to the end.
const DELAY_MS: f64 = 500.0;
/// Of what a link carries so much can be media: the rest is the headers of Ethernet, IP and TCP (66 of 1514 bytes)
/// and RTMP's own.
const PAYLOAD: f64 = 0.95;
/// Of which so much must be delivered.
const DELIVERED_PERCENT: f64 = 90.0;
/// So much of the old rate must be regained...
const REGAINED: f64 = 0.95;
/// ...within so many seconds.
const REGAINED_WITHIN: f64 = 15.0;
/// So many pictures may be left out.
const DROPPED_PERCENT: f64 = 0.5;
