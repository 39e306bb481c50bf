//! Whose doing a failure is: the server's, or that of the way to it.

use super::{Cause, Failure, FailureKind};

impl Failure {
    /// Whether the server said or did it: closed, refused, read nothing, broke the protocol. Otherwise the way to
    /// it, or this computer, is the cause.
    #[must_use]
    pub fn is_the_servers(&self) -> bool {
        self.cause.is_the_servers()
    }
}

impl Cause {
    /// See [`Failure::is_the_servers`].
    #[must_use]
    pub fn is_the_servers(self) -> bool {
        match self {
            // All that was said arrived, and no answer came.
            Self::HandshakeSilent
            | Self::ConnectSilent
            | Self::StreamSilent
            | Self::PublishSilent
            | Self::NotReading => true,
            // The proxy belongs to the way; so does a wire that is cut or too slow, even where the server tells.
            Self::ProxyNeedsLogin
            | Self::ProxyLoginWrong
            | Self::ProxyLoginUnsupported
            | Self::ProxyForbids
            | Self::ProxyRefused
            | Self::NotAProxy
            | Self::ProxyClosed
            | Self::ConnectionLost
            | Self::IdleTimeout => false,
            // It never reached the server.
            Self::Unsendable => false,
            other => match other.kind() {
                FailureKind::Address
                | FailureKind::UnknownHost
                | FailureKind::Unreachable
                | FailureKind::Stalled
                | FailureKind::Local => false,
                FailureKind::PortRefused
                | FailureKind::Tls
                | FailureKind::NotRtmp
                | FailureKind::Refused
                | FailureKind::NameInUse
                | FailureKind::Closed
                | FailureKind::Protocol => true,
            },
        }
    }
}
