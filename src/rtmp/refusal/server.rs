//! RTMP: what the server did, or did not do.

use std::time::Duration;

use super::{
    Cause, Failure, Peer, Step,
    words::{seconds, shown_code},
};
use crate::rtmp::handshake::Spoken;

/// Silence and closing.
impl Failure {
    /// The first bytes are not RTMP's.
    #[must_use]
    pub fn not_rtmp(peer: &Peer, spoken: Spoken) -> Self {
        let cause = match spoken {
            Spoken::Http => Cause::WebServer,
            Spoken::Tls => Cause::TlsServer,
            Spoken::Ssh => Cause::SshServer,
            Spoken::Unknown => Cause::NotRtmp,
        };
        Self::new(cause, peer, &[])
    }

    /// The server takes connections but does not answer.
    #[must_use]
    pub fn no_reply(peer: &Peer, step: Step, waited: Duration) -> Self {
        let cause = match step {
            Step::Handshake => Cause::HandshakeSilent,
            Step::Connect => Cause::ConnectSilent,
            Step::CreateStream => Cause::StreamSilent,
            Step::Publish => Cause::PublishSilent,
            Step::Accepted | Step::Publishing => Cause::Stalled,
        };
        Self::new(cause, peer, &[("time", &seconds(waited))])
    }

    /// The server closed the connection without a word.
    ///
    /// In answer to our application or key that is how some servers (nginx) refuse; for who was live before
    /// under the same ones it is a server going down, or one that still holds the lost connection.
    #[must_use]
    pub fn closed(peer: &Peer, step: Step, was_live: bool) -> Self {
        let cause = match step {
            Step::Handshake => Cause::HandshakeClosed,
            Step::Connect if was_live => Cause::ClosedAtConnectAgain,
            Step::Connect => Cause::ClosedAtConnect,
            Step::CreateStream | Step::Publish | Step::Accepted if was_live => {
                Cause::ClosedAtKeyAgain
            }
            Step::CreateStream | Step::Publish => Cause::ClosedAtKey,
            Step::Accepted => Cause::ClosedOnceAccepted,
            Step::Publishing => Cause::ClosedLive,
        };
        Self::new(cause, peer, &[])
    }

    /// This failure as it looks to who was live with the same address and key, for `live_for` on this
    /// connection: a name that is taken is then taken by our own lost connection, and an end after just so many
    /// hours is most likely a rule of the service.
    #[must_use]
    pub fn after_live(self, peer: &Peer, live_for: Option<Duration>) -> Self {
        let limit = live_for.and_then(time_limit);
        let (cause, hours) = match (self.cause, limit) {
            (Cause::NameInUse, _) => (Cause::StillHeld, String::new()),
            (
                Cause::ClosedLive
                | Cause::StreamEnded
                | Cause::EndedByServer
                | Cause::ShuttingDown
                | Cause::ConnectionLost,
                Some(hours),
            ) => (Cause::TimeLimit, format!("{hours} hours")),
            _ => return self,
        };
        Self {
            server_words: self.server_words,
            ..Self::new(cause, peer, &[("hours", &hours)])
        }
    }
}

/// Statuses.
impl Failure {
    /// The server ended the stream or the connection, with a status.
    #[must_use]
    pub fn ended_by_server(peer: &Peer, code: &str) -> Self {
        let cause = match code.to_ascii_lowercase().as_str() {
            "netstream.unpublish.success" => Cause::StreamEnded,
            "netconnection.connect.appshutdown" => Cause::ShuttingDown,
            "netconnection.connect.idletimeout" => Cause::IdleTimeout,
            _ => Cause::EndedByServer,
        };
        Self::new(cause, peer, &[("code", &shown_code(code))])
    }

    /// The server knows no such application.
    #[must_use]
    pub fn invalid_app(peer: &Peer, code: &str) -> Self {
        Self::new(
            Cause::UnknownApplication,
            peer,
            &[("code", &shown_code(code))],
        )
    }

    /// The server refused the connection itself.
    #[must_use]
    pub fn connection_rejected(peer: &Peer, code: &str) -> Self {
        Self::new(
            Cause::ConnectionRejected,
            peer,
            &[("code", &shown_code(code))],
        )
    }

    /// The server refused to begin a stream, before it knew the key.
    #[must_use]
    pub fn stream_refused(peer: &Peer, code: &str) -> Self {
        Self::new(Cause::StreamRefused, peer, &[("code", &shown_code(code))])
    }

    /// The server refused the stream: wrong key, no right, event over.
    #[must_use]
    pub fn publish_denied(peer: &Peer, code: &str) -> Self {
        Self::new(Cause::StreamDenied, peer, &[("code", &shown_code(code))])
    }

    /// The name is taken.
    #[must_use]
    pub fn name_in_use(peer: &Peer, code: &str) -> Self {
        Self::new(Cause::NameInUse, peer, &[("code", &shown_code(code))])
    }

    /// The server cannot serve us now.
    #[must_use]
    pub fn server_failed(peer: &Peer, code: &str) -> Self {
        Self::new(Cause::ServerFailed, peer, &[("code", &shown_code(code))])
    }

    /// An error status that this program does not know.
    #[must_use]
    pub fn unknown_status(peer: &Peer, code: &str) -> Self {
        Self::new(Cause::UnknownStatus, peer, &[("code", &shown_code(code))])
    }
}

/// The conversation itself.
impl Failure {
    /// No data was acknowledged for a while.
    #[must_use]
    pub fn stalled(peer: &Peer, silent_for: Duration) -> Self {
        Self::new(Cause::Stalled, peer, &[("time", &seconds(silent_for))])
    }

    /// The server's program takes nothing any more, while its system answers.
    #[must_use]
    pub fn not_reading(peer: &Peer, silent_for: Duration) -> Self {
        Self::new(Cause::NotReading, peer, &[("time", &seconds(silent_for))])
    }

    /// Something of ours that RTMP cannot carry.
    #[must_use]
    pub fn unsendable(peer: &Peer, problem: &str) -> Self {
        Self::new(Cause::Unsendable, peer, &[("reason", problem)])
    }

    /// Bytes that RTMP does not allow.
    #[must_use]
    pub fn protocol(peer: &Peer, problem: &str) -> Self {
        Self::new(Cause::Protocol, peer, &[("reason", problem)])
    }
}

/// The whole hours after which services end streams, if `live_for` is about that long.
fn time_limit(live_for: Duration) -> Option<u64> {
    TIME_LIMITS_HOURS.iter().copied().find(|hours| {
        let limit = Duration::from_secs(hours * 3600);
        live_for.abs_diff(limit) <= TIME_LIMIT_TOLERANCE
    })
}

/// How long services let a stream last: Facebook 4 h, and its addresses 24 h; Amazon IVS 48 h.
const TIME_LIMITS_HOURS: [u64; 3] = [4, 24, 48];
/// How exactly they keep to it: the event may have begun before the stream.
const TIME_LIMIT_TOLERANCE: Duration = Duration::from_mins(2);
