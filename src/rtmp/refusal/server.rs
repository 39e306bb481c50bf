//! RTMP: what the server did, or did not do.

use std::time::Duration;

use super::{Failure, FailureKind, Peer, Step, seconds, shown_code};

impl Failure {
    /// The first bytes are not RTMP's. `looks_like` names what they are, as in `a web server`.
    #[must_use]
    pub fn not_rtmp(peer: &Peer, looks_like: Option<&str>) -> Self {
        let what = match looks_like {
            Some(other) => format!("{other} answers at {peer}, not an RTMP server."),
            None => format!("What answers at {peer} does not speak RTMP."),
        };
        Self::new(
            FailureKind::NotRtmp,
            what,
            "Check the port: RTMP usually has 1935, RTMPS 443. A server for RTMPS needs an rtmps:// address.",
        )
    }

    /// The server takes connections but does not answer.
    #[must_use]
    pub fn no_reply(peer: &Peer, step: Step, waited: Duration) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!(
                "{peer} accepted the connection, but {step} did not come within {}.",
                seconds(waited)
            ),
            "Check that this is an RTMP server's port, and rtmp:// or rtmps:// as the server wants it.",
        )
    }

    /// The server closed the connection without a word.
    ///
    /// In answer to our application or key that is how some servers (nginx) refuse; for who was live before
    /// under the same ones it is a server going down, or one that still holds the lost connection.
    #[must_use]
    pub fn closed(peer: &Peer, step: Step, was_live: bool) -> Self {
        match step {
            Step::Handshake => Self::new(
                FailureKind::Closed,
                format!("{peer} closed the connection during the RTMP handshake."),
                "Check that this is an RTMP server's port, and rtmp:// or rtmps:// as the server wants it.",
            ),
            Step::Connect if !was_live => Self::new(
                FailureKind::Refused,
                format!(
                    "{peer} closed the connection without a word when told the application \"{}\".",
                    peer.app
                ),
                "Most likely the server knows no such application: check the part of the address after the server's name.",
            ),
            Step::CreateStream | Step::Publish if !was_live => Self::new(
                FailureKind::Refused,
                format!("{peer} closed the connection without a word when told the stream key."),
                "Most likely the key is wrong or out of date: copy it again from the service's page.",
            ),
            Step::Connect | Step::CreateStream | Step::Publish => Self::new(
                match step {
                    Step::Connect => FailureKind::Closed,
                    _ => FailureKind::NameInUse,
                },
                format!("{peer} closed the connection before accepting the stream again."),
                "It may still hold the lost connection, or be starting up; that passes by itself.",
            ),
            Step::Publishing => Self::new(
                FailureKind::Closed,
                format!("{peer} closed the connection."),
                "The server may be restarting, or have ended the stream.",
            ),
        }
    }

    /// The server ended the stream or the connection, with a status.
    #[must_use]
    pub fn ended_by_server(peer: &Peer, code: &str) -> Self {
        Self::new(
            FailureKind::Closed,
            format!("{peer} ended the stream ({}).", shown_code(code)),
            "The server may be restarting, or have ended the stream.",
        )
    }

    /// The server knows no such application.
    #[must_use]
    pub fn invalid_app(peer: &Peer, code: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!(
                "{peer} knows no application \"{}\" ({}).",
                peer.app,
                shown_code(code)
            ),
            "Check the part of the address after the server's name.",
        )
    }

    /// The server refused the connection itself.
    #[must_use]
    pub fn connection_rejected(peer: &Peer, code: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!("{peer} refused the connection ({}).", shown_code(code)),
            "Check the address; the server may also ask for a user name and password, or allow certain networks only.",
        )
    }

    /// The server refused the stream: wrong key, no right, event over.
    #[must_use]
    pub fn publish_denied(peer: &Peer, code: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!("{peer} refused the stream ({}).", shown_code(code)),
            "Check the stream key: copy it again from the service's page, and see that the event is open there.",
        )
    }

    /// The name is taken.
    #[must_use]
    pub fn name_in_use(peer: &Peer, code: &str) -> Self {
        Self::new(
            FailureKind::NameInUse,
            format!(
                "{peer} says this stream key is in use or not valid ({}).",
                shown_code(code)
            ),
            "After a lost connection that passes by itself; otherwise stop the other program that publishes with this key, or check the key.",
        )
    }

    /// The server cannot serve us now.
    #[must_use]
    pub fn server_failed(peer: &Peer, code: &str) -> Self {
        Self::new(
            FailureKind::Closed,
            format!("{peer} reported a failure ({}).", shown_code(code)),
            "That is the server's own trouble and may pass; otherwise ask its operator.",
        )
    }

    /// An error status that this program does not know.
    #[must_use]
    pub fn unknown_status(peer: &Peer, code: &str) -> Self {
        Self::new(
            FailureKind::Protocol,
            format!("{peer} reported an error ({}).", shown_code(code)),
            "Look the code up in the server's manual, or ask its operator.",
        )
    }

    /// No data was acknowledged for a while.
    #[must_use]
    pub fn stalled(peer: &Peer, silent_for: Duration) -> Self {
        Self::new(
            FailureKind::Stalled,
            format!(
                "Nothing that was sent to {peer} arrived in the last {}.",
                seconds(silent_for)
            ),
            "Check this computer's network connection.",
        )
    }

    /// Something of ours that RTMP cannot carry.
    #[must_use]
    pub fn unsendable(peer: &Peer, problem: &str) -> Self {
        Self::new(
            FailureKind::Protocol,
            format!("What was to be sent to {peer} cannot be sent: {problem}."),
            "Choose a lower video bitrate.",
        )
    }

    /// Bytes that RTMP does not allow.
    #[must_use]
    pub fn protocol(peer: &Peer, problem: &str) -> Self {
        Self::new(
            FailureKind::Protocol,
            format!("{peer} broke the RTMP protocol: {problem}."),
            "If it happens again, report it with the server's name and version.",
        )
    }
}
