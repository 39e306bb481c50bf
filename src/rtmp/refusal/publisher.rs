//! What the publisher decides by itself: where it does not follow a server, and how long it waits for one.

use std::time::Duration;

use super::{Cause, Failure, Peer, words::seconds};

impl Failure {
    /// Servers sent us on from one to the other too often. `hosts` are all of them in order.
    #[must_use]
    pub fn redirect_loop(peer: &Peer, hosts: &[String]) -> Self {
        let hosts = hosts.join(", then ");
        Self::new(Cause::RedirectLoop, peer, &[("hosts", &hosts)])
    }

    /// The server asks for one more login after every login.
    #[must_use]
    pub fn login_without_end(peer: &Peer) -> Self {
        let reason = "it asks for another login after each login";
        Self::new(Cause::UnknownLogin, peer, &[("reason", reason)])
    }

    /// This failure as it looks once it is known that the server still holds the connection that we lost.
    #[must_use]
    pub fn still_held(self, peer: &Peer) -> Self {
        let cause = match self.cause {
            Cause::NameInUse | Cause::StillHeld => Cause::StillHeld,
            _ => Cause::ClosedAtKeyAgain,
        };
        Self {
            server_words: self.server_words,
            ..Self::new(cause, peer, &[])
        }
    }

    /// The server did not free the name however long we waited.
    #[must_use]
    pub fn held_too_long(peer: &Peer, waited: Duration, server_words: Option<String>) -> Self {
        Self {
            server_words,
            ..Self::new(Cause::HeldTooLong, peer, &[("time", &seconds(waited))])
        }
    }

    /// The part of this program that publishes is gone.
    #[must_use]
    pub fn publisher_crashed(peer: &Peer) -> Self {
        Self::of_ours(
            Cause::ThisComputer,
            format!("The part of this program that publishes to {peer} failed."),
            "Go live again; if it fails again, report it with the log.",
        )
    }
}
