//! What a publisher makes of a server.

use std::{
    sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{KEY, PATIENCE};
use crate::{
    control::bitrate::RateLimits,
    flv::testing::{audio_at, format, video_at},
    media::{clock::Clock, packet::Packet},
    net::{
        publisher::{Publisher, PublisherConfig, PublisherEvent},
        route::Route,
    },
    rtmp::{options::SessionOptions, refusal::Failure, url::ServerUrl},
    secret::Secret,
    units::{Bitrate, MediaTime},
};

/// How a publisher meets a server.
pub(super) struct Plan {
    pub(super) route: Route,
    /// Up to which failure it goes on; that is the one told.
    pub(super) failures: usize,
    /// How large its pictures are.
    pub(super) picture_bytes: usize,
    /// Told when it is live.
    pub(super) on_live: Option<SyncSender<()>>,
}

impl Plan {
    pub(super) fn by(route: Route) -> Self {
        Self {
            route,
            ..Self::default()
        }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            route: Route::default(),
            failures: 1,
            picture_bytes: 100,
            on_live: None,
        }
    }
}

/// What a publisher makes of the server at `url`. It gives up after a while, and is fed with pictures and sound.
pub(super) fn publish_to(url: &str, plan: Plan) -> Failure {
    let clock = Clock::start();
    let (sender, events) = sync_channel(1024);
    let config = PublisherConfig {
        server: ServerUrl::parse(url).unwrap(),
        key: Secret::new(KEY),
        format: format(),
        give_up_after: Some(GIVE_UP_AFTER),
        clock,
        route: plan.route,
        options: SessionOptions::default(),
        limits: RateLimits::fixed(Bitrate::from_kbps(400)),
        backup: None,
    };
    let publisher = Publisher::start(config, move |event| {
        // The test may have seen enough and be gone.
        let _ = sender.try_send(event);
    })
    .unwrap();
    let patience_ends = Instant::now() + PATIENCE;
    let mut failures = Vec::new();
    for number in 0_u64.. {
        assert!(Instant::now() < patience_ends, "{failures:?}");
        match events.recv_timeout(Duration::from_millis(20)) {
            Ok(PublisherEvent::Reconnecting { because, .. }) => failures.push(because),
            Ok(PublisherEvent::Ended { because }) => {
                failures.push(because.expect("nobody asked for an end"));
                break;
            }
            Ok(PublisherEvent::Live { .. }) => {
                if let Some(on_live) = &plan.on_live {
                    // A server that is not interested any more is gone.
                    let _ = on_live.try_send(());
                }
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => {
                let now = clock.now();
                publisher.send(picture(now, number.is_multiple_of(10), plan.picture_bytes));
                publisher.send(audio_at(now));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if failures.len() >= plan.failures {
            break;
        }
    }
    failures.pop().expect("it failed")
}

pub(super) fn picture(time: MediaTime, key_frame: bool, bytes: usize) -> Packet {
    let mut packet = video_at(time, key_frame);
    if let Packet::Video(picture) = &mut packet {
        picture.data = Bytes::from(vec![0x65; bytes]);
    }
    packet
}

/// Ends what would take longer, such as a connection that is never made.
const GIVE_UP_AFTER: Duration = Duration::from_secs(2);
