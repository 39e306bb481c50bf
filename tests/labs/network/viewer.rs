//! What somebody watching at the server would have missed.

use std::fmt;

/// One message, as it arrived.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arrival {
    /// When.
    pub(crate) at: f64,
    /// On which connection.
    pub(crate) connection: u64,
    /// What it is.
    pub(crate) kind: Kind,
    /// The media's own time, in seconds of its connection.
    pub(crate) timestamp: f64,
    /// How large.
    pub(crate) bytes: usize,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A stream begins.
    Began,
    /// It is over.
    Ended,
    /// What decoders need before anything else.
    Header,
    /// A picture that decoding can begin with.
    KeyFrame,
    /// Another picture.
    Picture,
    /// A block of sound.
    Sound,
}

/// How the stream was from a fault on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Watched {
    /// From the restoration until pictures come again, and go on coming; `None` if they did not.
    pub(crate) back_after: Option<f64>,
    /// The longest time without a picture.
    pub(crate) longest_gap: f64,
    /// Seconds of pictures that never came.
    pub(crate) missed: f64,
    /// How much later than at first the last pictures came.
    pub(crate) behind: f64,
    /// How many streams began after the fault: reconnections, as the server sees them.
    pub(crate) new_streams: usize,
}

impl Arrival {
    /// Whether it is one that is seen.
    pub(crate) fn is_picture(&self) -> bool {
        matches!(self.kind, Kind::KeyFrame | Kind::Picture)
    }

    /// Reads what [`fmt::Display`] writes.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let arrival = Self {
            at: words.next()?.parse().ok()?,
            connection: words.next()?.parse().ok()?,
            kind: KINDS[KINDS
                .iter()
                .position(|(_, name)| Some(*name) == words.clone().next())?]
            .0,
            timestamp: words.nth(1)?.parse().ok()?,
            bytes: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(arrival)
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = KINDS.iter().find(|(kind, _)| *kind == self.kind);
        let name = name.map_or("?", |(_, name)| *name);
        let Self {
            at,
            connection,
            timestamp,
            bytes,
            ..
        } = self;
        write!(f, "{at:.6} {connection} {name} {timestamp:.3} {bytes}")
    }
}

/// How the stream of `fps` pictures a second was: the link or server failed at `failed`, was well again at
/// `restored`, and was watched until `end`.
pub(crate) fn watched(
    arrivals: &[Arrival],
    fps: f64,
    failed: f64,
    restored: f64,
    end: f64,
) -> Watched {
    let began = |arrival: &&Arrival| arrival.kind == Kind::Began && arrival.at > failed;
    let behind = behind(arrivals, failed, end);
    Watched {
        back_after: lasting_since(arrivals, restored, end).map(|time| time - restored),
        longest_gap: longest_gap(arrivals, failed, end),
        // What is behind will come.
        missed: (missed(arrivals, fps, failed, end) - behind).max(0.0),
        behind,
        new_streams: arrivals.iter().filter(began).count(),
    }
}

/// Kilobits of media that arrived per second from `from` to `to`.
pub(crate) fn kbps(arrivals: &[Arrival], from: f64, to: f64) -> f64 {
    let bytes: usize = between(arrivals, from, to)
        .map(|arrival| arrival.bytes)
        .sum();
    bytes as f64 * 8.0 / 1e3 / (to - from)
}

/// How much longer than the quickest one each picture from `from` to `to` was on its way, in milliseconds; those of
/// one connection only are told apart by that.
pub(crate) fn delays_ms(arrivals: &[Arrival], from: f64, to: f64) -> Vec<f64> {
    let lag = |arrival: &Arrival| arrival.at - arrival.timestamp;
    let pictures = arrivals.iter().filter(|arrival| arrival.is_picture());
    let quickest = pictures.map(lag).fold(f64::INFINITY, f64::min);
    between(arrivals, from, to)
        .filter(|arrival| arrival.is_picture())
        .map(|arrival| (lag(arrival) - quickest) * 1e3)
        .collect()
}

/// From `from` on, how long until as many kilobits a second as `wanted` arrived, over two seconds.
pub(crate) fn reaches_after(arrivals: &[Arrival], wanted: f64, from: f64, end: f64) -> Option<f64> {
    let mut time = from;
    while time + RATE_OVER <= end {
        if kbps(arrivals, time, time + RATE_OVER) >= wanted {
            return Some(time + RATE_OVER - from);
        }
        time += STEP;
    }
    None
}

/// When pictures began to come, after `from`, that went on for a while: what was under way when a connection broke
/// may still arrive, and is no stream.
fn lasting_since(arrivals: &[Arrival], from: f64, end: f64) -> Option<f64> {
    let times: Vec<f64> = picture_times(arrivals, from, end).collect();
    let lasts = |begin: usize| {
        let enough = times[begin] + LASTING;
        let mut last = times[begin];
        for &time in &times[begin..] {
            if time - last > PAUSE {
                return false;
            }
            last = time;
            if time >= enough {
                return true;
            }
        }
        false
    };
    (0..times.len())
        .find(|&begin| lasts(begin))
        .map(|begin| times[begin])
}

fn longest_gap(arrivals: &[Arrival], from: f64, end: f64) -> f64 {
    let mut last = from;
    let mut longest: f64 = 0.0;
    for time in picture_times(arrivals, from, end).chain([end]) {
        longest = longest.max(time - last);
        last = time;
    }
    longest
}

fn missed(arrivals: &[Arrival], fps: f64, from: f64, end: f64) -> f64 {
    let came = picture_times(arrivals, from, end).count();
    // A picture more or less is a question of where the time was cut.
    (end - from - (came + 1) as f64 / fps).max(0.0)
}

/// On the last connection, how much longer the last pictures were on their way than its quickest ones before
/// the fault; than its first ones if it began later.
fn behind(arrivals: &[Arrival], failed: f64, end: f64) -> f64 {
    let Some(last) = arrivals.iter().rfind(|arrival| arrival.is_picture()) else {
        return 0.0;
    };
    let pictures: Vec<&Arrival> = arrivals
        .iter()
        .filter(|arrival| arrival.is_picture() && arrival.connection == last.connection)
        .collect();
    let lag = |arrival: &&Arrival| arrival.at - arrival.timestamp;
    let quickest = |lags: &mut dyn Iterator<Item = f64>| lags.fold(f64::INFINITY, f64::min);
    let first = pictures[0].at;
    let at_first = if first < failed {
        quickest(
            &mut pictures
                .iter()
                .filter(|arrival| arrival.at < failed)
                .map(lag),
        )
    } else {
        quickest(
            &mut pictures
                .iter()
                .filter(|arrival| arrival.at < first + 1.0)
                .map(lag),
        )
    };
    let recent = pictures.iter().filter(|arrival| arrival.at > end - 1.0);
    let at_last = quickest(&mut recent.map(lag));
    if at_last.is_finite() {
        (at_last - at_first).max(0.0)
    } else {
        0.0
    }
}

fn picture_times(arrivals: &[Arrival], from: f64, to: f64) -> impl Iterator<Item = f64> {
    between(arrivals, from, to)
        .filter(|arrival| arrival.is_picture())
        .map(|arrival| arrival.at)
}

fn between(arrivals: &[Arrival], from: f64, to: f64) -> impl Iterator<Item = &Arrival> {
    arrivals
        .iter()
        .filter(move |arrival| arrival.at >= from && arrival.at < to)
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::Began, "began"),
    (Kind::Ended, "ended"),
    (Kind::Header, "header"),
    (Kind::KeyFrame, "key"),
    (Kind::Picture, "picture"),
    (Kind::Sound, "sound"),
];
/// A stream is there if it goes on for so long...
const LASTING: f64 = 1.0;
/// ...without a longer pause than this: a key frame interval would be one.
const PAUSE: f64 = 0.7;
/// A rate is looked at over so long: a key frame interval...
const RATE_OVER: f64 = 2.0;
/// ...and so often.
const STEP: f64 = 0.1;
