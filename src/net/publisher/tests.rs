mod breaking;
mod ground;
mod moving;
#[cfg(target_os = "linux")]
mod reconnecting;
mod servers;
mod two_servers;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver as EventReceiver, RecvTimeoutError, SyncSender, sync_channel},
    time::Instant,
};

use bytes::Bytes;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::{TlsAcceptor, rustls};

use super::{attempt::PASSED_ON_AFTER, *};
use crate::{
    control::bitrate::RateLimits,
    flv::testing::{audio_at, format, video_at},
    net::{receiver::Receiver, route::Trust},
    rtmp::{
        receive::{Input, ReceivePolicy, ReceiveSession, Received},
        refusal::FailureKind,
        session::Output,
    },
};

const LOOPBACK: &str = "127.0.0.1:0";
/// Far more than anything here takes; only a hanging test meets it.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a stop may take, by promise.
const STOP_LIMIT: Duration = Duration::from_secs(1);

fn config(server: &str) -> PublisherConfig {
    PublisherConfig {
        server: ServerUrl::parse(server).unwrap(),
        key: Secret::new("key-of-ours"),
        format: format(),
        give_up_after: None,
        clock: Clock::start(),
        route: Route::default(),
        options: SessionOptions::default(),
        limits: RateLimits::fixed(Bitrate::from_kbps(400)),
        backup: None,
    }
}

fn config_for(address: SocketAddr) -> PublisherConfig {
    config(&format!("rtmp://{address}/live"))
}

/// A running publisher that is fed with media as long as a test waits for something.
struct Fed {
    publisher: Publisher,
    events: EventReceiver<PublisherEvent>,
    clock: Clock,
    frames: u64,
    frame_bytes: usize,
    key_frame_interval: u64,
    /// How far sound lags behind the pictures taken at the same time.
    sound_delay: Duration,
    /// How long before it is fed each picture was taken.
    age: Duration,
    /// Every event so far.
    seen: Vec<PublisherEvent>,
}

impl Fed {
    fn start(config: PublisherConfig) -> Self {
        Self::start_in(World::here(), config)
    }

    fn start_in(world: World, config: PublisherConfig) -> Self {
        let clock = config.clock;
        let (sender, events) = sync_channel(1024);
        let publisher = Publisher::start_in(world, config, move |event| {
            // The test may have seen enough and be gone.
            let _ = sender.try_send(event);
        })
        .unwrap();
        Self {
            publisher,
            events,
            clock,
            frames: 0,
            frame_bytes: 100,
            key_frame_interval: 10,
            sound_delay: Duration::ZERO,
            age: Duration::ZERO,
            seen: Vec::new(),
        }
    }

    /// Feeds one picture and one block of sound, both with their number in front.
    fn feed(&mut self) {
        let now = self.clock.now();
        let number = self.frames.to_be_bytes();
        let key_frame = self.frames.is_multiple_of(self.key_frame_interval);
        let mut picture = video_at(now, key_frame);
        if let Packet::Video(picture) = &mut picture {
            let mut data = vec![0x65; self.frame_bytes];
            data[..8].copy_from_slice(&number);
            picture.data = Bytes::from(data);
            picture.captured_at = now - self.age;
        }
        let mut sound = audio_at(now - self.sound_delay);
        if let Packet::Audio(sound) = &mut sound {
            sound.data = Bytes::copy_from_slice(&number);
        }
        self.publisher.send(picture);
        self.publisher.send(sound);
        self.frames += 1;
    }

    /// Feeds until an event that is `wanted` comes.
    #[track_caller]
    fn wait_for(&mut self, wanted: impl Fn(&PublisherEvent) -> bool) -> PublisherEvent {
        let patience_ends = Instant::now() + PATIENCE;
        while Instant::now() < patience_ends {
            match self.events.recv_timeout(Duration::from_millis(20)) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if wanted(&event) {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.feed(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        panic!("it did not come; seen so far: {:?}", self.seen);
    }

    /// Feeds until `reached` says that it is enough.
    #[track_caller]
    fn feed_until(&mut self, mut reached: impl FnMut(&Self) -> bool) {
        let patience_ends = Instant::now() + PATIENCE;
        while !reached(self) {
            assert!(Instant::now() < patience_ends, "{:?}", self.seen);
            self.feed();
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Feeds for a while in which nothing in particular shall happen.
    #[track_caller]
    fn feed_for(&mut self, duration: Duration) {
        let enough = Instant::now() + duration;
        self.feed_until(|_| Instant::now() >= enough);
    }

    #[track_caller]
    fn wait_until_live(&mut self) {
        self.wait_for(|event| matches!(event, PublisherEvent::Live { .. }));
    }

    #[track_caller]
    fn wait_for_end(&mut self) -> Option<Failure> {
        match self.wait_for(|event| matches!(event, PublisherEvent::Ended { .. })) {
            PublisherEvent::Ended { because } => because,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn wait_for_trouble(&mut self) -> Failure {
        match self.wait_for(|event| matches!(event, PublisherEvent::Reconnecting { .. })) {
            PublisherEvent::Reconnecting { because, .. } => because,
            other => panic!("{other:?}"),
        }
    }

    /// Stops it and checks the promise about that.
    #[track_caller]
    fn stop(&mut self) {
        let asked = Instant::now();
        self.publisher.stop();
        assert_eq!(self.wait_for_end(), None);
        let took = asked.elapsed();
        assert!(took <= STOP_LIMIT, "the stop took {took:?}");
    }
}

/// A receiver whose output goes into a channel.
fn receiver(listen: &str, policy: ReceivePolicy) -> (Receiver, EventReceiver<Received>) {
    let (sender, arrived) = sync_channel(10_000);
    let receiver = Receiver::start_with(listen.parse().unwrap(), policy, move |tag| {
        let _ = sender.try_send(tag);
    })
    .unwrap();
    (receiver, arrived)
}

/// All that arrives up to the end of a stream, which may come a moment after the publisher is done.
#[track_caller]
fn up_to_the_end(arrived: &EventReceiver<Received>) -> Vec<Received> {
    let mut tags = Vec::new();
    while !matches!(tags.last(), Some(Received::Ended { .. })) {
        tags.push(arrived.recv_timeout(PATIENCE).unwrap());
    }
    tags
}

/// An address where nothing listens.
fn dead_address() -> SocketAddr {
    TcpListener::bind(LOOPBACK).unwrap().local_addr().unwrap()
}

/// Takes one connection on a thread of its own and lets `serve` have it.
fn server(serve: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    thread::Builder::new()
        .name("test server".to_owned())
        .spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            serve(stream);
        })
        .unwrap();
    address
}

/// Serves RTMP until the stream has begun and `enough` more tags came.
fn serve_until(stream: &mut TcpStream, mut enough: usize) {
    let clock = Clock::start();
    let mut session = ReceiveSession::new(clock.now(), ReceivePolicy::default(), 1);
    let mut buffer = [0; 4096];
    loop {
        match session.poll_output() {
            Output::Send(bytes) => stream.write_all(&bytes).unwrap(),
            Output::Event(Received::Began { .. }) => {}
            Output::Event(_) if enough == 0 => return,
            Output::Event(_) => enough -= 1,
            Output::WakeAt(_) => {
                let count = stream.read(&mut buffer).unwrap();
                assert_ne!(count, 0, "closed early");
                session.handle_input(clock.now(), Input::Received(&buffer[..count]));
            }
        }
    }
}

#[test]
fn the_delay_from_lens_to_wire_counts_each_picture_that_was_written() {
    let (receiver, _arrived) = receiver(LOOPBACK, ReceivePolicy::default());
    let mut fed = Fed::start(config_for(receiver.local_addr()));
    // Before the stream is accepted nothing is written.
    fed.feed();
    assert_eq!(fed.publisher.stats().stream_latency, None);
    fed.age = Duration::from_millis(40);
    // None can have been taken before the clock began.
    thread::sleep(fed.age);
    fed.wait_until_live();
    fed.stop();

    let stats = fed.publisher.stats();
    let latency = stats.stream_latency.unwrap();
    assert!(latency.p50 >= fed.age, "{latency:?}");
    assert!(latency.p50 <= latency.p95, "{latency:?}");
    assert!(latency.p95 <= latency.max, "{latency:?}");
    let counted = fed.publisher.shared.latency().count();
    assert!(
        (1..=stats.frames_sent).contains(&counted),
        "{counted} of {}",
        stats.frames_sent
    );
}

#[test]
fn a_stream_goes_live_arrives_and_stops_cleanly() {
    let (receiver, arrived) = receiver(LOOPBACK, ReceivePolicy::default());
    let mut fed = Fed::start(config_for(receiver.local_addr()));
    fed.wait_until_live();
    let before_live: Vec<&PublisherEvent> = fed.seen.iter().take(3).collect();
    assert_eq!(
        before_live,
        [
            &PublisherEvent::Connecting { attempt: 1 },
            &PublisherEvent::Accepted,
            &PublisherEvent::KeyFrameWanted
        ]
    );
    fed.publisher.set_format(format());
    for _ in 0..20 {
        fed.feed();
    }
    fed.stop();

    let stats = fed.publisher.stats();
    let tags = up_to_the_end(&arrived);
    assert!(matches!(tags.first(), Some(Received::Began { app, .. }) if app == "live"));
    assert_eq!(tags.last(), Some(&Received::Ended { because: None }));
    let pictures = tags.iter().filter(|tag| match tag {
        Received::Video { body, .. } => body[1] == 1,
        _ => false,
    });
    assert_eq!(pictures.count() as u64, stats.frames_sent);
    assert!(stats.frames_sent >= 20, "{stats:?}");
    assert_eq!(stats.frames_dropped, 0);
    assert!(stats.bytes_sent > 3073 + 20 * 100, "{stats:?}");
    assert!(stats.acknowledged <= stats.bytes_sent, "{stats:?}");
}

#[test]
fn viewers_are_told_of_another_bitrate_and_not_too_often() {
    let (receiver, arrived) = receiver(LOOPBACK, ReceivePolicy::default());
    let mut fed = Fed::start(config_for(receiver.local_addr()));
    let began = fed.clock.now();
    fed.wait_until_live();
    for kbps in 300..320 {
        let mut other = format();
        if let Some(video) = &mut other.video {
            video.bitrate = Bitrate::from_kbps(kbps);
        }
        fed.publisher.set_format(other);
        fed.feed_for(Duration::from_millis(20));
    }
    fed.stop();
    let took = fed.clock.now().since(began);
    let told = up_to_the_end(&arrived)
        .iter()
        .filter(|tag| matches!(tag, Received::Metadata(_)))
        .count() as u64;
    // When it begins, at the first change, and every few seconds.
    assert!((2..=2 + took.as_secs() / 5).contains(&told), "{told}");
}

#[test]
fn a_refused_port_is_tried_again_until_it_answers() {
    let address = dead_address();
    let mut fed = Fed::start(config_for(address));
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.kind, FailureKind::PortRefused);

    let (_receiver, _received) = receiver(&address.to_string(), ReceivePolicy::default());
    fed.wait_until_live();
    fed.stop();
}

#[test]
fn it_is_given_up_after_the_time_that_was_given() {
    let mut fed = Fed::start(PublisherConfig {
        give_up_after: Some(Duration::from_millis(500)),
        ..config_for(dead_address())
    });
    let failure = fed.wait_for_end().unwrap();
    assert_eq!(failure.kind, FailureKind::PortRefused);
    assert!(failure.may_mend());
}

#[test]
fn the_time_to_give_up_also_ends_an_attempt_that_hangs() {
    let (hang_up, wait) = sync_channel::<()>(1);
    let address = server(move |stream| {
        let _ = wait.recv();
        drop(stream);
    });
    let mut fed = Fed::start(PublisherConfig {
        give_up_after: Some(Duration::from_millis(300)),
        ..config_for(address)
    });
    let failure = fed.wait_for_end().unwrap();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    drop(hang_up);
}

#[test]
fn what_waiting_cannot_mend_ends_it_at_once() {
    let policy = ReceivePolicy {
        key: Some(Secret::new("another")),
        ..ReceivePolicy::default()
    };
    let (receiver, _received) = receiver(LOOPBACK, policy);
    let mut fed = Fed::start(config_for(receiver.local_addr()));
    let failure = fed.wait_for_end().unwrap();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(!failure.to_string().contains("key-of-ours"), "{failure}");
    assert_eq!(fed.seen.len(), 2, "{:?}", fed.seen);
}

#[test]
fn a_web_server_is_recognised() {
    let address = server(|mut stream| {
        stream.read_exact(&mut [0; 1537]).unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    let mut fed = Fed::start(config_for(address));
    let failure = fed.wait_for_end().unwrap();
    assert_eq!(failure.kind, FailureKind::NotRtmp);
}

#[test]
fn a_stop_is_quick_while_a_server_is_silent() {
    let (hang_up, wait) = sync_channel::<()>(1);
    let address = server(move |stream| {
        let _ = wait.recv();
        drop(stream);
    });
    let mut fed = Fed::start(config_for(address));
    fed.wait_for(|event| matches!(event, PublisherEvent::Connecting { .. }));
    fed.stop();
    drop(hang_up);
}

#[test]
fn a_stop_is_quick_while_connecting_and_between_attempts() {
    // Reserved for documentation (RFC 5737): packets to it go nowhere, or are refused at once.
    let mut fed = Fed::start(config("rtmp://192.0.2.1/live"));
    fed.wait_for(|event| matches!(event, PublisherEvent::Connecting { .. }));
    fed.stop();

    let mut fed = Fed::start(config_for(dead_address()));
    fed.wait_for(|event| matches!(event, PublisherEvent::Reconnecting { attempt: 2, .. }));
    fed.stop();
}

#[test]
fn dropping_the_handle_stops_it() {
    let (receiver, arrived) = receiver(LOOPBACK, ReceivePolicy::default());
    let mut fed = Fed::start(config_for(receiver.local_addr()));
    fed.wait_until_live();
    let Fed {
        publisher, events, ..
    } = fed;
    drop(publisher);
    let ended = loop {
        if let PublisherEvent::Ended { because } = events.recv_timeout(PATIENCE).unwrap() {
            break because;
        }
    };
    assert_eq!(ended, None);
    let tags = up_to_the_end(&arrived);
    assert_eq!(tags.last(), Some(&Received::Ended { because: None }));
}

#[test]
fn a_stream_that_is_cut_off_comes_back_from_zero_with_a_key_frame() {
    let (first, _) = receiver(LOOPBACK, ReceivePolicy::default());
    let address = first.local_addr();
    let mut fed = Fed::start(config_for(address));
    fed.wait_until_live();
    drop(first);
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.kind, FailureKind::Closed);

    let (_second, arrived) = receiver(&address.to_string(), ReceivePolicy::default());
    fed.wait_until_live();
    let dropped = fed.publisher.stats().frames_dropped;
    assert!(dropped > 0, "frames of the outage are counted");
    fed.stop();
    let videos: Vec<(u32, Bytes)> = up_to_the_end(&arrived)
        .into_iter()
        .filter_map(|tag| match tag {
            Received::Video { timestamp, body } => Some((timestamp, body)),
            _ => None,
        })
        .collect();
    // The sequence header, then a key frame, both at 0.
    assert_eq!((videos[0].0, &videos[0].1[..2]), (0, &[0x17, 0][..]));
    assert_eq!((videos[1].0, &videos[1].1[..2]), (0, &[0x17, 1][..]));
}

#[test]
fn those_to_whom_a_server_passes_on_a_stream_that_came_back_get_a_second_key_frame() {
    let wanted = |fed: &Fed| {
        let all = fed.seen.iter();
        all.filter(|event| **event == PublisherEvent::KeyFrameWanted)
            .count()
    };
    let (first, _) = receiver(LOOPBACK, ReceivePolicy::default());
    let address = first.local_addr();
    let mut fed = Fed::start(config_for(address));
    fed.wait_until_live();
    fed.feed_for(PASSED_ON_AFTER + Duration::from_millis(300));
    fed.seen.extend(fed.events.try_iter());
    assert_eq!(wanted(&fed), 1, "{:?}", fed.seen);

    drop(first);
    fed.wait_for_trouble();
    let (_second, _) = receiver(&address.to_string(), ReceivePolicy::default());
    fed.wait_until_live();
    assert_eq!(wanted(&fed), 2, "{:?}", fed.seen);
    fed.wait_for(|event| *event == PublisherEvent::KeyFrameWanted);
    fed.feed_for(PASSED_ON_AFTER + Duration::from_millis(300));
    fed.seen.extend(fed.events.try_iter());
    assert_eq!(wanted(&fed), 3, "{:?}", fed.seen);
    fed.stop();
}

#[test]
fn a_link_that_carries_nothing_any_more_is_left_and_its_frames_are_dropped() {
    let (hang_up, wait) = sync_channel::<()>(1);
    let address = server(move |mut stream| {
        serve_until(&mut stream, 5);
        // Open, but nothing is read any more.
        let _ = wait.recv();
    });
    let mut fed = Fed::start(config_for(address));
    fed.frame_bytes = 400_000;
    fed.wait_until_live();
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.kind, FailureKind::Stalled);
    let dropped = fed
        .seen
        .iter()
        .any(|event| matches!(event, PublisherEvent::Dropped { frames, .. } if *frames > 0));
    assert!(dropped, "{:?}", fed.seen);
    fed.stop();
    drop(hang_up);
}

#[test]
fn a_stop_is_quick_while_the_server_reads_nothing() {
    let (hang_up, wait) = sync_channel::<()>(1);
    let address = server(move |mut stream| {
        serve_until(&mut stream, 5);
        let _ = wait.recv();
    });
    let mut fed = Fed::start(config_for(address));
    fed.frame_bytes = 400_000;
    fed.wait_until_live();
    fed.wait_for(|event| matches!(event, PublisherEvent::Dropped { .. }));
    fed.stop();
    drop(hang_up);
}

/// A TLS server in front of `target`, with a certificate for "localhost" that nobody else trusts.
fn tls_in_front_of(target: SocketAddr) -> (SocketAddr, rustls::pki_types::CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = cert.der().clone();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![certificate.clone()], key.into())
    .unwrap();
    let address = server(move |stream| {
        stream.set_nonblocking(true).unwrap();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            // The publisher may not trust us, and go.
            if let Ok(mut tls) = acceptor.accept(stream).await {
                let mut target = tokio::net::TcpStream::connect(target).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut tls, &mut target).await;
            }
        });
    });
    (address, certificate)
}

#[test]
fn a_secured_stream_goes_live_with_a_certificate_that_is_trusted() {
    let (receiver, arrived) = receiver(LOOPBACK, ReceivePolicy::default());
    let (address, certificate) = tls_in_front_of(receiver.local_addr());
    let mut fed = Fed::start(PublisherConfig {
        route: Route {
            trust: Trust::Also(vec![certificate]),
            ..Route::default()
        },
        ..config(&format!("rtmps://localhost:{}/live", address.port()))
    });
    fed.wait_until_live();
    fed.stop();
    let tags = up_to_the_end(&arrived);
    assert_eq!(tags.last(), Some(&Received::Ended { because: None }));
}

#[test]
fn a_certificate_that_nobody_vouches_for_ends_it_with_the_reason() {
    let (address, _) = tls_in_front_of(dead_address());
    let mut fed = Fed::start(config(&format!(
        "rtmps://localhost:{}/live",
        address.port()
    )));
    let failure = fed.wait_for_end().unwrap();
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(
        failure.what.contains("nobody this computer trusts"),
        "{failure}"
    );
}

#[test]
fn a_plain_server_behind_a_secure_address_is_recognised() {
    let address = server(|mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(&[3; 1537]);
    });
    let mut fed = Fed::start(config(&format!("rtmps://{address}/live")));
    let failure = fed.wait_for_end().unwrap();
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(failure.what.contains("does not speak TLS"), "{failure}");
}
