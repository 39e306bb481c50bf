//! Who is let in, and how others are refused.

use std::fmt;

use super::login::Gate;
use crate::secret::Secret;

/// Who may publish and play.
#[derive(Clone, Debug, Default)]
pub struct ReceivePolicy {
    /// The application; `None` lets any in.
    pub app: Option<String>,
    /// The stream key; `None` lets any in. Players need it too, as it is the stream's name.
    pub key: Option<Secret>,
    /// Who must log in before anything else, in Adobe's way; `None` asks nobody.
    pub login: Option<Gate>,
}

impl ReceivePolicy {
    /// Whether the policy asks for `name`, with what may stand behind a `?` or without.
    pub(super) fn admits_key(&self, key: &str) -> bool {
        (self.key.as_ref())
            .is_none_or(|wanted| wanted.expose() == key || wanted.expose() == stream_name(key))
    }
}

/// What a stream is published and played as: its application, and its key without parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamName {
    /// The application.
    pub app: String,
    /// What stands before a `?`.
    pub key: Secret,
}

impl StreamName {
    /// The name that `app` and `key` ask for.
    #[must_use]
    pub fn new(app: &str, key: &Secret) -> Self {
        Self {
            app: app.to_owned(),
            key: Secret::new(stream_name(key.expose())),
        }
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}", self.app, self.key)
    }
}

/// The name under which a stream is published and played: its key without what stands behind a `?`.
#[must_use]
pub(super) fn stream_name(key: &str) -> &str {
    key.split('?').next().unwrap_or_default()
}

/// Why a client that the policy lets in is turned away all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody publishes under this name.
    NameInUse,
    /// The policy asks for another key.
    WrongKey,
    /// There are as many streams as there may be.
    TooManyStreams,
    /// There are as many players as there may be.
    TooManyPlayers,
    /// The player waited long enough.
    NothingToPlay,
}

impl Refusal {
    /// The status told to a publisher.
    pub(super) fn publish_code(self) -> &'static str {
        match self {
            Self::NameInUse => "NetStream.Publish.BadName",
            _ => "NetStream.Publish.Denied",
        }
    }

    /// The status told to a player.
    pub(super) fn play_code(self) -> &'static str {
        match self {
            Self::NothingToPlay => "NetStream.Play.StreamNotFound",
            _ => "NetStream.Play.Failed",
        }
    }

    /// What the client's user reads.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::NameInUse => "Somebody publishes under this name already.",
            Self::WrongKey => "Wrong key.",
            Self::TooManyStreams => "Too many streams.",
            Self::TooManyPlayers => "Too many players.",
            Self::NothingToPlay => "Nobody publishes this stream.",
        }
    }
}

/// What the receiver's user reads.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NameInUse => "the stream's name is in use by another publisher",
            Self::WrongKey => "the client gave another stream key",
            Self::TooManyStreams => "there are too many streams",
            Self::TooManyPlayers => "there are too many players",
            Self::NothingToPlay => "nobody published what the player waited for",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_with_or_without_its_query() {
        let policy = |key: &str| ReceivePolicy {
            key: Some(Secret::new(key)),
            ..ReceivePolicy::default()
        };
        assert!(policy("abc").admits_key("abc"));
        assert!(policy("abc").admits_key("abc?bandwidthtest=true"));
        assert!(policy("abc?token=1").admits_key("abc?token=1"));
        assert!(!policy("abc?token=1").admits_key("abc"));
        assert!(!policy("abc").admits_key("abcd"));
        assert!(ReceivePolicy::default().admits_key("any"));
    }
}
