//! Before RTMP: the way to the server.

use std::time::Duration;

use super::{Failure, FailureKind, Peer, seconds};

impl Failure {
    /// The name could not be resolved.
    #[must_use]
    pub fn unknown_host(peer: &Peer) -> Self {
        Self::new(
            FailureKind::UnknownHost,
            format!("No server named \"{}\" can be found.", peer.host),
            "Check the address for typing errors, and that this computer is online.",
        )
    }

    /// Resolving the name took too long.
    #[must_use]
    pub fn name_lookup_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(
            FailureKind::UnknownHost,
            format!(
                "Looking up \"{}\" brought no answer within {}.",
                peer.host,
                seconds(waited)
            ),
            "Check that this computer is online and that its name server works.",
        )
    }

    /// Nothing listens at the port.
    #[must_use]
    pub fn port_refused(peer: &Peer) -> Self {
        Self::new(
            FailureKind::PortRefused,
            format!("No server answers at {peer}: the connection was refused."),
            "Check the port number, and that the server is running.",
        )
    }

    /// The network knows no way there, or the connection could not be made for another reason.
    #[must_use]
    pub fn unreachable(peer: &Peer, cause: &str) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!("{peer} cannot be reached ({cause})."),
            "Check that this computer is online, and that no firewall blocks the port.",
        )
    }

    /// The connection could not be made in time.
    #[must_use]
    pub fn connect_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!("{peer} did not answer within {}.", seconds(waited)),
            "Check the address and port, and that no firewall blocks it.",
        )
    }

    /// The server's certificate is not to be trusted.
    #[must_use]
    pub fn certificate(peer: &Peer, problem: &str) -> Self {
        Self::new(
            FailureKind::Tls,
            format!("The secure connection to {peer} was refused by this program: {problem}."),
            "Check the server's name and this computer's date and time; otherwise ask the server's operator.",
        )
    }

    /// The server and this program found no common way of securing the connection.
    #[must_use]
    pub fn tls(peer: &Peer, problem: &str) -> Self {
        Self::new(
            FailureKind::Tls,
            format!("No secure connection to {peer} could be made ({problem})."),
            "If the server offers no RTMPS at this port, use rtmp:// or another port.",
        )
    }

    /// Securing the connection took too long.
    #[must_use]
    pub fn tls_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!(
                "{peer} accepted the connection, but did not secure it within {}.",
                seconds(waited)
            ),
            "Check that the server offers RTMPS at this port.",
        )
    }

    /// The connection broke below RTMP, once it stood.
    #[must_use]
    pub fn connection_lost(peer: &Peer, cause: &str) -> Self {
        Self::new(
            FailureKind::Closed,
            format!("The connection to {peer} was lost ({cause})."),
            "Check this computer's network connection.",
        )
    }
}
