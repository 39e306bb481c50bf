//! Making what comes from the wire fit to be shown, and reading the hints in it.

use std::time::Duration;

use super::Cause;
use crate::secret::Secret;

/// Text from a server as one line without control characters and without `key`; `None` if nothing remains.
#[must_use]
pub fn presentable(words: &str, key: &Secret) -> Option<String> {
    let mut text = words.to_owned();
    // The key as sent, its name without parameters (`name?token=...`), and what these hold: servers repeat each.
    let whole = key.expose();
    let (name, parameters) = whole.split_once('?').unwrap_or((whole, ""));
    let values = parameters.split('&').filter_map(|one| one.split_once('='));
    let values = values.map(|(_, value)| (value, SHORTEST_VALUE_HIDDEN));
    let names = [whole, name].map(|secret| (secret, SHORTEST_KEY_HIDDEN));
    for (secret, shortest) in names.into_iter().chain(values) {
        if secret.len() >= shortest {
            text = text.replace(secret, "••••");
        }
    }
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if !word.is_empty() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    if let Some((end, _)) = line.char_indices().nth(LONGEST_WORDS_SHOWN) {
        line.truncate(end);
        line.push('…');
    }
    let trimmed = line.trim_end_matches('.');
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// A status code from the wire, kept short and to the characters that codes are made of.
pub(super) fn shown_code(code: &str) -> String {
    let clean: String = code
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        .take(LONGEST_CODE_SHOWN)
        .collect();
    if clean.is_empty() {
        "no code given".to_owned()
    } else {
        clean
    }
}

/// `1 second`, `10 seconds`, `2.5 seconds`.
pub(super) fn seconds(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    match (tenths / 10, tenths % 10) {
        (1, 0) => "1 second".to_owned(),
        (whole, 0) => format!("{whole} seconds"),
        (whole, tenth) => format!("{whole}.{tenth} seconds"),
    }
}

/// `40 seconds`, `12 minutes`, `1 hour`: as exactly as people speak.
pub(super) fn span(duration: Duration) -> String {
    let units = [(3600, "hour"), (60, "minute"), (1, "second")];
    let seconds = duration.as_secs();
    let (length, name) = units
        .into_iter()
        // From two of a unit on it says enough.
        .find(|(length, _)| seconds >= 2 * length || seconds == *length)
        .unwrap_or((1, "second"));
    let count = (seconds + length / 2) / length;
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {name}{plural}")
}

/// `template` with each `{slot}` replaced by what `value` has for it, and what was put in left alone.
pub(super) fn filled(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{')
        && let Some((slot, after)) = after.split_once('}')
    {
        text.push_str(before);
        text.push_str(&value(slot));
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The cause that a server's words name, where the status says only that it refuses.
pub(super) fn hint(told: Cause, words: &str) -> Option<Cause> {
    let is_vague = matches!(
        told,
        Cause::ConnectionRejected
            | Cause::StreamRefused
            | Cause::StreamDenied
            | Cause::ClosedAtKey
            | Cause::ClosedAtKeyAgain
            | Cause::ClosedOnceAccepted
            | Cause::ServerFailed
            | Cause::UnknownStatus
    );
    if !is_vague {
        return None;
    }
    let words = words.to_lowercase();
    let named = HINTS
        .iter()
        .find(|(phrases, _)| phrases.iter().any(|phrase| words.contains(phrase)));
    named.map(|(_, cause)| *cause)
}

/// What servers write in their descriptions: nginx "Already publishing", SRS "stream busy"; and words that mean
/// the same with every server.
const HINTS: &[(&[&str], Cause)] = &[
    (
        &["already publish", "stream busy", "is busy", "in use"],
        Cause::NameInUse,
    ),
    (&["expired"], Cause::Expired),
    (
        &[
            "bandwidth",
            "exceed",
            "limit",
            "maximum",
            "quota",
            "too many",
        ],
        Cause::LimitReached,
    ),
];

/// Characters of a server's words that are shown.
pub(super) const LONGEST_WORDS_SHOWN: usize = 200;
/// Characters of a status code that are shown.
const LONGEST_CODE_SHOWN: usize = 64;
/// Keys shorter than this (`a`, `1`) would blank out innocent letters; they protect nothing anyway.
const SHORTEST_KEY_HIDDEN: usize = 3;
/// The same for the values of a key's parameters, which are often words (`type=live`).
const SHORTEST_VALUE_HIDDEN: usize = 6;
