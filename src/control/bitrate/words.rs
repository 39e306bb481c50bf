//! A change of the bitrate in a plain sentence, with its numbers.

use super::{Advice, Change, Figure, Pace, measure::Link};
use crate::units::{Bitrate, grouped};

/// Why the advice changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    /// The way carries only so much, in bits per second.
    Carries(f64),
    /// The same, seen by what waits in the network.
    Delay(f64),
    /// Nothing was acknowledged for so many seconds.
    Pause(f64),
    /// It carries more.
    Room,
    /// The floor is too much, or no longer.
    Pace,
    /// The user changed the limits.
    Ordered,
    /// A new connection begins with what the last one carried.
    Connected,
}

/// The change from `before` to `advice`.
pub(super) fn change(before: Advice, advice: Advice, why: Why, link: &Link) -> Change {
    Change {
        advice,
        better: (before.pace, advice.video) > (advice.pace, before.video),
        reason: reason(before, advice, why, link),
        figures: figures(before, advice, why, link),
    }
}

fn reason(before: Advice, advice: Advice, why: Why, link: &Link) -> String {
    let from = grouped(u64::from(before.video.kbps()));
    let to = advice.video;
    match why {
        Why::Carries(bps) => format!(
            "The uplink carries {} now: the picture goes from {from} to {to}.",
            megabits(bps)
        ),
        Why::Delay(bps) => format!(
            "Data waits {} on its way to the server, which carries {} now: the picture goes from {from} to {to}.",
            milliseconds(link.network_delay),
            megabits(bps)
        ),
        Why::Pause(seconds) => format!(
            "The server has acknowledged nothing for {seconds:.1} s: the picture goes from {from} to {to}."
        ),
        Why::Room => format!("The uplink has room again: {from} to {to}."),
        Why::Pace => pace(before.pace, advice, link),
        Why::Ordered | Why::Connected if advice.video == before.video => {
            format!("All pictures are sent again, at {to}.")
        }
        Why::Ordered => {
            format!("The limits were changed: the picture goes from {from} to {to}.")
        }
        Why::Connected => {
            format!("The new connection begins with what was carried before: {from} to {to}.")
        }
    }
}

fn pace(before: Pace, advice: Advice, link: &Link) -> String {
    let carries = megabits(link.capacity.unwrap_or(link.delivered));
    let video = advice.video;
    match (before, advice.pace) {
        (_, Pace::Still) => format!(
            "The uplink carries {carries} now, too little for half the pictures at {video}: one picture every \
             few seconds is sent, and all of the sound."
        ),
        (Pace::Still, Pace::Half) => {
            format!("The uplink has room again: every second picture is sent, at {video}.")
        }
        (_, Pace::Half) => format!(
            "The uplink carries {carries} now, less than the lowest bitrate allowed, {video}: only every second \
             picture is sent."
        ),
        (_, Pace::Full) => format!("The uplink has room again: all pictures are sent, at {video}."),
    }
}

fn figures(before: Advice, advice: Advice, why: Why, link: &Link) -> Vec<Figure> {
    let figure = |name, value: f64| Figure { name, value };
    let kbps = |rate: Bitrate| f64::from(rate.kbps());
    let mut figures = vec![
        figure("from_kbps", kbps(before.video)),
        figure("to_kbps", kbps(advice.video)),
        figure("delivered_kbps", (link.delivered / 1000.0).round()),
        figure("queue_ms", (link.own_delay * 1000.0).round()),
    ];
    if let Why::Carries(bps) | Why::Delay(bps) = why {
        figures.push(figure("carried_kbps", (bps / 1000.0).round()));
    }
    if let Some(round_trip) = link.round_trip {
        figures.push(figure("round_trip_ms", (round_trip * 1000.0).round()));
    }
    figures
}

/// `1.9 Mb/s`, `240 kb/s`.
fn megabits(bps: f64) -> String {
    if bps < 1e6 {
        format!("{:.0} kb/s", (bps / 10_000.0).round() * 10.0)
    } else {
        format!("{:.1} Mb/s", bps / 1e6)
    }
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.0} ms", seconds * 1000.0)
}
