//! What happens, told on standard output: lines for people, or one JSON object per line.
//!
//! The JSON objects (`{"event": ...}`):
//!
//! | event | fields |
//! |---|---|
//! | `state` | `state` (`offline`, `connecting`, `live`, `reconnecting`, `stopping`), `host`, `attempt`, `retry_in_ms`, `because` |
//! | `stats` | `target_kbps`, `sent_kbps`, `captured_fps`, `frames_captured`, `frames_encoded`, `frames_sent`, `frames_dropped`, `frames_skipped`, `queue_ms`, `round_trip_ms`, `uptime_ms`, `bytes_sent` |
//! | `decision` | `severity`, `cause`, `text` |
//! | `source` | `kind` (`camera`, `microphone`), `ready`, `text` |
//! | `recording` | `state` (`recording`, `finished`, `failed`), `path`, `bytes`, `duration_ms`, `message` |
//! | `summary` | `outcome`, `exit_status`, `message`, and the last `stats` |
//!
//! Every object has `at_ms`: milliseconds since the program started.

use std::{
    io::{self, Write},
    time::Duration,
};

use serde_json::{Value, json};

use super::exit::ExitStatus;
use crate::{
    capture::source::SourceEvent,
    engine::event::{Cause, Decision, Event, RecordingStatus, Severity, Stats, StreamStatus},
    units::{MediaTime, grouped},
};

/// Tells events as they come.
pub struct Story {
    json: bool,
    stats: Stats,
    stats_told_at: Option<MediaTime>,
    live: bool,
    /// The state of the recording last told, without its figures.
    recording: &'static str,
    /// Whether standard output is gone (a closed pipe): the stream goes on without words.
    mute: bool,
}

impl Story {
    /// A story for a program (`json`) or for a person.
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self {
            json,
            stats: Stats::default(),
            stats_told_at: None,
            live: false,
            recording: "off",
            mute: false,
        }
    }

    /// Tells `event`, which happened at `now`.
    pub fn tell(&mut self, event: &Event, now: MediaTime) {
        match event {
            Event::Status(status) => {
                self.live = matches!(status, StreamStatus::Live { .. });
                self.put(now, || state_json(status, now), || None);
            }
            Event::Stats(stats) => self.tell_stats(stats, now),
            Event::Decision(decision) => {
                self.put(
                    now,
                    || decision_json(decision),
                    || Some(decision_text(decision)),
                );
            }
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
            Event::Destinations(_) | Event::Levels(_) | Event::Devices { .. } => {}
        }
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
        self.put(
            now,
            || stats_json("stats", stats),
            || Some(stats_text(stats)),
        );
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
        let text = || {
            (stats.bytes_sent > 0).then(|| {
                format!(
                    "Sent {} frames ({} dropped, {} skipped), {:.1} MB in {}.",
                    grouped(stats.frames_sent),
                    grouped(stats.frames_dropped),
                    grouped(stats.frames_skipped),
                    stats.bytes_sent as f64 / 1e6,
                    clock_text(stats.uptime),
                )
            })
        };
        self.put(now, summary, text);
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
        let line = if self.json {
            let mut value = json();
            value["at_ms"] = json!(now.as_millis());
            value.to_string()
        } else if let Some(text) = text() {
            format!("{}  {text}", chrono::Local::now().format("%H:%M:%S"))
        } else {
            return;
        };
        let mut out = io::stdout().lock();
        self.mute = writeln!(out, "{line}").and_then(|()| out.flush()).is_err();
    }
}

fn state_json(status: &StreamStatus, now: MediaTime) -> Value {
    match status {
        StreamStatus::Offline { because } => json!({
            "event": "state", "state": "offline", "because": because.as_ref().map(ToString::to_string),
        }),
        StreamStatus::Connecting { host } => {
            json!({ "event": "state", "state": "connecting", "host": host })
        }
        StreamStatus::Live { host, .. } => {
            json!({ "event": "state", "state": "live", "host": host })
        }
        StreamStatus::Reconnecting {
            host,
            attempt,
            retry_at,
            because,
        } => json!({
            "event": "state", "state": "reconnecting", "host": host, "attempt": attempt,
            "retry_in_ms": millis(retry_at.since(now)), "because": because.to_string(),
        }),
        StreamStatus::Stopping => json!({ "event": "state", "state": "stopping" }),
    }
}

fn stats_json(event: &str, stats: &Stats) -> Value {
    json!({
        "event": event,
        "target_kbps": stats.target.kbps(),
        "sent_kbps": stats.sent.kbps(),
        "captured_fps": (f64::from(stats.captured_fps) * 10.0).round() / 10.0,
        "frames_captured": stats.frames_captured,
        "frames_encoded": stats.frames_encoded,
        "frames_sent": stats.frames_sent,
        "frames_dropped": stats.frames_dropped,
        "frames_skipped": stats.frames_skipped,
        "queue_ms": millis(stats.queue),
        "round_trip_ms": stats.round_trip.map(|time| time.as_secs_f64() * 1e3),
        "uptime_ms": millis(stats.uptime),
        "bytes_sent": stats.bytes_sent,
    })
}

fn stats_text(stats: &Stats) -> String {
    format!(
        "{}  {} of {}  {:.1} fps  {} dropped  {} ms waiting",
        clock_text(stats.uptime),
        stats.sent,
        stats.target,
        stats.captured_fps,
        grouped(stats.frames_dropped),
        stats.queue.as_millis(),
    )
}

fn decision_json(decision: &Decision) -> Value {
    let severity = match decision.severity {
        Severity::Good => "good",
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let cause = match decision.cause {
        Cause::Source => "source",
        Cause::Encoder => "encoder",
        Cause::Uplink => "uplink",
        Cause::Server => "server",
        Cause::Disk => "disk",
        Cause::User => "user",
    };
    json!({ "event": "decision", "severity": severity, "cause": cause, "text": decision.text })
}

fn decision_text(decision: &Decision) -> String {
    match decision.severity {
        Severity::Good | Severity::Info => decision.text.clone(),
        Severity::Warning => format!("Warning: {}", decision.text),
        Severity::Error => format!("Error: {}", decision.text),
    }
}

fn source_json(kind: &str, event: &SourceEvent) -> Value {
    let (ready, text) = match event {
        SourceEvent::Ready { description } => (true, description.clone()),
        SourceEvent::Lost(error) => (false, error.to_string()),
    };
    json!({ "event": "source", "kind": kind, "ready": ready, "text": text })
}

fn recording_state(status: &RecordingStatus) -> &'static str {
    match status {
        RecordingStatus::Off => "off",
        RecordingStatus::Recording { .. } => "recording",
        RecordingStatus::Finished { .. } => "finished",
        RecordingStatus::Failed { .. } => "failed",
    }
}

fn recording_json(status: &RecordingStatus) -> Value {
    let mut value = json!({ "event": "recording", "state": recording_state(status) });
    match status {
        RecordingStatus::Off => {}
        RecordingStatus::Recording {
            path,
            bytes,
            duration,
        } => {
            value["path"] = json!(path);
            value["bytes"] = json!(bytes);
            value["duration_ms"] = json!(millis(*duration));
        }
        RecordingStatus::Finished { path } => value["path"] = json!(path),
        RecordingStatus::Failed { path, message } => {
            value["path"] = json!(path);
            value["message"] = json!(message);
        }
    }
    value
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

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// `01:12:47`.
fn clock_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Statistics lines for programs come at least once a second.
const JSON_STATS_PAUSE: Duration = Duration::from_millis(740);

/// Statistics lines for people come this seldom.
const TEXT_STATS_PAUSE: Duration = Duration::from_secs(5);
