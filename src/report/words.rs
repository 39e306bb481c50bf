//! Times, shares and causes in plain words.

use std::time::Duration;

use super::fault::Loss;
use crate::{
    engine::event::{Cause, Severity},
    units::grouped,
};

/// Every cause, along the way from lens to viewer.
pub const CAUSES: [Cause; 6] = [
    Cause::Source,
    Cause::Encoder,
    Cause::Uplink,
    Cause::Server,
    Cause::Disk,
    Cause::User,
];

/// A short time: `19 ms`.
#[must_use]
pub fn whole_millis(time: Duration) -> String {
    let millis = time.as_micros().div_ceil(1000);
    format!("{} ms", grouped(u64::try_from(millis).unwrap_or(u64::MAX)))
}

/// A cause's name, in JSON too.
#[must_use]
pub fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Source => "source",
        Cause::Encoder => "encoder",
        Cause::Uplink => "uplink",
        Cause::Server => "server",
        Cause::Disk => "disk",
        Cause::User => "user",
    }
}

/// What a cause means, for those who meet the word for the first time.
#[must_use]
pub fn cause_meaning(cause: Cause) -> &'static str {
    match cause {
        Cause::Source => "camera or microphone",
        Cause::Encoder => "this computer's speed",
        Cause::Uplink => "the way to the server",
        Cause::Server => "what the server did",
        Cause::Disk => "the recording's disk",
        Cause::User => "what was asked for",
    }
}

/// A severity's name, in JSON too.
#[must_use]
pub fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "good",
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// A loss's name in JSON.
#[must_use]
pub fn loss_name(loss: Loss) -> &'static str {
    match loss {
        Loss::Dark => "dark",
        Loss::Source => "source_lost",
        Loss::Frames => "frames_missing",
        Loss::Detail => "reduced_bitrate",
        Loss::Recording => "not_recorded",
    }
}

/// A loss as a heading.
#[must_use]
pub fn loss_title(loss: Loss) -> &'static str {
    match loss {
        Loss::Dark => "Dark",
        Loss::Source => "Source lost",
        Loss::Frames => "Frames missing",
        Loss::Detail => "Reduced bitrate",
        Loss::Recording => "Not recorded",
    }
}

/// A loss after a length of time: `4.1 s dark`.
#[must_use]
pub fn loss_phrase(loss: Loss) -> &'static str {
    match loss {
        Loss::Dark => "dark",
        Loss::Source => "without camera or microphone",
        Loss::Frames => "with frames missing",
        Loss::Detail => "at reduced bitrate",
        Loss::Recording => "not recorded",
    }
}

/// A length of time as people say it: `0.4 s`, `22 s`, `5 min 12 s`, `2 h 03 min`.
#[must_use]
pub fn span(millis: u64) -> String {
    let tenths = (millis + 50) / 100;
    let seconds = (millis + 500) / 1000;
    if millis > 0 && tenths == 0 {
        "under 0.1 s".to_owned()
    } else if tenths < 100 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else if seconds < 60 {
        format!("{seconds} s")
    } else if seconds < 3600 {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    } else {
        format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60)
    }
}

/// Tenths of a percent: `98.2 %`, `100 %`.
#[must_use]
pub fn percent(permille: u64) -> String {
    if permille == 1000 {
        return "100 %".to_owned();
    }
    format!("{}.{} %", permille / 10, permille % 10)
}

/// `1 frame`, `2 frames`.
#[must_use]
pub fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(number))
}

/// With a capital, as a sentence begins.
#[must_use]
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.collect::<String>() + letters.as_str()
}

/// With a full stop, unless it ends in one or in another sign that ends a sentence.
#[must_use]
pub fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() || text.ends_with(['.', '!', '?', '…']) {
        return text.to_owned();
    }
    format!("{text}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_as_people_say_them() {
        for (millis, expected) in [
            (0, "0.0 s"),
            (40, "under 0.1 s"),
            (4_120, "4.1 s"),
            (9_949, "9.9 s"),
            (9_950, "10 s"),
            (22_000, "22 s"),
            (59_499, "59 s"),
            (59_500, "1 min 00 s"),
            (312_000, "5 min 12 s"),
            (7_400_000, "2 h 03 min"),
        ] {
            assert_eq!(span(millis), expected, "{millis} ms");
        }
    }

    #[test]
    fn shares_counts_and_sentences_are_well_formed() {
        assert_eq!(percent(1000), "100 %");
        assert_eq!(percent(982), "98.2 %");
        assert_eq!(percent(0), "0.0 %");
        assert_eq!(counted(1, "frame"), "1 frame");
        assert_eq!(counted(1200, "frame"), "1,200 frames");
        assert_eq!(sentence("It ended"), "It ended.");
        assert_eq!(sentence("It ended. "), "It ended.");
    }
}
