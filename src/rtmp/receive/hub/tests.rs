use bytes::Bytes;
use proptest::prelude::*;

use super::{
    testing::{aac_header, avc_header, frame, key_frame, metadata, sound},
    *,
};

fn at(seconds: u64) -> MediaTime {
    MediaTime::from_millis(seconds * 1000)
}

fn key() -> Secret {
    Secret::new("k")
}

/// A hub with one stream.
struct OneStream {
    hub: Hub,
    stream: StreamId,
}

impl OneStream {
    fn new() -> Self {
        let mut hub = Hub::default();
        let stream = hub.publish("live", &key()).unwrap();
        Self { hub, stream }
    }

    fn push_at(&mut self, now: MediaTime, tags: impl IntoIterator<Item = FlvTag>) {
        for tag in tags {
            self.hub.push(self.stream, now, tag);
        }
    }

    fn push(&mut self, tags: impl IntoIterator<Item = FlvTag>) {
        self.push_at(at(0), tags);
    }

    fn join(&mut self) -> PlayerId {
        self.hub.join("live", &key()).unwrap()
    }

    /// All that the player gets before it has to wait; whether the stream is over.
    fn all(&mut self, player: PlayerId) -> (Vec<FlvTag>, bool) {
        let mut tags = Vec::new();
        loop {
            match self.hub.next(player) {
                Next::Media(tag) => tags.push(tag),
                Next::StreamBegan => {}
                Next::Nothing => return (tags, false),
                Next::StreamEnded => return (tags, true),
            }
        }
    }

    #[track_caller]
    fn assert_next(&mut self, player: PlayerId, expected: &[FlvTag]) {
        let (tags, over) = self.all(player);
        assert_eq!(tags, expected);
        assert!(!over);
    }
}

#[test]
fn a_player_begins_with_headers_and_the_last_key_frame() {
    let mut one = OneStream::new();
    one.push([metadata(), aac_header(0), avc_header(0), key_frame(0)]);
    one.push([frame(40), key_frame(80), sound(90), frame(120)]);
    let player = one.join();
    one.assert_next(
        player,
        &[
            metadata(),
            aac_header(0),
            avc_header(0),
            key_frame(80),
            sound(90),
            frame(120),
        ],
    );
    one.push([frame(160)]);
    one.assert_next(player, &[frame(160)]);
    assert_eq!(one.hub.lost(), 0);
}

#[test]
fn a_players_bytes_are_the_publishers() {
    let mut one = OneStream::new();
    let mut picture = key_frame(0);
    picture.body = Bytes::from([&picture.body[..], &[7; 1000]].concat());
    one.push([picture.clone()]);
    for _ in 0..3 {
        let player = one.join();
        let (tags, _) = one.all(player);
        assert_eq!(tags[0].body.as_ptr(), picture.body.as_ptr());
    }
}

#[test]
fn a_stream_without_pictures_is_played_from_now_on() {
    let mut one = OneStream::new();
    one.push([aac_header(0), sound(0), sound(20)]);
    let player = one.join();
    one.assert_next(player, &[aac_header(0), sound(20)]);
}

#[test]
fn a_changed_header_comes_before_the_frames_that_need_it() {
    let mut one = OneStream::new();
    let changed = FlvTag {
        body: Bytes::from_static(b"\x17\x00\x00\x00\x00other"),
        ..avc_header(50)
    };
    one.push([avc_header(0), key_frame(0), frame(40), changed.clone()]);
    let early = one.join();
    one.assert_next(
        early,
        &[avc_header(0), key_frame(0), frame(40), changed.clone()],
    );
    one.push([key_frame(80)]);
    let late = one.join();
    one.assert_next(late, &[changed, key_frame(80)]);
}

#[test]
fn a_name_has_one_publisher_at_a_time_and_its_query_is_not_part_of_it() {
    let mut hub = Hub::default();
    let first = hub.publish("live", &key()).unwrap();
    let again = hub.publish("live", &Secret::new("k?token=1"));
    assert_eq!(again, Err(Refusal::NameInUse));
    assert!(hub.publish("other", &key()).is_ok());
    hub.unpublish(first);
    assert!(hub.publish("live", &key()).is_ok());
}

#[test]
fn a_player_that_is_early_waits_and_is_told() {
    let mut hub = Hub::default();
    let player = hub.join("live", &key()).unwrap();
    let other = hub.join("live", &Secret::new("other")).unwrap();
    assert_eq!(hub.next(player), Next::Nothing);
    let stream = hub.publish("live", &key()).unwrap();
    assert_eq!(hub.players_of(stream), 1);
    assert_eq!(hub.next(player), Next::StreamBegan);
    assert_eq!(hub.next(player), Next::Nothing);
    hub.push(stream, at(0), key_frame(0));
    assert_eq!(hub.next(player), Next::Media(key_frame(0)));
    assert_eq!(hub.next(other), Next::Nothing);
}

#[test]
fn an_ended_stream_is_played_to_its_end_and_then_forgotten() {
    let mut one = OneStream::new();
    let player = one.join();
    one.push([avc_header(0), key_frame(0)]);
    one.hub.unpublish(one.stream);
    // Somebody publishes under the name again meanwhile.
    let next = one.hub.publish("live", &key()).unwrap();
    one.hub.push(next, at(0), key_frame(7));
    assert_eq!(one.all(player), (vec![avc_header(0), key_frame(0)], true));
    one.hub.leave(player);
    one.hub.unpublish(next);
    assert_eq!(one.hub.bytes(), 0);
}

#[test]
fn a_player_that_is_too_slow_goes_on_at_a_key_frame_and_slows_nobody() {
    let mut one = OneStream::new();
    one.push([avc_header(0), key_frame(0)]);
    let (slow, quick) = (one.join(), one.join());
    for player in [slow, quick] {
        one.assert_next(player, &[avc_header(0), key_frame(0)]);
    }
    for second in 1..60_u32 {
        let now = at(second.into());
        let time = second * 1000;
        let tag = if second % 4 == 0 { key_frame } else { frame };
        one.push_at(now, [tag(time)]);
        one.assert_next(quick, &[tag(time)]);
    }
    let (tags, _) = one.all(slow);
    assert_eq!(tags[..3], [avc_header(0), key_frame(56_000), frame(57_000)]);
    assert_eq!(one.hub.lost(), 55);
    one.hub.leave(slow);
    one.assert_next(quick, &[]);
    assert_eq!(one.hub.lost(), 55);
}

#[test]
fn a_stream_is_kept_within_its_limits_whatever_it_is_made_of() {
    let mut one = OneStream::new();
    let big = FlvTag {
        body: Bytes::from(vec![0x27; 1024 * 1024]),
        ..frame(0)
    };
    one.push([avc_header(0), key_frame(0)]);
    let player = one.join();
    for _ in 0..100 {
        one.push([big.clone()]);
        assert!(one.hub.bytes() <= MOST_BYTES);
    }
    // Its last key frame is gone: the player waits for the next one.
    let (tags, _) = one.all(player);
    assert_eq!(tags, []);
    one.push([key_frame(9)]);
    one.assert_next(player, &[avc_header(0), key_frame(9)]);

    let mut one = OneStream::new();
    for _ in 0..500_000 {
        one.push([sound(0)]);
    }
    assert!(one.hub.bytes() <= MOST_BYTES);
}

#[test]
fn streams_and_players_are_limited() {
    let mut hub = Hub::default();
    let name = |number: usize| Secret::new(number.to_string());
    let streams: Vec<_> = (0..MOST_STREAMS)
        .map(|number| hub.publish("live", &name(number)).unwrap())
        .collect();
    let one_more = hub.publish("live", &name(MOST_STREAMS));
    assert_eq!(one_more, Err(Refusal::TooManyStreams));
    let players: Vec<_> = (0..MOST_PLAYERS)
        .map(|_| hub.join("live", &name(0)).unwrap())
        .collect();
    let one_more = hub.join("live", &name(0));
    assert_eq!(one_more, Err(Refusal::TooManyPlayers));

    // A stream that is over makes place even while it is played.
    hub.unpublish(streams[0]);
    assert!(hub.publish("live", &name(MOST_STREAMS)).is_ok());
    assert_eq!(hub.next(players[0]), Next::StreamEnded);
}

/// What may happen to a stream and its player.
#[derive(Clone, Debug)]
enum Step {
    Picture { key: bool, bytes: usize },
    Wait(u64),
    Read(usize),
}

/// Bytes of a picture: a dozen of these fill the log.
const LONGEST: usize = 3_000_000;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let picture = (any::<bool>(), 0..LONGEST);
    let step = prop_oneof![
        4 => picture.prop_map(|(key, bytes)| Step::Picture { key, bytes }),
        1 => (0..20_u64).prop_map(Step::Wait),
        3 => (0..4_usize).prop_map(Step::Read),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn whatever_a_player_misses_it_goes_on_in_order_and_at_a_key_frame(steps in steps()) {
        let [key_body, body] = [key_frame(0), frame(0)]
            .map(|tag| Bytes::from([&tag.body[..5], &vec![0; LONGEST]].concat()));
        let mut one = OneStream::new();
        let player = one.join();
        let (mut now, mut number, mut last) = (0, 0, None);
        for step in steps {
            match step {
                Step::Picture { key, bytes } => {
                    let body = if key { &key_body } else { &body }.slice(..5 + bytes);
                    let kind = TagKind::Video;
                    one.push_at(at(now), [FlvTag { kind, timestamp: number, body }]);
                    number += 1;
                    prop_assert!(one.hub.bytes() <= MOST_BYTES);
                }
                Step::Wait(seconds) => now += seconds,
                Step::Read(count) => {
                    for _ in 0..count {
                        let Next::Media(tag) = one.hub.next(player) else {
                            break;
                        };
                        let goes_on = last.is_some_and(|last| tag.timestamp == last + 1);
                        prop_assert!(last.is_none_or(|last| tag.timestamp > last));
                        prop_assert!(goes_on || tag.body[0] == 0x17);
                        last = Some(tag.timestamp);
                    }
                }
            }
        }
    }
}
