//! What went wrong with a connection, in words a person can act on, and whether waiting can help.
//!
//! Every failure is made here, so that all of them name the server in the same way, say what to do, and
//! never show a stream key.

mod login;
mod publisher;
mod server;
mod way;

use std::{fmt, time::Duration};

use super::url::ServerUrl;
use crate::secret::Secret;

/// Why publishing does not work (any more).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which of the known kinds this is.
    pub kind: FailureKind,
    /// What happened, naming the input: `No server answers at example.org, port 1935.`
    pub what: String,
    /// What to do about it: `Check the address; ...`
    pub remedy: String,
    /// The server's own words, where it had any.
    pub server_words: Option<String>,
}

/// The known kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The address itself is wrong; nothing was sent.
    Address,
    /// The name of the server is not known.
    UnknownHost,
    /// Nothing listens at that port.
    PortRefused,
    /// No way to the server, or no answer in time.
    Unreachable,
    /// The secure connection could not be made.
    Tls,
    /// What answered does not speak RTMP.
    NotRtmp,
    /// The server does not let us publish there: application, key or user.
    Refused,
    /// Somebody (perhaps our own lost connection) already publishes under that key.
    NameInUse,
    /// The server closed the connection.
    Closed,
    /// The connection stopped carrying data.
    Stalled,
    /// The server broke the protocol.
    Protocol,
    /// This computer could not do its part.
    Local,
}

/// Whom a failure is about: the part of an address that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The application, `live` in `rtmp://example.org/live`. What follows it in the path is left out:
    /// people paste whole addresses, key and all.
    pub app: String,
}

impl Peer {
    /// The server and application of `url`.
    #[must_use]
    pub fn of(url: &ServerUrl) -> Self {
        let app = url.app.split(['/', '?']).next().unwrap_or_default();
        Self {
            host: url.host.clone(),
            port: url.port,
            app: app.to_owned(),
        }
    }
}

impl fmt::Display for Peer {
    /// `example.org, port 1935`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, port {}", self.host, self.port)
    }
}

/// How far a connection had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// RTMP's first bytes.
    Handshake,
    /// `connect`: the application was named.
    Connect,
    /// `createStream`.
    CreateStream,
    /// `publish`: the key was named.
    Publish,
    /// The server accepted the stream.
    Publishing,
}

impl fmt::Display for Step {
    /// What we were waiting for: `the answer to "connect"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake => "the RTMP handshake",
            Self::Connect => "the answer to \"connect\"",
            Self::CreateStream => "the answer to \"createStream\"",
            Self::Publish => "the answer to \"publish\"",
            Self::Publishing => "the stream",
        })
    }
}

impl Failure {
    /// Whether trying again later, unchanged, may work.
    #[must_use]
    pub fn may_mend(&self) -> bool {
        match self.kind {
            FailureKind::Address
            | FailureKind::Tls
            | FailureKind::NotRtmp
            | FailureKind::Refused
            | FailureKind::Local => false,
            FailureKind::UnknownHost
            | FailureKind::PortRefused
            | FailureKind::Unreachable
            | FailureKind::NameInUse
            | FailureKind::Closed
            | FailureKind::Stalled
            | FailureKind::Protocol => true,
        }
    }

    /// What the server said, made fit to be shown: one line, not too long, and without the key that some
    /// servers repeat in their answers.
    #[must_use]
    pub fn with_server_words(mut self, words: &str, key: &Secret) -> Self {
        self.server_words = presentable(words, key);
        self
    }

    fn new(kind: FailureKind, what: String, remedy: impl Into<String>) -> Self {
        Self {
            kind,
            what,
            remedy: remedy.into(),
            server_words: None,
        }
    }
}

impl fmt::Display for Failure {
    /// One line: what happened, the server's words, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(words) = &self.server_words {
            write!(f, " The server said: \"{words}\".")?;
        }
        write!(f, " {}", self.remedy)
    }
}

impl std::error::Error for Failure {}

/// Text from a server as one line without control characters and without `key`; `None` if nothing remains.
#[must_use]
pub fn presentable(words: &str, key: &Secret) -> Option<String> {
    let mut text = words.to_owned();
    // The key as sent, and its name part without parameters (`name?token=...`), which servers repeat.
    let whole = key.expose();
    let name = whole.split('?').next().unwrap_or(whole);
    for secret in [whole, name] {
        if secret.len() >= SHORTEST_KEY_HIDDEN {
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
fn shown_code(code: &str) -> String {
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
fn seconds(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    match (tenths / 10, tenths % 10) {
        (1, 0) => "1 second".to_owned(),
        (whole, 0) => format!("{whole} seconds"),
        (whole, tenth) => format!("{whole}.{tenth} seconds"),
    }
}

/// Characters of a server's words that are shown.
const LONGEST_WORDS_SHOWN: usize = 200;
/// Characters of a status code that are shown.
const LONGEST_CODE_SHOWN: usize = 64;
/// Keys shorter than this (`a`, `1`) would blank out innocent letters; they protect nothing anyway.
const SHORTEST_KEY_HIDDEN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> Peer {
        Peer {
            host: "example.org".to_owned(),
            port: 1935,
            app: "live".to_owned(),
        }
    }

    #[test]
    fn a_failure_reads_as_one_line_with_the_servers_words_and_a_remedy() {
        let failure = Failure::publish_denied(&peer(), "NetStream.Publish.Denied")
            .with_server_words("No such key.", &Secret::new("abcdef"));
        assert_eq!(
            failure.to_string(),
            "example.org, port 1935 refused the stream (NetStream.Publish.Denied). The server said: \
             \"No such key\". Check the stream key: copy it again from the service's page, and see that \
             the event is open there."
        );
    }

    #[test]
    fn the_key_is_hidden_in_what_the_server_says() {
        let key = Secret::new("live_77?token=s3cret");
        for words in [
            "stream live_77?token=s3cret is busy",
            "stream live_77 is busy",
        ] {
            assert_eq!(
                presentable(words, &key).as_deref(),
                Some("stream •••• is busy")
            );
        }
    }

    #[test]
    fn a_servers_words_are_kept_to_one_short_line() {
        let none = Secret::default();
        assert_eq!(
            presentable("a\r\n\tb\u{7}c", &none).as_deref(),
            Some("a b c")
        );
        assert_eq!(presentable(" \n ", &none), None);
        let long = presentable(&"é".repeat(10_000), &none).unwrap();
        assert_eq!(long.chars().count(), LONGEST_WORDS_SHOWN + 1);
        assert_eq!(shown_code("Net\nStream \"x\""), "NetStreamx");
    }

    #[test]
    fn a_silent_close_means_refusal_only_to_who_was_never_live() {
        for step in [Step::Connect, Step::CreateStream, Step::Publish] {
            assert!(!Failure::closed(&peer(), step, false).may_mend(), "{step}");
            assert!(Failure::closed(&peer(), step, true).may_mend(), "{step}");
        }
        for step in [Step::Handshake, Step::Publishing] {
            assert!(Failure::closed(&peer(), step, false).may_mend(), "{step}");
        }
    }

    #[test]
    fn times_are_told_in_seconds() {
        assert_eq!(seconds(Duration::from_secs(10)), "10 seconds");
        assert_eq!(seconds(Duration::from_millis(2_900)), "2.9 seconds");
        assert_eq!(seconds(Duration::from_millis(999)), "1 second");
    }
}
