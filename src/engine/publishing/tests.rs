use std::time::Duration;

use super::*;
use crate::{
    control::bitrate::Change,
    media::packet::AudioFormat,
    rtmp::refusal::{FailureKind, Peer},
    secret::Secret,
    units::Bitrate,
};

fn program() -> Program {
    Program {
        format: StreamFormat {
            video: None,
            audio: AudioFormat {
                sample_rate: 48_000,
                channels: 2,
                bitrate: Bitrate::from_kbps(128),
            },
        },
        limits: RateLimits::fixed(Bitrate::from_kbps(2500)),
        clock: Clock::start(),
    }
}

impl Publishing {
    /// One without a publisher, in any state.
    pub(crate) fn stand_in(
        destination: &Destination,
        program: &Program,
        status: StreamStatus,
        advised: Bitrate,
    ) -> Self {
        let mut stand_in = Self::idle(destination, program, 0);
        stand_in.status = status;
        stand_in.advice.video = advised;
        stand_in
    }
}

/// A destination without a publisher, as if it had one.
fn publishing() -> Publishing {
    let destination = Destination::new("rtmp://a.example/live", Secret::default());
    let mut publishing = Publishing::idle(&destination, &program(), 1);
    publishing.host = "a.example".into();
    publishing.status = StreamStatus::Connecting {
        host: "a.example".into(),
    };
    publishing
}

fn stalled() -> Failure {
    let peer = Peer {
        host: "a.example".into(),
        port: 1935,
        app: "live".into(),
    };
    Failure::stalled(&peer, Duration::from_secs(3))
}

fn reconnecting(attempt: u32, because: Failure) -> PublisherEvent {
    PublisherEvent::Reconnecting {
        attempt,
        retry_at: MediaTime::ZERO,
        because,
    }
}

#[test]
fn user_and_password_of_their_own_go_before_those_in_the_address() {
    let login = |credentials: Option<&Credentials>| {
        let server = server_of("rtmp://u:p@a.example/live", credentials).unwrap();
        let login = server.credentials.unwrap();
        (login.user, login.password.expose().to_owned())
    };
    assert_eq!(login(None), ("u".into(), "p".into()));
    let mine = Credentials {
        user: "me".into(),
        password: Secret::new("mine"),
    };
    assert_eq!(login(Some(&mine)), ("me".into(), "mine".into()));
}

#[test]
fn a_wrong_address_is_told_as_one_and_that_of_a_backup_as_the_backups() {
    let mut destination = Destination::new("srt://a.example", Secret::default());
    let failure = config(&destination, &program()).unwrap_err();
    assert_eq!(failure.cause, refusal::Cause::Address);
    destination.server = "rtmp://a.example/live".into();
    destination.backup = Some(Backup {
        server: "srt://b.example".into(),
        key: Secret::default(),
        credentials: None,
        warm: true,
        return_to_primary: true,
    });
    let failure = config(&destination, &program()).unwrap_err();
    assert_eq!(failure.cause, refusal::Cause::Address);
    assert!(failure.what.starts_with("The backup: "), "{}", failure.what);
}

#[test]
fn the_backup_has_an_address_a_key_and_a_login_of_its_own() {
    let destination = Destination {
        backup: Some(Backup {
            server: "rtmps://b.example/live".into(),
            key: Secret::new("second"),
            credentials: Some(Credentials {
                user: "me".into(),
                password: Secret::new("mine"),
            }),
            warm: true,
            return_to_primary: false,
        }),
        ..Destination::new("rtmp://a.example/live", Secret::new("first"))
    };
    let backup = config(&destination, &program()).unwrap().backup.unwrap();
    assert_eq!(backup.server.host, "b.example");
    assert_eq!(backup.key.expose(), "second");
    assert_eq!(backup.server.credentials.unwrap().user, "me");
    assert!(backup.warm && !backup.return_to_primary);
}

#[test]
fn an_interruption_is_told_with_its_length_when_it_is_over() {
    let at = MediaTime::from_millis;
    let mut publishing = publishing();
    let live = |millis| PublisherEvent::Live { since: at(millis) };
    let first = publishing.apply(&live(1000), at(1000)).unwrap();
    assert!(first.text.starts_with("Live: "), "{}", first.text);
    publishing.apply(&reconnecting(1, stalled()), at(3900));
    assert!(!publishing.is_live());
    let again = publishing.apply(&live(5200), at(5200)).unwrap();
    assert_eq!(
        again.text,
        "Live again after 4.2 s; viewers missed no picture"
    );
    assert_eq!(again.figures[0].name, "interruption_s");
    assert!((again.figures[0].value - 4.2).abs() < 1e-9);
    assert_eq!(publishing.state().disconnects, 1);
}

#[test]
fn a_long_outage_is_not_told_with_every_attempt() {
    let mut publishing = publishing();
    publishing.apply(
        &PublisherEvent::Live {
            since: MediaTime::ZERO,
        },
        MediaTime::ZERO,
    );
    let mut told = Vec::new();
    for second in 1..=120 {
        let event = reconnecting(second, stalled());
        told.extend(publishing.apply(&event, MediaTime::from_millis(u64::from(second) * 1000)));
    }
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.iter().all(|it| it.cause == Cause::Uplink));
    let event = reconnecting(121, refused());
    let news = publishing.apply(&event, MediaTime::from_millis(121_000));
    assert_eq!(
        news.unwrap().cause,
        Cause::Server,
        "another trouble is news"
    );
}

fn refused() -> Failure {
    Failure {
        cause: refusal::Cause::PortRefused,
        kind: FailureKind::PortRefused,
        ..stalled()
    }
}

#[test]
fn troubles_that_take_turns_are_told_no_more_often() {
    let mut publishing = publishing();
    let told = (0..60).filter(|&second| {
        let because = if second % 2 == 0 {
            stalled()
        } else {
            refused()
        };
        let at = MediaTime::from_millis(u64::from(second) * 1000);
        publishing
            .apply(&reconnecting(second, because), at)
            .is_some()
    });
    assert_eq!(told.collect::<Vec<_>>(), [0, 1, 30, 31]);
}

#[test]
fn moving_to_the_backup_and_back_is_told_and_shown() {
    let mut publishing = publishing();
    let now = MediaTime::from_millis(10);
    publishing.apply(&PublisherEvent::Live { since: now }, now);
    let moved = |host: &str, to_backup| PublisherEvent::Moved {
        host: host.into(),
        to_backup,
        reason: "the first one closed the connection.".into(),
        because: to_backup.then(refused),
    };
    let away = publishing.apply(&moved("b.example", true), now).unwrap();
    assert!(
        away.text.contains("backup server b.example"),
        "{}",
        away.text
    );
    let dropped = PublisherEvent::Dropped {
        frames: 5,
        reason: "The connection was down.".into(),
    };
    for (millis, cause) in [(900, Cause::Server), (9_000, Cause::Uplink)] {
        let told = publishing.apply(&dropped, MediaTime::from_millis(millis));
        assert_eq!(told.unwrap().cause, cause);
    }
    assert_eq!(away.cause, Cause::Server);
    assert!(publishing.state().on_backup);
    assert!(matches!(publishing.status(), StreamStatus::Live { host, .. } if host == "b.example"));
    let back = publishing.apply(&moved("a.example", false), now).unwrap();
    assert_eq!(back.severity, Severity::Good);
    assert!(!publishing.state().on_backup);
}

#[test]
fn what_the_uplink_would_like_is_kept_for_whoever_follows_it() {
    let mut publishing = publishing();
    let advice = Advice {
        video: Bitrate::from_kbps(700),
        pace: Pace::Full,
    };
    let change = PublisherEvent::Advice(Change {
        advice,
        better: false,
        reason: String::new(),
        figures: Vec::new(),
    });
    assert!(publishing.apply(&change, MediaTime::ZERO).is_none());
    assert_eq!(publishing.advice(), advice);
    assert_eq!(publishing.state().advised, advice.video);
}
