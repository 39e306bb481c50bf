//! Redirects, and moves of a live stream.

use super::{
    servers::{Caller, Served, servers},
    *,
};

/// The numbers of the pictures among `tags`, in order.
fn pictures(tags: &[Received]) -> Vec<u64> {
    let pictures = tags.iter().filter_map(|tag| match tag {
        Received::Video { body, .. } if body[1] == 1 => Some(number_in(&body[5..])),
        _ => None,
    });
    pictures.collect()
}

/// The numbers of the blocks of sound among `tags`, in order.
fn sounds(tags: &[Received]) -> Vec<u64> {
    let sounds = tags.iter().filter_map(|tag| match tag {
        Received::Audio { body, .. } if body[1] == 1 => Some(number_in(&body[2..])),
        _ => None,
    });
    sounds.collect()
}

fn number_in(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(*bytes.first_chunk().unwrap())
}

/// Serves the stream's first tags, each of which `take` sees, and asks it to move to `target`.
fn serve_some_and_ask_to_move(caller: &mut Caller, target: &str, take: impl Fn(&Received)) {
    let mut tags = 0;
    let served = caller.serve(|tag| {
        take(tag);
        tags += 1;
        tags == 12
    });
    assert_eq!(served, Served::Enough);
    caller.ask_to_move(target);
}

/// Serves the stream, asks it to move to `target` after its first tags, and hands all that arrives to `sink`.
/// Returns how the publisher left.
fn serve_and_ask_to_move(caller: &mut Caller, target: &str, sink: &SyncSender<Received>) -> Served {
    let take = |tag: &Received| {
        let _ = sink.try_send(tag.clone());
    };
    serve_some_and_ask_to_move(caller, target, take);
    caller.serve(|tag| {
        take(tag);
        false
    })
}

#[track_caller]
fn assert_contiguous(numbers: &[u64], what: &str) {
    let expected: Vec<u64> = (numbers[0]..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "{what}");
}

/// Whether the window showed the stream as one that never broke off.
#[track_caller]
fn assert_never_broken(events: &[PublisherEvent]) {
    let count = |wanted: fn(&&PublisherEvent) -> bool| events.iter().filter(wanted).count();
    let connecting = count(|event| matches!(event, PublisherEvent::Connecting { .. }));
    let live = count(|event| matches!(event, PublisherEvent::Live { .. }));
    let broken = count(|event| matches!(event, PublisherEvent::Reconnecting { .. }));
    assert!(connecting == 1 && live <= 1 && broken == 0, "{events:?}");
}

fn is_note(event: &PublisherEvent, words: &str) -> bool {
    matches!(event, PublisherEvent::Note { text, .. } if text.contains(words))
}

#[test]
fn a_redirect_is_followed_at_once_and_a_reconnect_begins_at_the_original_address() {
    let (second, _arrived) = receiver(LOOPBACK, ReceivePolicy::default());
    let target = format!("rtmp://{}/other", second.local_addr());
    let (asked, times_asked) = sync_channel(10);
    let first = servers(move |_, stream| {
        let mut caller = Caller::new(stream);
        caller.serve_handshake();
        asked.send(()).unwrap();
        caller.redirect(&target);
        caller.serve(|_| false);
    });
    let mut fed = Fed::start(config_for(first));
    fed.wait_until_live();
    let expected = PublisherEvent::Note {
        severity: NoteSeverity::Info,
        text: "The server sent us on to 127.0.0.1.".to_owned(),
    };
    assert_eq!(fed.seen[1], expected, "{:?}", fed.seen);
    assert_eq!(times_asked.try_iter().count(), 1);

    drop(second);
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.kind, FailureKind::Closed);
    // Nobody listens there any more: what fails now is the second connection, made after another redirect.
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.kind, FailureKind::PortRefused);
    assert_eq!(times_asked.try_iter().count(), 1);
    fed.stop();
}

#[test]
fn a_login_takes_as_many_connections_as_it_needs_and_no_words() {
    let (count, connections) = sync_channel(10);
    let address = servers(move |number, stream| {
        count.send(number).unwrap();
        let mut caller = Caller::new(stream);
        let refusal = match number {
            0 => "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] :",
            1 => {
                "[ AccessManager.Reject ] : [ authmod=adobe ] : \
                 ?reason=needauth&user=me&salt=testsalt&challenge=testchallenge"
            }
            _ => {
                caller.serve(|_| false);
                return;
            }
        };
        caller.serve_handshake();
        caller.reject(refusal);
        caller.serve(|_| false);
    });
    let mut fed = Fed::start(config(&format!("rtmp://me:mypass@{address}/live")));
    fed.wait_until_live();
    fed.stop();
    assert_eq!(connections.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
    let is_note = |event: &PublisherEvent| matches!(event, PublisherEvent::Note { .. });
    assert!(!fed.seen.iter().any(is_note), "{:?}", fed.seen);
    assert_never_broken(&fed.seen);
}

#[test]
fn servers_that_send_us_round_in_a_circle_are_left() {
    let first = servers(move |_, stream| {
        let address = stream.local_addr().unwrap();
        let mut caller = Caller::new(stream);
        caller.serve_handshake();
        caller.redirect(&format!("rtmp://{address}/live"));
        caller.serve(|_| false);
    });
    let mut fed = Fed::start(config_for(first));
    let failure = fed.wait_for_end().unwrap();
    let circle = ["127.0.0.1"; 4].join(", then ");
    assert!(failure.what.contains(&circle), "{failure}");
    assert!(!failure.may_mend());
    let notes = fed.seen.iter().filter(|event| is_note(event, "sent us on"));
    assert_eq!(notes.count(), 3);
}

#[test]
fn a_live_stream_moves_without_losing_or_repeating_anything() {
    let (second, arrived_later) = receiver(LOOPBACK, ReceivePolicy::default());
    let target = format!("rtmp://{}/live", second.local_addr());
    let (sink, arrived_first) = sync_channel(10_000);
    let (left, how_it_left) = sync_channel(1);
    let first = server(move |stream| {
        let mut caller = Caller::new(stream);
        left.send(serve_and_ask_to_move(&mut caller, &target, &sink))
            .unwrap();
    });
    let mut fed = Fed::start(config_for(first));
    fed.sound_delay = Duration::from_millis(15);
    fed.wait_for(|event| is_note(event, "The stream goes on at 127.0.0.1"));
    let before = fed.publisher.stats();
    fed.feed_for(Duration::from_millis(500));
    let after = fed.publisher.stats();
    fed.stop();

    assert_eq!(how_it_left.recv_timeout(PATIENCE), Ok(Served::Goodbye));
    let first: Vec<Received> = arrived_first.try_iter().collect();
    let later = up_to_the_end(&arrived_later);
    assert_eq!(later.last(), Some(&Received::Ended { because: None }));
    let all = [&first[..], &later[..]].concat();
    assert_contiguous(&pictures(&all), "pictures");
    assert_eq!(*pictures(&all).last().unwrap(), fed.frames - 1);
    assert_contiguous(&sounds(&all), "sounds");

    // The new connection begins like any: with headers and a key frame, at 0.
    let videos: Vec<_> = later
        .iter()
        .filter_map(|tag| match tag {
            Received::Video { timestamp, body } => Some((*timestamp, body[0], body[1])),
            _ => None,
        })
        .collect();
    assert_eq!(videos[..2], [(0, 0x17, 0), (0, 0x17, 1)]);

    assert_never_broken(&fed.seen);
    let is_live = |event: &PublisherEvent| matches!(event, PublisherEvent::Live { .. });
    assert!(fed.seen.iter().any(is_live), "{:?}", fed.seen);
    assert_eq!(after.frames_dropped, 0);
    assert!(
        after.acknowledged >= before.acknowledged,
        "{before:?} {after:?}"
    );
    assert!(
        after.frames_sent > before.frames_sent,
        "{before:?} {after:?}"
    );
    assert!(after.sent_rate > Bitrate::ZERO, "{after:?}");
}

#[test]
fn a_server_that_holds_the_name_is_left_first() {
    // One server, as a plain one behaves: a name is published once at a time.
    let (sink, arrived) = sync_channel(10_000);
    let (left, how_they_left) = sync_channel(10);
    let address = servers(move |number, stream| {
        let itself = format!("rtmp://{}/live", stream.local_addr().unwrap());
        let mut caller = Caller::new(stream);
        let served = match number {
            0 => serve_and_ask_to_move(&mut caller, &itself, &sink),
            1 => {
                caller.serve_to_publish();
                caller.refuse_name();
                caller.serve(|_| false);
                return;
            }
            _ => caller.serve(|tag| {
                let _ = sink.try_send(tag.clone());
                false
            }),
        };
        left.send((number, served)).unwrap();
    });
    let mut fed = Fed::start(config_for(address));
    fed.wait_for(|event| is_note(event, "viewers may notice a short gap"));
    let first = how_they_left.recv_timeout(PATIENCE);
    assert_eq!(first, Ok((0, Served::Goodbye)));
    fed.wait_for(|event| *event == PublisherEvent::KeyFrameWanted);
    let sent = fed.publisher.stats().frames_sent;
    fed.feed_until(|fed| fed.publisher.stats().frames_sent >= sent + 10);
    fed.stop();
    let second = how_they_left.recv_timeout(PATIENCE);
    assert_eq!(second, Ok((2, Served::Goodbye)));
    assert_never_broken(&fed.seen);
    let tags: Vec<Received> = arrived.try_iter().collect();
    assert_eq!(*pictures(&tags).last().unwrap(), fed.frames - 1);
}

#[test]
fn a_move_that_does_not_work_leaves_the_stream_where_it_is() {
    let target = format!("rtmp://{}/live", dead_address());
    let (sink, arrived) = sync_channel(10_000);
    let address = server(move |stream| {
        let mut caller = Caller::new(stream);
        serve_and_ask_to_move(&mut caller, &target, &sink);
    });
    let mut fed = Fed::start(config_for(address));
    fed.wait_for(|event| is_note(event, "It stays where it is"));
    for _ in 0..20 {
        fed.feed();
    }
    fed.stop();
    let tags: Vec<Received> = arrived.try_iter().collect();
    assert_contiguous(&pictures(&tags), "pictures");
    assert_eq!(*pictures(&tags).last().unwrap(), fed.frames - 1);
    assert_never_broken(&fed.seen);
}

#[test]
fn a_connection_that_dies_while_another_is_made_is_taken_over_from() {
    let (second, arrived) = receiver(LOOPBACK, ReceivePolicy::default());
    let target = format!("rtmp://{}/live", second.local_addr());
    let address = server(move |stream| {
        let mut caller = Caller::new(stream);
        assert_eq!(
            caller.serve(|tag| matches!(tag, Received::Video { .. })),
            Served::Enough
        );
        let mut tags = 0;
        caller.serve(|_| {
            tags += 1;
            tags == 10
        });
        caller.ask_to_move(&target);
        // And gone it is, perhaps before the request was read.
    });
    let mut fed = Fed::start(config_for(address));
    let begun = |tag: &Received| matches!(tag, Received::Video { body, .. } if body[1] == 1);
    let patience_ends = Instant::now() + PATIENCE;
    let first = loop {
        assert!(Instant::now() < patience_ends, "{:?}", fed.seen);
        fed.feed();
        if let Ok(tag) = arrived.recv_timeout(Duration::from_millis(20))
            && begun(&tag)
        {
            break tag;
        }
    };
    assert!(matches!(first, Received::Video { timestamp: 0, body } if body[0] == 0x17));
    fed.stop();
    assert_never_broken(&fed.seen);
}

#[test]
fn a_stream_is_not_called_live_while_its_server_is_dead_and_the_next_is_silent() {
    let (go_on, may_go_on) = sync_channel::<()>(1);
    let second = server(move |stream| {
        let _ = may_go_on.recv();
        Caller::new(stream).serve(|_| false);
    });
    let target = format!("rtmp://{second}/live");
    let (hang_up, wait) = sync_channel::<()>(1);
    let first = server(move |stream| {
        let mut caller = Caller::new(stream);
        serve_some_and_ask_to_move(&mut caller, &target, |_| {});
        // Open, but nothing is read any more.
        let _ = wait.recv();
    });
    let mut fed = Fed::start(config_for(first));
    fed.frame_bytes = 400_000;
    fed.wait_until_live();
    assert_eq!(fed.wait_for_trouble().kind, FailureKind::Stalled);
    fed.frame_bytes = 100;
    go_on.send(()).unwrap();
    fed.wait_until_live();
    let is_begin = |event: &&PublisherEvent| matches!(event, PublisherEvent::Connecting { .. });
    assert_eq!(
        fed.seen.iter().filter(is_begin).count(),
        1,
        "{:?}",
        fed.seen
    );
    fed.stop();
    drop(hang_up);
}

#[test]
fn a_stop_is_quick_while_the_stream_moves_and_closes_both_connections() {
    let (ended, endings) = sync_channel(10);
    let (reached, reached_second) = sync_channel(1);
    let second_ended = ended.clone();
    let second = server(move |stream| {
        reached.send(()).unwrap();
        // Silent; all that is sent is read, up to the end of the connection.
        let mut caller = Caller::new(stream);
        let silent = io::copy(&mut caller.stream, &mut io::sink());
        second_ended
            .send(format!("second {}", silent.is_ok()))
            .unwrap();
    });
    let target = format!("rtmp://{second}/live");
    let (sink, _arrived) = sync_channel(10_000);
    let first = server(move |stream| {
        let mut caller = Caller::new(stream);
        let served = serve_and_ask_to_move(&mut caller, &target, &sink);
        ended.send(format!("first {served:?}")).unwrap();
    });
    let mut fed = Fed::start(config_for(first));
    fed.feed_until(|_| reached_second.try_recv().is_ok());
    fed.stop();
    let mut both = [0, 1].map(|_| endings.recv_timeout(PATIENCE).unwrap());
    both.sort();
    assert_eq!(both, ["first Goodbye", "second true"]);
}

#[test]
fn a_stop_says_goodbye_on_both_connections_when_both_are_accepted() {
    let (ended, endings) = sync_channel(10);
    let (reached, reached_second) = sync_channel(1);
    let second_ended = ended.clone();
    let second = server(move |stream| {
        let mut caller = Caller::new(stream);
        caller.serve(|tag| matches!(tag, Received::Metadata(_)));
        reached.send(()).unwrap();
        let served = caller.serve(|_| false);
        second_ended.send(format!("second {served:?}")).unwrap();
    });
    let target = format!("rtmp://{second}/live");
    let (sink, _arrived) = sync_channel(10_000);
    let first = server(move |stream| {
        let mut caller = Caller::new(stream);
        let served = serve_and_ask_to_move(&mut caller, &target, &sink);
        ended.send(format!("first {served:?}")).unwrap();
    });
    let mut fed = Fed::start(config_for(first));
    fed.wait_for(|event| *event == PublisherEvent::KeyFrameWanted);
    fed.frames = 0;
    fed.feed();
    // The key frame that the move waits for does not come.
    fed.key_frame_interval = u64::MAX;
    fed.feed_until(|_| reached_second.try_recv().is_ok());
    fed.stop();
    let mut both = [0, 1].map(|_| endings.recv_timeout(PATIENCE).unwrap());
    both.sort();
    assert_eq!(both, ["first Goodbye", "second Goodbye"]);
}

#[test]
fn a_server_that_asks_to_move_on_and_on_is_obeyed_five_times_a_minute() {
    let (count, connections) = sync_channel(100);
    let address = servers(move |number, stream| {
        count.send(number).unwrap();
        let itself = format!("rtmp://{}/live", stream.local_addr().unwrap());
        let (sink, _arrived) = sync_channel(10_000);
        serve_and_ask_to_move(&mut Caller::new(stream), &itself, &sink);
    });
    let mut fed = Fed::start(config_for(address));
    let mut made = 0;
    fed.feed_until(|_| {
        made += connections.try_iter().count();
        made >= 6
    });
    fed.feed_for(Duration::from_secs(1));
    fed.stop();
    assert_eq!(connections.try_iter().count(), 0);
    assert_never_broken(&fed.seen);
    assert_eq!(fed.publisher.stats().frames_dropped, 0);
}
