//! What Skywave told, as JSON lines, and when.

use std::path::Path;

use serde_json::Value;

use super::tail::{Tail, now};

/// The story so far.
pub(crate) struct Story {
    lines: Tail,
    told: Vec<Value>,
    /// The program's time zero, as far as known: no line is read before it is written.
    zero: f64,
}

/// Something told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// When it happened, by the program's own clock.
    pub(crate) at: f64,
    /// The state then, or the decision's cause.
    pub(crate) what: String,
    /// In words.
    pub(crate) text: String,
    /// Of a decision: `good`, `info`, `warning`, `error`.
    pub(crate) severity: String,
}

impl Story {
    /// Of the program that writes to `output`.
    pub(crate) fn open(output: &Path) -> Self {
        Self {
            lines: Tail::open(output).expect("the program's output"),
            told: Vec::new(),
            zero: f64::INFINITY,
        }
    }

    /// Takes in what was told meanwhile.
    pub(crate) fn look(&mut self) {
        let lines = self.lines.lines();
        let now = now();
        for line in lines {
            let event: Value = serde_json::from_str(&line)
                .unwrap_or_else(|error| panic!("not a JSON object: {line:?}: {error}"));
            self.zero = self.zero.min(now - seconds(&event, "at_ms"));
            self.told.push(event);
        }
    }

    /// The state it is in.
    pub(crate) fn state(&self) -> String {
        let states = self.states();
        states
            .last()
            .map_or_else(String::new, |told| told.what.clone())
    }

    /// All states, one after the other.
    pub(crate) fn states(&self) -> Vec<Told> {
        self.named("state", "state", "because")
    }

    /// All decisions.
    pub(crate) fn decisions(&self) -> Vec<Told> {
        self.named("decision", "cause", "text")
    }

    /// A figure of the statistics between two times.
    pub(crate) fn figures(&self, name: &str, from: f64, to: f64) -> Vec<f64> {
        let stats = self.told.iter().filter(|event| event["event"] == "stats");
        let within = stats.filter(|event| {
            let at = self.time(event);
            at >= from && at < to
        });
        within.filter_map(|event| event[name].as_f64()).collect()
    }

    /// How much a counter of the statistics grew between two times.
    pub(crate) fn growth(&self, name: &str, from: f64, to: f64) -> f64 {
        let figures = self.figures(name, from, to);
        match (figures.first(), figures.last()) {
            (Some(first), Some(last)) => last - first,
            _ => 0.0,
        }
    }

    fn named(&self, name: &str, what: &str, text: &str) -> Vec<Told> {
        let word =
            |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let told = self.told.iter().filter(|event| event["event"] == name);
        let told = told.map(|event| Told {
            at: self.time(event),
            what: word(event, what),
            text: word(event, text),
            severity: word(event, "severity"),
        });
        told.collect()
    }

    fn time(&self, event: &Value) -> f64 {
        self.zero + seconds(event, "at_ms")
    }
}

fn seconds(event: &Value, field: &str) -> f64 {
    event[field].as_f64().unwrap_or_default() / 1e3
}

/// Of `figures`, that which so many of hundred do not exceed.
pub(crate) fn percentile(figures: &[f64], percent: usize) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(0.0)
}
