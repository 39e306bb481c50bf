//! What the publisher decides by itself: where it does not follow a server, and how long it waits for one.

use std::time::Duration;

use super::{Failure, FailureKind, Peer, seconds};

impl Failure {
    /// Servers sent us on from one to the other too often. `hosts` are all of them in order.
    #[must_use]
    pub fn redirect_loop(peer: &Peer, hosts: &[String]) -> Self {
        Self::new(
            FailureKind::Refused,
            format!(
                "{peer} is one server too many: each sent us on to the next ({}).",
                hosts.join(", then ")
            ),
            "Ask the service for the address of the server itself, or tell it about the circle.",
        )
    }

    /// The server asks for one more login after every login.
    #[must_use]
    pub fn login_without_end(peer: &Peer) -> Self {
        Self::new(
            FailureKind::Refused,
            format!("{peer} asks for another login after each login."),
            "Check user name and password; otherwise ask the server's operator.",
        )
    }

    /// The server still holds the connection that we lost.
    #[must_use]
    pub fn still_held(peer: &Peer, server_words: Option<String>) -> Self {
        Self {
            server_words,
            ..Self::new(
                FailureKind::NameInUse,
                format!("At {peer}, your previous connection is still held by the server."),
                "The server lets go of it by itself, within two minutes at most; the stream goes on then.",
            )
        }
    }

    /// The server did not free the name however long we waited.
    #[must_use]
    pub fn held_too_long(peer: &Peer, waited: Duration, server_words: Option<String>) -> Self {
        Self {
            server_words,
            ..Self::new(
                FailureKind::Refused,
                format!(
                    "{peer} did not take the stream for {}: its key is still in use.",
                    seconds(waited)
                ),
                "Stop the other program that publishes with this key, or end the old stream on the service's page.",
            )
        }
    }

    /// The part of this program that publishes is gone.
    #[must_use]
    pub fn publisher_crashed(peer: &Peer) -> Self {
        Self::new(
            FailureKind::Local,
            format!("The part of this program that publishes to {peer} failed."),
            "Go live again; if it fails again, report it with the log.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_servers_is_told_with_their_names() {
        let peer = Peer {
            host: "c.example".to_owned(),
            port: 1935,
            app: "live".to_owned(),
        };
        let hosts = ["a.example", "b.example", "c.example"].map(str::to_owned);
        let failure = Failure::redirect_loop(&peer, &hosts);
        let circle = "(a.example, then b.example, then c.example)";
        assert!(failure.what.contains(circle), "{failure}");
        assert!(!failure.may_mend());
    }
}
