//! Events as JSON; the table in [`super`] tells their fields.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{
    capture::source::SourceEvent,
    engine::event::{Decision, DestinationState, RecordingStatus, Stats, StreamStatus},
    report::{
        json::latency_ms,
        words::{cause_name, severity_name},
    },
    units::MediaTime,
};

/// The only words for states.
pub(super) fn state_name(status: &StreamStatus) -> &'static str {
    match status {
        StreamStatus::Offline { .. } => "offline",
        StreamStatus::Connecting { .. } => "connecting",
        StreamStatus::Live { .. } => "live",
        StreamStatus::Reconnecting { .. } => "reconnecting",
        StreamStatus::Stopping => "stopping",
    }
}

/// A state and what belongs to it.
pub(super) fn state_json(status: &StreamStatus, now: MediaTime) -> Value {
    let state = state_name(status);
    match status {
        StreamStatus::Offline { because } => json!({
            "state": state, "because": because.as_ref().map(ToString::to_string),
        }),
        StreamStatus::Connecting { host } | StreamStatus::Live { host, .. } => {
            json!({ "state": state, "host": host })
        }
        StreamStatus::Reconnecting {
            host,
            attempt,
            retry_at,
            because,
        } => json!({
            "state": state, "host": host, "attempt": attempt,
            "retry_in_ms": millis(retry_at.since(now)), "because": because.to_string(),
        }),
        StreamStatus::Stopping => json!({ "state": state }),
    }
}

pub(super) fn destinations_json(states: &[DestinationState], now: MediaTime) -> Value {
    let destinations = states.iter().map(|it| {
        let mut value = state_json(&it.status, now);
        value["name"] = json!(it.name);
        value["on_backup"] = json!(it.on_backup);
        value["backup_ready"] = json!(it.backup_ready);
        value["sent_kbps"] = json!(it.sent.kbps());
        value["advised_kbps"] = json!(it.advised.kbps());
        value["queue_ms"] = json!(millis(it.queue));
        value["latency_ms"] = latency_ms(it.latency);
        value["stream_latency_ms"] = latency_ms(it.stream_latency);
        value["round_trip_ms"] = json!(it.round_trip.map(|time| time.as_secs_f64() * 1e3));
        value["frames_sent"] = json!(it.frames_sent);
        value["frames_dropped"] = json!(it.frames_dropped);
        value["acknowledged_bytes"] = json!(it.acknowledged);
        value["disconnects"] = json!(it.disconnects);
        value
    });
    json!({ "event": "destinations", "destinations": destinations.collect::<Value>() })
}

pub(super) fn stats_json(event: &str, stats: &Stats) -> Value {
    json!({
        "event": event,
        "target_kbps": stats.target.kbps(),
        "ceiling_kbps": stats.ceiling.kbps(),
        "sent_kbps": stats.sent.kbps(),
        "delivered_kbps": stats.delivered.kbps(),
        "captured_fps": (f64::from(stats.captured_fps) * 10.0).round() / 10.0,
        "frames_captured": stats.frames_captured,
        "frames_encoded": stats.frames_encoded,
        "frames_sent": stats.frames_sent,
        "frames_dropped": stats.frames_dropped,
        "frames_skipped": stats.frames_skipped,
        "frames_thinned": stats.frames_thinned,
        "queue_ms": millis(stats.queue),
        "latency_ms": latency_ms(stats.latency),
        "stream_latency_ms": latency_ms(stats.stream_latency),
        "round_trip_ms": stats.round_trip.map(|time| time.as_secs_f64() * 1e3),
        "uptime_ms": millis(stats.uptime),
        "bytes_sent": stats.bytes_sent,
    })
}

pub(super) fn decision_json(decision: &Decision) -> Value {
    let figures = decision.figures.iter();
    json!({
        "event": "decision",
        "severity": severity_name(decision.severity),
        "cause": cause_name(decision.cause),
        "text": decision.text,
        "figures": figures.map(|it| (it.name.to_owned(), json!(it.value))).collect::<Map<_, _>>(),
        "destination": decision.destination,
    })
}

pub(super) fn source_json(kind: &str, event: &SourceEvent) -> Value {
    let (ready, text) = match event {
        SourceEvent::Ready { description } => (true, description.clone()),
        SourceEvent::Lost(error) => (false, error.to_string()),
    };
    json!({ "event": "source", "kind": kind, "ready": ready, "text": text })
}

pub(super) fn recording_state(status: &RecordingStatus) -> &'static str {
    match status {
        RecordingStatus::Off => "off",
        RecordingStatus::Recording { .. } => "recording",
        RecordingStatus::Finished { .. } => "finished",
        RecordingStatus::Failed { .. } => "failed",
    }
}

pub(super) fn recording_json(status: &RecordingStatus) -> Value {
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

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
