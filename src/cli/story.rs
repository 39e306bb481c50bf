//! What happens, told on standard output: lines for people, or one JSON object per line.
//!
//! The JSON objects (`{"event": ...}`):
//!
//! | event | fields |
//! |---|---|
//! | `state` | `state` (`offline`, `connecting`, `live`, `reconnecting`, `stopping`), `host`, `attempt`, `retry_in_ms`, `because` |
//! | `destinations` | `destinations`, one object for each `--to` in its order: `name`, the fields of `state`, `on_backup`, `backup_ready` (null where none is kept ready), `sent_kbps`, `advised_kbps`, `queue_ms`, `latency_ms`, `stream_latency_ms`, `round_trip_ms`, `frames_sent`, `frames_dropped`, `acknowledged_bytes`, `disconnects`; empty when all are over |
//! | `stats` | `target_kbps`, `ceiling_kbps`, `sent_kbps`, `delivered_kbps`, `captured_fps`, `frames_captured`, `frames_encoded`, `frames_sent`, `frames_dropped`, `frames_skipped`, `frames_thinned`, `queue_ms`, `latency_ms` (from when pictures were taken to when their last byte was written to the connection, in the last 5 s: `p50`, `p95`, `max`, or null), `stream_latency_ms` (the same since publishing was asked for), `round_trip_ms`, `uptime_ms`, `bytes_sent` |
//! | `decision` | `severity` (`good`, `info`, `warning`, `error`), `cause` (`source`, `encoder`, `uplink`, `server`, `disk`, `user`), `text`, `figures` (`{name: value}`: what it was decided from), `destination` (its name, or null if it concerns all or none) |
//! | `source` | `kind` (`camera`, `microphone`), `ready`, `text` |
//! | `recording` | `state` (`recording`, `finished`, `failed`), `path`, `bytes`, `duration_ms`, `message` |
//! | `summary` | `outcome`, `exit_status`, `message`, and the last `stats` |
//!
//! Every object has `at_ms`: milliseconds since the program started. `stats` and `destinations` come at least once
//! a second, `destinations` also with every change of a state; with one destination, `state` is its state.
//!
//! | file | what it is about |
//! |---|---|
//! | [`mod@json`] | events as JSON |
//! | [`text`] | events as lines for people |
//! | [`outages`] | what was told of an outage, so that attempts each second do not flood |

mod json;
mod outages;
mod text;

use std::{
    io::{self, Write},
    time::Duration,
};

use serde_json::{Value, json};

use self::{
    json::{
        decision_json, destinations_json, recording_json, recording_state, source_json, state_json,
        state_name, stats_json,
    },
    outages::Outages,
    text::{decision_text, destinations_text, stats_text, summary_text},
};
use super::exit::ExitStatus;
use crate::{
    engine::event::{Decision, DestinationState, Event, Stats, StreamStatus},
    units::MediaTime,
};

/// Tells events as they come.
pub struct Story {
    json: bool,
    stats: Stats,
    stats_told_at: Option<MediaTime>,
    live: bool,
    destinations: Vec<DestinationState>,
    /// Names and states last told, and when.
    destinations_told: (Vec<(String, &'static str, bool)>, MediaTime),
    outages: Outages,
    /// The state of the recording last told, without its figures.
    recording: &'static str,
    out: Box<dyn Write>,
    /// Whether standard output is gone (a closed pipe): the stream goes on without words.
    mute: bool,
}

impl Story {
    /// A story for a program (`json`) or for a person, on standard output.
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self::on(Box::new(io::stdout()), json)
    }

    fn on(out: Box<dyn Write>, json: bool) -> Self {
        Self {
            json,
            stats: Stats::default(),
            stats_told_at: None,
            live: false,
            destinations: Vec::new(),
            destinations_told: (Vec::new(), MediaTime::ZERO),
            outages: Outages::default(),
            recording: "off",
            out,
            mute: false,
        }
    }

    /// Tells `event`, which happened at `now`.
    pub fn tell(&mut self, event: &Event, now: MediaTime) {
        match event {
            Event::Status(status) => self.tell_status(status, now),
            Event::Destinations(states) => self.tell_destinations(states, now),
            Event::Stats(stats) => self.tell_stats(stats, now),
            Event::Decision(decision) => self.tell_decision(decision, now),
            Event::VideoSource(event) => self.put(now, || source_json("camera", event), || None),
            Event::AudioSource(event) => {
                self.put(now, || source_json("microphone", event), || None);
            }
            Event::Recording(status) => {
                let state = recording_state(status);
                if state != self.recording {
                    self.recording = state;
                    self.put(now, || recording_json(status), || None);
                }
            }
            Event::Levels(_) | Event::Devices { .. } | Event::Encoder(_) => {}
        }
    }

    fn tell_status(&mut self, status: &StreamStatus, now: MediaTime) {
        self.live = matches!(status, StreamStatus::Live { .. });
        let reminder = if self.destinations.is_empty() {
            self.outages.follow("", status, now)
        } else {
            None // Each destination tells of itself.
        };
        let state = || {
            let mut value = state_json(status, now);
            value["event"] = json!("state");
            value
        };
        self.put(now, state, || reminder);
    }

    fn tell_destinations(&mut self, states: &[DestinationState], now: MediaTime) {
        self.destinations = states.to_vec();
        let several = self.has_several();
        for state in states {
            let whose = if several { state.name.as_str() } else { "" };
            if let Some(reminder) = self.outages.follow(whose, &state.status, now) {
                self.put_text(|| of_destination(whose, &reminder));
            }
        }
        let (told, told_at) = &self.destinations_told;
        let named = states
            .iter()
            .map(|it| (it.name.clone(), state_name(&it.status), it.on_backup))
            .collect();
        if *told != named || now.since(*told_at) >= JSON_STATS_PAUSE {
            self.destinations_told = (named, now);
            self.put(now, || destinations_json(states, now), || None);
        }
    }

    fn tell_decision(&mut self, decision: &Decision, now: MediaTime) {
        let whose = match &decision.destination {
            Some(name) if self.has_several() => name.as_str(),
            _ => "",
        };
        let is_news = self.outages.is_news(whose, decision, now);
        let text = of_destination(whose, &decision_text(decision));
        self.put(now, || decision_json(decision), || is_news.then_some(text));
    }

    fn tell_stats(&mut self, stats: &Stats, now: MediaTime) {
        self.stats = *stats;
        let pause = if self.json {
            JSON_STATS_PAUSE
        } else {
            TEXT_STATS_PAUSE
        };
        let due = self
            .stats_told_at
            .is_none_or(|told_at| now.since(told_at) >= pause);
        if !due || (!self.json && !self.live) {
            return;
        }
        self.stats_told_at = Some(now);
        let text = if self.has_several() {
            format!(
                "{}  {}",
                stats_text(stats),
                destinations_text(&self.destinations)
            )
        } else {
            stats_text(stats)
        };
        self.put(now, || stats_json("stats", stats), || Some(text));
    }

    /// The last words: how it ended, and the figures of the whole stream.
    pub fn end(&mut self, status: ExitStatus, message: Option<&str>, now: MediaTime) {
        let stats = self.stats;
        let summary = || {
            let mut value = stats_json("summary", &stats);
            value["outcome"] = json!(outcome(status));
            value["exit_status"] = json!(status as u8);
            value["message"] = json!(message);
            value
        };
        let text = || (stats.bytes_sent > 0).then(|| summary_text(&stats));
        self.put(now, summary, text);
    }

    fn has_several(&self) -> bool {
        self.destinations.len() > 1
    }

    fn put(
        &mut self,
        now: MediaTime,
        json: impl FnOnce() -> Value,
        text: impl FnOnce() -> Option<String>,
    ) {
        if self.mute {
            return;
        }
        if self.json {
            let mut value = json();
            value["at_ms"] = json!(now.as_millis());
            self.write(&value.to_string());
        } else if let Some(text) = text() {
            self.write(&format!(
                "{}  {text}",
                chrono::Local::now().format("%H:%M:%S")
            ));
        }
    }

    /// What programs have learnt already.
    fn put_text(&mut self, text: impl FnOnce() -> String) {
        if !self.json {
            self.put(MediaTime::ZERO, || Value::Null, || Some(text()));
        }
    }

    fn write(&mut self, line: &str) {
        let written = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        self.mute = written.is_err();
    }
}

/// With the destination's name before it, where there are several.
fn of_destination(whose: &str, text: &str) -> String {
    if whose.is_empty() {
        return text.to_owned();
    }
    format!("{whose}: {text}")
}

fn outcome(status: ExitStatus) -> &'static str {
    match status {
        ExitStatus::Ok => "ok",
        ExitStatus::Problems => "problems",
        ExitStatus::Usage => "usage",
        ExitStatus::Device => "device",
        ExitStatus::Refused => "refused",
        ExitStatus::Network => "network",
        ExitStatus::Recording => "recording",
    }
}

/// Statistics lines for programs come at least once a second.
const JSON_STATS_PAUSE: Duration = Duration::from_millis(740);

/// Statistics lines for people come this seldom.
const TEXT_STATS_PAUSE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
