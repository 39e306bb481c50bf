//! Before RTMP: the way to the server.

use std::time::Duration;

use super::{Cause, Failure, Peer, words::seconds};

/// DNS and TCP.
impl Failure {
    /// The name could not be resolved.
    #[must_use]
    pub fn unknown_host(peer: &Peer) -> Self {
        Self::new(Cause::UnknownHost, peer, &[])
    }

    /// Resolving the name took too long.
    #[must_use]
    pub fn name_lookup_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(Cause::LookupTimedOut, peer, &[("time", &seconds(waited))])
    }

    /// Nothing listens at the port.
    #[must_use]
    pub fn port_refused(peer: &Peer) -> Self {
        Self::new(Cause::PortRefused, peer, &[])
    }

    /// This computer has no way out to there.
    #[must_use]
    pub fn offline(peer: &Peer, reason: &str) -> Self {
        Self::new(Cause::Offline, peer, &[("reason", reason)])
    }

    /// The network knows no way there, or the connection could not be made for another reason.
    #[must_use]
    pub fn unreachable(peer: &Peer, reason: &str) -> Self {
        Self::new(Cause::Unreachable, peer, &[("reason", reason)])
    }

    /// The connection could not be made in time.
    #[must_use]
    pub fn connect_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(Cause::ConnectTimedOut, peer, &[("time", &seconds(waited))])
    }

    /// The connection broke below RTMP, once it stood.
    #[must_use]
    pub fn connection_lost(peer: &Peer, reason: &str) -> Self {
        Self::new(Cause::ConnectionLost, peer, &[("reason", reason)])
    }
}

/// TLS.
impl Failure {
    /// The server's certificate is not to be trusted, for a `cause` of its own.
    #[must_use]
    pub fn certificate(peer: &Peer, cause: Cause) -> Self {
        Self::new(cause, peer, &[])
    }

    /// The server's certificate is not to be trusted, for a reason that has no cause of its own.
    #[must_use]
    pub fn certificate_unfit(peer: &Peer, reason: &str) -> Self {
        Self::new(Cause::CertificateUnfit, peer, &[("reason", reason)])
    }

    /// What answers does not speak TLS.
    #[must_use]
    pub fn tls_not_spoken(peer: &Peer) -> Self {
        Self::new(Cause::TlsNotSpoken, peer, &[])
    }

    /// The server broke off with a TLS alert.
    #[must_use]
    pub fn tls_alert(peer: &Peer, alert: &str) -> Self {
        Self::new(Cause::TlsAlert, peer, &[("reason", alert)])
    }

    /// The server and this program found no common way of securing the connection.
    #[must_use]
    pub fn tls(peer: &Peer, problem: &str) -> Self {
        Self::new(Cause::Tls, peer, &[("reason", problem)])
    }

    /// The server closed the connection while it was being secured.
    #[must_use]
    pub fn tls_closed(peer: &Peer) -> Self {
        Self::new(Cause::TlsClosed, peer, &[])
    }

    /// Securing the connection took too long.
    #[must_use]
    pub fn tls_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(Cause::TlsTimedOut, peer, &[("time", &seconds(waited))])
    }
}
