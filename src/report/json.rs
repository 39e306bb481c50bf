//! The report for programs: one JSON object.
//!
//! | field | meaning |
//! |---|---|
//! | `format` | 1; grows when a field changes its meaning or goes, not when one is added |
//! | `program` | name and version of what wrote it |
//! | `verdict` | how it went, in one sentence |
//! | `began`, `ended` | when going live was asked for and when all was over, RFC 3339 |
//! | `length_ms` | from the one to the other; all other times count from `began` |
//! | `live_at_ms` | when it was live for the first time, or null |
//! | `ended_because` | why it ended by itself; null if it was stopped |
//! | `disconnects` | how often it was lost |
//! | `account` | time by judgement of the primary destination: see below |
//! | `incidents` | what was missed, in order: see below |
//! | `incidents_omitted` | `count` and `lost_ms` of those not told one by one: the shortest, when there are hundreds |
//! | `destinations` | of each `name`, `account`, `incidents`, `incidents_omitted`, `live_at_ms`, `ended_because`, `disconnects`, `on_backup_ms`, `frames_sent`, `frames_dropped`, `latency_ms`, `acknowledged_bytes` |
//! | `timeline` | columns of equal length, one element for each `step_ms` from the beginning: `sent_kbps`, `delivered_kbps`, `target_kbps`, `ceiling_kbps` (null where there are no figures), `queue_ms` (the most), `dropped`, `skipped` (with those thinned), `perfect_ms`, `lost_ms`, `worst` (a fault's `loss`, or null) |
//! | `decisions` | of each `at_ms`, `severity`, `cause`, `text`, `figures` (`{name: value}`), `destination` |
//! | `decisions_omitted` | how many were not kept |
//! | `recording` | `file`, `bytes`, `duration_ms`, `complete`, `failed_at_ms`, `failed_because`; null if none was asked for |
//! | `latency_ms` | from when pictures were taken to when their last byte was written to the primary destination's connection, in the whole stream: `p50`, `p95`, `max`; null if none was. Pictures that were dropped do not count; those of no camera, and those shown again, count from when they were due |
//! | `totals` | `frames_captured`, `frames_encoded`, `frames_skipped`, `frames_thinned`, `frames_sent`, `frames_dropped`, `bytes_sent` |
//! | `plan` | what was asked for: `video`, `audio`, `destinations` (`name`, `server`, `backup`), `follow` |
//!
//! An account has `whole_ms`, which is exactly the sum of `starting_ms`, `perfect_ms`, `ending_ms` and all `ms`
//! in `faults`; and `perfect_percent`, the share of the time without starting and ending. A fault has `loss`
//! (`dark`, `source_lost`, `frames_missing`, `reduced_bitrate`), `cause` (`source`, `encoder`, `uplink`,
//! `server`, `disk`, `user`) and `ms`.
//!
//! An incident has `loss` (also `not_recorded`, which viewers do not notice and which is in no account),
//! `cause`, `begin_ms`, `end_ms`, `lost_ms` (how long between the two it held), `why`, `remedy`, `dropped`,
//! `skipped` (not encoded), `thinned` (not encoded on purpose), `lowest_kbps`, `longest_queue_ms`, `attempts`. The `lost_ms` of the incidents of one fault, with
//! those omitted, are what the account has for it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    account::Account,
    finished::{DestinationReport, RecordingReport, Report},
    incident::{Incident, Omitted},
    lane::in_words,
    log::Entry,
    plan::Plan,
    timeline::{Slice, Timeline},
    words::{cause_name, loss_name, severity_name},
};
use crate::{
    engine::{command::Follow, event::Latency},
    rtmp::refusal::Failure,
};

/// The whole report.
#[must_use]
pub fn to_json(report: &Report) -> Value {
    json!({
        "format": 1,
        "program": PROGRAM,
        "verdict": report.verdict(),
        "began": report.began.to_rfc3339(),
        "ended": report.wall(report.length).to_rfc3339(),
        "length_ms": report.length,
        "live_at_ms": report.live_at,
        "ended_because": report.ended.as_ref().map(Failure::to_string),
        "disconnects": report.disconnects,
        "account": account(&report.account),
        "incidents": report.incidents.iter().map(incident).collect::<Value>(),
        "incidents_omitted": omitted(&report.omitted),
        "destinations": report.destinations.iter().map(destination).collect::<Value>(),
        "timeline": timeline(&report.timeline),
        "decisions": report.log.entries().map(decision).collect::<Value>(),
        "decisions_omitted": report.log.omitted(),
        "recording": report.recording.as_ref().map(recording),
        "latency_ms": latency_ms(report.stats.stream_latency),
        "totals": {
            "frames_captured": report.stats.frames_captured,
            "frames_encoded": report.stats.frames_encoded,
            "frames_skipped": report.stats.frames_skipped,
            "frames_thinned": report.stats.frames_thinned,
            "frames_sent": report.stats.frames_sent,
            "frames_dropped": report.stats.frames_dropped,
            "bytes_sent": report.stats.bytes_sent,
        },
        "plan": plan(&report.plan),
    })
}

fn account(account: &Account) -> Value {
    let faults = account.faults().into_iter().map(|(fault, millis)| {
        json!({ "loss": loss_name(fault.loss), "cause": cause_name(fault.cause), "ms": millis })
    });
    json!({
        "whole_ms": account.whole(),
        "starting_ms": account.starting,
        "perfect_ms": account.perfect,
        "ending_ms": account.ending,
        "perfect_percent": account.perfect_permille() as f64 / 10.0,
        "faults": faults.collect::<Value>(),
    })
}

fn incident(incident: &Incident) -> Value {
    let figures = &incident.figures;
    json!({
        "loss": loss_name(incident.fault.loss),
        "cause": cause_name(incident.fault.cause),
        "begin_ms": incident.begin,
        "end_ms": incident.end,
        "lost_ms": incident.lost,
        "why": incident.why,
        "remedy": incident.remedy,
        "dropped": figures.dropped,
        "skipped": figures.skipped,
        "thinned": figures.thinned,
        "lowest_kbps": figures.lowest_kbps,
        "longest_queue_ms": figures.longest_queue,
        "attempts": figures.attempts,
    })
}

fn omitted(omitted: &Omitted) -> Value {
    json!({ "count": omitted.count, "lost_ms": omitted.time.wanted() })
}

fn destination(it: &DestinationReport) -> Value {
    json!({
        "name": it.name,
        "account": account(&it.account),
        "incidents": it.incidents.iter().map(incident).collect::<Value>(),
        "incidents_omitted": omitted(&it.omitted),
        "live_at_ms": it.live_at,
        "ended_because": it.ended.as_ref().map(in_words),
        "disconnects": it.disconnects,
        "on_backup_ms": it.on_backup,
        "frames_sent": it.frames_sent,
        "frames_dropped": it.frames_dropped,
        "latency_ms": latency_ms(it.latency),
        "acknowledged_bytes": it.acknowledged,
    })
}

fn timeline(timeline: &Timeline) -> Value {
    let column =
        |value: fn(&Slice) -> Value| timeline.slices().iter().map(value).collect::<Value>();
    json!({
        "step_ms": timeline.step(),
        "sent_kbps": column(|it| figure(it, Slice::sent_kbps)),
        "delivered_kbps": column(|it| figure(it, Slice::delivered_kbps)),
        "target_kbps": column(|it| figure(it, Slice::target_kbps)),
        "ceiling_kbps": column(|it| figure(it, Slice::ceiling_kbps)),
        "queue_ms": column(|it| json!(it.queue)),
        "dropped": column(|it| json!(it.dropped)),
        "skipped": column(|it| json!(it.skipped)),
        "perfect_ms": column(|it| json!(it.perfect)),
        "lost_ms": column(|it| json!(it.lost)),
        "worst": column(|it| json!(it.worst.map(|fault| loss_name(fault.loss)))),
    })
}

fn figure(slice: &Slice, value: fn(&Slice) -> u64) -> Value {
    json!(slice.has_figures().then(|| value(slice)))
}

fn decision(entry: &Entry) -> Value {
    let decision = &entry.decision;
    let figures = decision.figures.iter();
    json!({
        "at_ms": entry.at,
        "severity": severity_name(decision.severity),
        "cause": cause_name(decision.cause),
        "text": decision.text,
        "figures": figures.map(|it| (it.name.to_owned(), json!(it.value))).collect::<Map<_, _>>(),
        "destination": decision.destination,
    })
}

fn recording(recording: &RecordingReport) -> Value {
    let (failed_at, because) = recording.failed.clone().unzip();
    json!({
        "file": recording.file,
        "bytes": recording.bytes,
        "duration_ms": recording.duration,
        "complete": recording.is_complete,
        "failed_at_ms": failed_at,
        "failed_because": because,
    })
}

fn plan(plan: &Plan) -> Value {
    let (video, audio, rate) = (&plan.format.video, &plan.format.audio, &plan.format.rate);
    let places = plan
        .destinations
        .iter()
        .map(|place| json!({ "name": place.name, "server": place.server, "backup": place.backup }));
    json!({
        "video": {
            "width": video.size.width,
            "height": video.size.height,
            "fps": video.frame_rate.fps(),
            "ceiling_kbps": video.bitrate.kbps(),
            "floor_kbps": rate.floor.kbps(),
            "adaptive": rate.adaptive,
            "key_frame_interval": video.key_frame_interval,
        },
        "audio": { "kbps": audio.bitrate.kbps(), "sample_rate": audio.sample_rate, "channels": audio.channels },
        "destinations": places.collect::<Value>(),
        "follow": match plan.follow {
            Follow::Primary => "primary",
            Follow::Slowest => "slowest",
        },
    })
}

/// A latency's figures in milliseconds.
pub(crate) fn latency_ms(latency: Option<Latency>) -> Value {
    let millis = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
    json!(latency.map(|it| {
        json!({ "p50": millis(it.p50), "p95": millis(it.p95), "max": millis(it.max) })
    }))
}

/// Who wrote it.
pub const PROGRAM: &str = concat!("Skywave ", env!("CARGO_PKG_VERSION"));
