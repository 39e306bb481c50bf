//! Events as lines for people.

use std::time::Duration;

use super::json::state_name;
use crate::{
    engine::event::{Decision, DestinationState, Severity, Stats},
    units::grouped,
};

pub(super) fn stats_text(stats: &Stats) -> String {
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

/// `YouTube live, Village hall reconnecting`.
pub(super) fn destinations_text(states: &[DestinationState]) -> String {
    let states = states.iter().map(|it| {
        let backup = if it.on_backup { " on backup" } else { "" };
        format!("{} {}{backup}", it.name, state_name(&it.status))
    });
    states.collect::<Vec<_>>().join(", ")
}

pub(super) fn decision_text(decision: &Decision) -> String {
    match decision.severity {
        Severity::Good | Severity::Info => decision.text.clone(),
        Severity::Warning => format!("Warning: {}", decision.text),
        Severity::Error => format!("Error: {}", decision.text),
    }
}

pub(super) fn summary_text(stats: &Stats) -> String {
    format!(
        "Sent {} frames ({} dropped, {} skipped), {:.1} MB in {}.",
        grouped(stats.frames_sent),
        grouped(stats.frames_dropped),
        grouped(stats.frames_skipped),
        stats.bytes_sent as f64 / 1e6,
        clock_text(stats.uptime),
    )
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
