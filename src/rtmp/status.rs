//! What a server's status means for who publishes: `onStatus` messages and the information in replies.
//!
//! Codes are compared without regard to case: servers differ there (Node Media Server writes
//! `NetStream.publish.Unauthorized`).

use super::refusal::{Failure, Peer, presentable};
use crate::secret::Secret;

/// A status as it came over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// `NetStream.Publish.Start`.
    pub code: String,
    /// `status`, `warning` or `error`; some servers leave it out.
    pub level: String,
    /// The server's words.
    pub description: String,
}

/// What a status means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The application lets us in.
    Connected,
    /// The stream is accepted: media may flow.
    PublishStarted,
    /// The stream has ended.
    Unpublished,
    /// It cannot go on.
    Fails(Failure),
    /// The stream should move to another connection (Enhanced RTMP v2, Reconnect Request).
    MoveWanted,
    /// Something a person may want to know; the stream goes on.
    Note(String),
    /// Nothing for us.
    Nothing,
}

impl Status {
    /// What this status means, sent by `peer`; `key` is kept out of all words.
    #[must_use]
    pub fn meaning(&self, peer: &Peer, key: &Secret) -> Meaning {
        let code = self.code.to_ascii_lowercase();
        let fails = |failure: Failure| Meaning::Fails(self.in_own_words(failure, key));
        match code.as_str() {
            "netconnection.connect.success" => Meaning::Connected,
            "netstream.publish.start" => Meaning::PublishStarted,
            "netstream.unpublish.success" => Meaning::Unpublished,
            "netconnection.connect.reconnectrequest" => Meaning::MoveWanted,

            "netconnection.connect.invalidapp" => fails(Failure::invalid_app(peer, &self.code)),
            "netconnection.connect.rejected" => {
                fails(Failure::connection_rejected(peer, &self.code))
            }
            "netstream.publish.badname" => fails(Failure::name_in_use(peer, &self.code)),
            "netstream.publish.denied"
            | "netstream.publish.rejected"
            | "netstream.publish.unauthorized"
            | "netstream.connect.rejected" => fails(Failure::publish_denied(peer, &self.code)),

            "netconnection.connect.failed"
            | "netconnection.proxy.notresponding"
            | "netstream.failed"
            | "netstream.connect.failed" => fails(Failure::server_failed(peer, &self.code)),
            "netconnection.connect.appshutdown"
            | "netconnection.connect.closed"
            | "netconnection.connect.idletimeout"
            | "netconnection.connect.networkchange"
            | "netstream.connect.closed" => fails(Failure::ended_by_server(peer, &self.code)),

            "netstream.publish.idle"
            | "netstream.record.noaccess"
            | "netstream.record.failed"
            | "netstream.record.diskquotaexceeded"
            | "netstream.record.alreadyexists" => Meaning::Note(self.words(key)),
            // Answers to calls that not every server knows: releaseStream, FCPublish.
            "netconnection.call.failed"
            | "netconnection.call.badversion"
            | "netconnection.call.prohibited" => Meaning::Nothing,

            _ if self.level.eq_ignore_ascii_case("error") => {
                fails(Failure::unknown_status(peer, &self.code))
            }
            _ => Meaning::Nothing,
        }
    }

    /// `failure` with the server's description, unless that only repeats the code.
    pub(super) fn in_own_words(&self, failure: Failure, key: &Secret) -> Failure {
        if self.description.eq_ignore_ascii_case(&self.code) {
            failure
        } else {
            failure.with_server_words(&self.description, key)
        }
    }

    fn words(&self, key: &Secret) -> String {
        let told = presentable(&self.description, key).or_else(|| presentable(&self.code, key));
        format!("The server says: {}.", told.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtmp::refusal::FailureKind;

    fn meaning(code: &str, level: &str, description: &str) -> Meaning {
        let peer = Peer {
            host: "example.org".to_owned(),
            port: 1935,
            app: "live".to_owned(),
        };
        let status = Status {
            code: code.to_owned(),
            level: level.to_owned(),
            description: description.to_owned(),
        };
        status.meaning(&peer, &Secret::new("abc_secret"))
    }

    fn failure(code: &str, level: &str, description: &str) -> Failure {
        match meaning(code, level, description) {
            Meaning::Fails(failure) => failure,
            other => panic!("{code}: {other:?}"),
        }
    }

    #[test]
    fn every_known_refusal_has_its_kind() {
        for (code, kind) in [
            ("NetConnection.Connect.InvalidApp", FailureKind::Refused),
            ("NetConnection.Connect.Rejected", FailureKind::Refused),
            ("NetConnection.Connect.Failed", FailureKind::Closed),
            ("NetConnection.Connect.AppShutdown", FailureKind::Closed),
            ("NetConnection.Connect.Closed", FailureKind::Closed),
            ("NetConnection.Connect.IdleTimeout", FailureKind::Closed),
            ("NetConnection.Connect.NetworkChange", FailureKind::Closed),
            ("NetConnection.Proxy.NotResponding", FailureKind::Closed),
            ("NetStream.Publish.BadName", FailureKind::NameInUse),
            ("NetStream.Publish.Denied", FailureKind::Refused),
            ("NetStream.Publish.Rejected", FailureKind::Refused),
            ("NetStream.publish.Unauthorized", FailureKind::Refused),
            ("NetStream.Failed", FailureKind::Closed),
            ("NetStream.Connect.Rejected", FailureKind::Refused),
            ("NetStream.Connect.Failed", FailureKind::Closed),
            ("NetStream.Connect.Closed", FailureKind::Closed),
            ("NetStream.Something.New", FailureKind::Protocol),
        ] {
            let failure = failure(code, "error", "");
            assert_eq!(failure.kind, kind, "{code}");
            assert!(failure.what.contains(code), "{failure}");
        }
    }

    #[test]
    fn what_does_not_end_the_stream_is_told() {
        for code in [
            "NetStream.Publish.Idle",
            "NetStream.Record.NoAccess",
            "NetStream.Record.Failed",
            "NetStream.Record.DiskQuotaExceeded",
            "NetStream.Record.AlreadyExists",
        ] {
            let Meaning::Note(text) = meaning(code, "error", "") else {
                panic!("{code}");
            };
            assert!(text.contains(code), "{text}");
        }
    }

    #[test]
    fn codes_are_known_in_any_case() {
        for (code, expected) in [
            ("NETCONNECTION.CONNECT.SUCCESS", Meaning::Connected),
            ("netstream.publish.start", Meaning::PublishStarted),
            ("NetStream.Unpublish.success", Meaning::Unpublished),
            (
                "netConnection.connect.reconnectRequest",
                Meaning::MoveWanted,
            ),
        ] {
            assert_eq!(meaning(code, "", ""), expected);
        }
    }

    #[test]
    fn a_refusal_without_level_is_one_too() {
        let failure = failure("NetStream.Publish.Denied", "", "");
        assert!(!failure.may_mend());
    }

    #[test]
    fn words_of_the_server_are_told_without_the_key() {
        let failure = failure("NetStream.Publish.BadName", "error", "abc_secret is busy");
        assert_eq!(failure.server_words.as_deref(), Some("•••• is busy"));
    }

    #[test]
    fn what_does_not_concern_a_publisher_is_passed_over() {
        for code in [
            "NetStream.Play.Reset",
            "NetStream.Record.Start",
            "Some.Thing",
            "",
        ] {
            assert_eq!(meaning(code, "status", ""), Meaning::Nothing, "{code}");
        }
        let call = meaning("NetConnection.Call.Failed", "error", "no such method");
        assert_eq!(call, Meaning::Nothing);
    }
}
