//! The sentences and figures of the window, made from plain data.

use std::time::Duration;

use crate::{
    engine::event::{
        Acceleration, Cause, Decision, DestinationState, Figure, RecordingStatus, Severity, Stats,
        StreamStatus,
    },
    units::{Decibels, MediaTime, grouped},
};

use super::desk::Desk;

/// The one word for a state.
#[must_use]
pub fn status_word(status: &StreamStatus) -> &'static str {
    match status {
        StreamStatus::Offline { .. } => "Offline",
        StreamStatus::Connecting { .. } => "Connecting",
        StreamStatus::Live { .. } => "Live",
        StreamStatus::Reconnecting { .. } => "Reconnecting",
        StreamStatus::Stopping => "Stopping",
    }
}

/// What the state means just now, in one sentence.
#[must_use]
pub fn status_sentence(desk: &Desk) -> String {
    match &desk.view.status {
        StreamStatus::Offline { .. } => desk
            .obstacle()
            .unwrap_or_else(|| "Ready. Nothing is being sent.".to_owned()),
        StreamStatus::Connecting { host } => format!("to {host}"),
        StreamStatus::Live { host, .. } => {
            let distance = desk.view.stats.and_then(|stats| stats.round_trip);
            let away = distance.map_or_else(String::new, |round_trip| {
                format!(", {} ms away", round_trip.as_millis())
            });
            let first = desk.view.destinations.first();
            let way = if first.is_some_and(|first| first.on_backup) {
                "on the backup server"
            } else {
                "accepted by the server"
            };
            format!("to {host} · {way}{away}")
        }
        StreamStatus::Reconnecting { host, attempt, .. } => {
            format!("to {host} · attempt {attempt}")
        }
        StreamStatus::Stopping => "Saying goodbye to the server.".to_owned(),
    }
}

/// When the next attempt to connect comes, if one is to come. Attempts that follow each other about every
/// second have no countdown: it would only flicker.
#[must_use]
pub fn retrying(desk: &Desk) -> Option<String> {
    let (
        StreamStatus::Reconnecting {
            attempt, retry_at, ..
        },
        Some(outage),
    ) = (&desk.view.status, desk.view.outage)
    else {
        return None;
    };
    let left = retry_at.since(desk.now);
    if outage.wait > SHORTEST_COUNTDOWN && !left.is_zero() {
        let seconds = left.as_secs_f32().ceil();
        return Some(format!("Next attempt in {seconds} s (attempt {attempt})"));
    }
    let lost = desk.now.since(outage.since).as_secs();
    Some(format!(
        "Trying again… (attempt {attempt}, {lost} s without connection)"
    ))
}

/// How a destination fares: its word, and whether the backup carries it.
#[must_use]
pub fn destination_word(state: &DestinationState) -> &'static str {
    match state.status {
        StreamStatus::Live { .. } if state.on_backup => "Live (backup)",
        ref status => status_word(status),
    }
}

/// Everything else about a destination, for whoever asks.
#[must_use]
pub fn destination_figures(state: &DestinationState) -> String {
    let away = state.round_trip.map_or_else(String::new, |round_trip| {
        format!(", {} ms away", round_trip.as_millis())
    });
    let backup = match (state.on_backup, state.backup_ready) {
        (true, _) => " The backup server carries it.",
        (false, Some(true)) => " The backup server is ready.",
        (false, Some(false)) => " The backup server is not ready.",
        (false, None) => "",
    };
    format!(
        "{} ms waiting{away}. Pictures missed: {} of {}. Connection lost: {}×.{backup}",
        state.queue.as_millis(),
        grouped(state.frames_dropped),
        grouped(state.frames_sent + state.frames_dropped),
        state.disconnects,
    )
}

/// How the video encoder runs on this processor.
#[must_use]
pub fn acceleration(acceleration: Option<Acceleration>) -> &'static str {
    match acceleration {
        Some(Acceleration::Avx2) => "Full, with this processor's AVX2 instructions",
        Some(Acceleration::Vector) => "Full, with this processor's vector instructions",
        Some(Acceleration::None) => {
            "Several times slower than it could, without this processor's vector instructions"
        }
        None => "Not known yet",
    }
}

/// What would make the video encoder faster, if anything would.
#[must_use]
pub fn acceleration_remedy(acceleration: Option<Acceleration>) -> Option<&'static str> {
    (acceleration == Some(Acceleration::None)).then_some(
        "The assembler NASM was missing when Skywave was built. Install NASM and build it again.",
    )
}

/// Which part of the way from lens to viewer something concerns.
#[must_use]
pub fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Source => "Source",
        Cause::Encoder => "Encoder",
        Cause::Uplink => "Uplink",
        Cause::Server => "Server",
        Cause::Disk => "Disk",
        Cause::User => "You",
    }
}

/// A decision with all that is known of it, over several lines.
#[must_use]
pub fn decision(decision: &Decision) -> String {
    let word = match decision.severity {
        Severity::Good | Severity::Info => "",
        Severity::Warning => "Warning: ",
        Severity::Error => "Error: ",
    };
    let mut text = format!("{word}{}\nConcerns: ", decision.text);
    text.push_str(match decision.cause {
        Cause::Source => "camera or microphone",
        Cause::Encoder => "this computer's speed",
        Cause::Uplink => "the way to the server",
        Cause::Server => "the server",
        Cause::Disk => "the recording's disk",
        Cause::User => "what you asked for",
    });
    if let Some(destination) = &decision.destination {
        text.push_str(" · ");
        text.push_str(destination);
    }
    let figures: Vec<String> = decision.figures.iter().map(figure).collect();
    if !figures.is_empty() {
        text.push('\n');
        text.push_str(&figures.join(" · "));
    }
    text
}

/// `queue_ms` of 320 as `queue 320 ms`: the unit stands behind the last `_`.
fn figure(figure: &Figure) -> String {
    let unit_of = |unit: &str| match unit {
        "kbps" => Some("kb/s"),
        "bps" => Some("b/s"),
        "ms" => Some("ms"),
        "s" => Some("s"),
        "bytes" => Some("bytes"),
        "percent" => Some("%"),
        _ => None,
    };
    let value = (figure.value * 10.0).round() / 10.0;
    let split = figure.name.rsplit_once('_');
    match split.and_then(|(name, unit)| Some((name, unit_of(unit)?))) {
        Some((name, unit)) => format!("{} {value} {unit}", name.replace('_', " ")),
        None => format!("{} {value}", figure.name.replace('_', " ")),
    }
}

/// How long the stream has been live, if it is.
#[must_use]
pub fn live_for(status: &StreamStatus, now: MediaTime) -> Option<Duration> {
    match status {
        StreamStatus::Live { since, .. } => Some(now.since(*since)),
        _ => None,
    }
}

/// `01:12:47`; hours grow as needed.
#[must_use]
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// `4.1 GB`, in decimal units as disks are sold.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// `+3 dB`, `−12 dB`, without decimals that nobody hears.
#[must_use]
pub fn gain(gain: Decibels) -> String {
    let whole = gain.0.round();
    let sign = match whole {
        whole if whole > 0.0 => "+",
        whole if whole < 0.0 => "−",
        _ => "",
    };
    format!("{sign}{} dB", whole.abs())
}

/// `3 (0.02 %)` of the frames that were to be sent.
#[must_use]
pub fn dropped(stats: &Stats) -> String {
    let all = stats.frames_sent + stats.frames_dropped;
    let share = stats.frames_dropped as f64 / all.max(1) as f64 * 100.0;
    format!("{} ({share:.2} %)", grouped(stats.frames_dropped))
}

/// What becomes of the recording, beside its switch.
#[must_use]
pub fn recording(status: &RecordingStatus) -> String {
    match status {
        RecordingStatus::Off | RecordingStatus::Failed { .. } => "Record".to_owned(),
        RecordingStatus::Recording { bytes, .. } => format!("Record · {}", size(*bytes)),
        RecordingStatus::Finished { .. } => "Record · saved".to_owned(),
    }
}

/// `reason` with a capital letter, unless it begins with an address, and a full stop.
#[must_use]
pub fn sentence(reason: &str) -> String {
    let dot = if reason.ends_with('.') { "" } else { "." };
    let first_word = reason.split(' ').next().unwrap_or_default();
    if first_word.contains("://") {
        return format!("{reason}{dot}");
    }
    let mut letters = reason.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}{dot}", letters.as_str())
}

/// A shorter wait than this is no wait to a person.
const SHORTEST_COUNTDOWN: Duration = Duration::from_millis(1_600);
/// What stands for a value that is not known yet.
pub const NOTHING: &str = "–";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_a_clock() {
        assert_eq!(clock(Duration::ZERO), "00:00:00");
        assert_eq!(clock(Duration::from_secs(4367)), "01:12:47");
        assert_eq!(clock(Duration::from_hours(100)), "100:00:00");
    }

    #[test]
    fn sizes_grow_through_their_units() {
        assert_eq!(size(999), "0 kB");
        assert_eq!(size(12_300_000), "12.3 MB");
        assert_eq!(size(4_100_000_000), "4.1 GB");
    }

    #[test]
    fn gains_carry_their_sign() {
        assert_eq!(gain(Decibels(3.2)), "+3 dB");
        assert_eq!(gain(Decibels(-60.0)), "−60 dB");
        assert_eq!(gain(Decibels(-0.2)), "0 dB");
    }

    #[test]
    fn sentences_begin_with_a_capital_or_an_address() {
        assert_eq!(sentence("it is gone"), "It is gone.");
        assert_eq!(sentence("srt:// is not known."), "srt:// is not known.");
    }

    #[test]
    fn dropped_frames_are_told_with_their_share() {
        let stats = Stats {
            frames_sent: 9_999,
            frames_dropped: 1,
            ..Stats::default()
        };
        assert_eq!(dropped(&stats), "1 (0.01 %)");
        assert_eq!(dropped(&Stats::default()), "0 (0.00 %)");
    }
}
