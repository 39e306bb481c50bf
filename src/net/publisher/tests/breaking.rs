//! Connections that break, servers that hold a lost one, and servers that do odd things.

use super::{
    servers::{Caller, Served, reset, servers},
    *,
};
use crate::{amf0::Value, rtmp::message::Command};

/// Serves until `count` pictures came.
fn serve_pictures(caller: &mut Caller, mut count: usize) {
    let served = caller.serve(|tag| {
        count -= usize::from(matches!(tag, Received::Video { .. }));
        count == 0
    });
    assert_eq!(served, Served::Enough);
}

/// A server that loses its first connection once it is live, lets `refuse` deal with the second one, and takes
/// all later ones.
fn server_that_holds_a_lost_connection(
    refuse: impl FnOnce(Caller) + Clone + Send + 'static,
) -> (SocketAddr, SyncSender<()>) {
    let (lose, lost) = sync_channel(1);
    let lost = Arc::new(Mutex::new(lost));
    let address = servers(move |number, stream| {
        let mut caller = Caller::new(stream);
        match number {
            0 => {
                let lost = lost.lock().unwrap();
                caller.serve(|_| lost.try_recv().is_ok());
                reset(caller.stream);
            }
            1 => {
                let refuse = refuse.clone();
                refuse(caller);
            }
            _ => drop(caller.serve(|_| false)),
        }
    });
    (address, lose)
}

/// Goes live, loses the connection, meets the refusal, and is live again after a while.
#[track_caller]
fn assert_waited_out(refuse: impl FnOnce(Caller) + Clone + Send + 'static) -> Failure {
    let (address, lose) = server_that_holds_a_lost_connection(refuse);
    let mut fed = Fed::start(config_for(address));
    fed.wait_until_live();
    lose.send(()).unwrap();
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.kind, FailureKind::Closed);

    let refused = fed.wait_for(|event| matches!(event, PublisherEvent::Reconnecting { .. }));
    let PublisherEvent::Reconnecting {
        retry_at, because, ..
    } = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(because.kind, FailureKind::NameInUse);
    let words = "our previous connection is still held by the server";
    assert!(because.to_string().contains(words), "{because}");
    // 2 s and a quarter less at least; some time has passed since.
    let wait = retry_at.since(fed.clock.now());
    assert!(wait > Duration::from_secs(1), "{wait:?}");
    fed.wait_until_live();
    fed.stop();
    because
}

#[test]
fn a_name_held_by_our_own_lost_connection_is_waited_for() {
    let because = assert_waited_out(|mut caller| {
        caller.serve_to_publish();
        caller.refuse_name();
        caller.serve(|_| false);
    });
    assert_eq!(because.server_words.as_deref(), Some("Already publishing"));
}

#[test]
fn who_is_asked_to_try_now_does_not_wait_for_a_name() {
    let (address, lose) = server_that_holds_a_lost_connection(|mut caller| {
        caller.serve_to_publish();
        caller.refuse_name();
        caller.serve(|_| false);
    });
    let mut fed = Fed::start(config_for(address));
    fed.wait_until_live();
    // It is connected as it is.
    fed.publisher.retry_now();
    fed.feed_for(Duration::from_millis(200));
    lose.send(()).unwrap();
    let next_retry = |fed: &mut Fed| loop {
        let told = fed.wait_for(|event| matches!(event, PublisherEvent::Reconnecting { .. }));
        if let PublisherEvent::Reconnecting {
            retry_at, because, ..
        } = told
            && because.kind == FailureKind::NameInUse
        {
            return retry_at;
        }
    };
    let after_waiting = next_retry(&mut fed);
    fed.publisher.retry_now();
    let at_once = next_retry(&mut fed);
    assert!(at_once < after_waiting, "{at_once:?} {after_waiting:?}");
    fed.wait_until_live();
    fed.stop();
}

#[test]
fn a_close_without_a_word_at_publish_means_the_same_to_who_was_live() {
    assert_waited_out(|mut caller| caller.serve_to_publish());
}

#[test]
fn so_does_a_close_right_after_the_stream_was_accepted() {
    assert_waited_out(|mut caller| {
        caller.serve(|tag| matches!(tag, Received::Began { .. }));
    });
}

#[test]
fn a_close_a_reset_and_a_tls_close_without_goodbye_are_told_alike() {
    type Leave = fn(TcpStream);
    let leaves: [Leave; 2] = [drop, reset];
    for leave in leaves {
        let address = server(move |stream| {
            let mut caller = Caller::new(stream);
            serve_pictures(&mut caller, 40);
            leave(caller.stream);
        });
        let mut fed = Fed::start(config_for(address));
        fed.wait_until_live();
        assert_eq!(fed.wait_for_trouble().kind, FailureKind::Closed);
        fed.stop();
    }

    // What stands between drops both connections, and TLS ends without close_notify.
    let behind = server(|stream| {
        let mut caller = Caller::new(stream);
        serve_pictures(&mut caller, 40);
        reset(caller.stream);
    });
    let (address, certificate) = tls_in_front_of(behind);
    let mut fed = Fed::start(PublisherConfig {
        route: Route {
            trust: Trust::Also(vec![certificate]),
            ..Route::default()
        },
        ..config(&format!("rtmps://localhost:{}/live", address.port()))
    });
    fed.wait_until_live();
    assert_eq!(fed.wait_for_trouble().kind, FailureKind::Closed);
    fed.stop();
}

#[test]
fn what_was_said_before_the_close_explains_it_even_if_writing_failed_first() {
    let address = server(|stream| {
        let mut caller = Caller::new(stream);
        serve_pictures(&mut caller, 40);
        caller.say_status("error", "NetStream.Publish.Denied", []);
        // Much is left unread, so that this resets the connection under the publisher's writes.
        drop(caller.stream);
    });
    let mut fed = Fed::start(config_for(address));
    fed.frame_bytes = 50_000;
    fed.wait_until_live();
    let failure = fed.wait_for_trouble();
    assert!(
        [FailureKind::Refused, FailureKind::Closed].contains(&failure.kind),
        "{failure}"
    );
    fed.stop();
}

#[test]
fn a_stream_that_breaks_off_is_reset_and_never_told_as_ended() {
    let (told, how_it_ended) = sync_channel(1);
    let (go_on, wait) = sync_channel::<()>(1);
    let address = server(move |stream| {
        let mut caller = Caller::new(stream);
        serve_pictures(&mut caller, 5);
        // Nothing is read until the publisher has given the connection up.
        let _ = wait.recv();
        // Nothing is written either, as that would bring a reset by itself.
        let end = io::copy(&mut caller.stream, &mut io::sink());
        told.send(end.map_err(|error| error.kind())).unwrap();
    });
    let mut fed = Fed::start(config_for(address));
    fed.frame_bytes = 400_000;
    fed.wait_until_live();
    assert_eq!(fed.wait_for_trouble().kind, FailureKind::Stalled);
    go_on.send(()).unwrap();
    let end = how_it_ended.recv_timeout(PATIENCE).unwrap();
    assert_eq!(end.err(), Some(io::ErrorKind::ConnectionReset));
    fed.stop();
}

#[test]
fn a_server_that_reads_slowly_is_advised_to_be_sent_less() {
    let address = server(|stream| {
        let socket = socket2::SockRef::from(&stream);
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        Caller::new(stream).serve(|_| {
            thread::sleep(Duration::from_millis(50));
            false
        });
    });
    let limits = RateLimits {
        floor: Bitrate::from_kbps(300),
        ceiling: Bitrate::from_kbps(4000),
        adaptive: true,
    };
    let mut fed = Fed::start(PublisherConfig {
        limits,
        ..config_for(address)
    });
    fed.frame_bytes = 10_000;
    fed.wait_until_live();
    let advised = fed.wait_for(|event| matches!(event, PublisherEvent::Advice(_)));
    let PublisherEvent::Advice(change) = advised else {
        panic!("{advised:?}");
    };
    assert!(!change.better, "{change:?}");
    assert!(change.advice.video < limits.ceiling, "{change:?}");

    let fixed = RateLimits::fixed(Bitrate::from_kbps(700));
    fed.publisher.set_limits(fixed);
    fed.wait_for(|event| {
        matches!(event, PublisherEvent::Advice(change) if change.advice.video == fixed.ceiling)
    });
    fed.stop();
}

#[test]
fn the_socket_is_read_even_while_nothing_can_be_written() {
    let (told, it_was_read) = sync_channel(1);
    let address = server(move |stream| {
        // Little room, so that all of it must have been read when it is out.
        let socket = socket2::SockRef::from(&stream);
        socket.set_send_buffer_size(16 * 1024).unwrap();
        let mut caller = Caller::new(stream);
        serve_pictures(&mut caller, 5);
        // From here on the publisher's bytes are left lying, and ours come.
        let words = "x".repeat(50_000);
        for _ in 0..40 {
            let remark = Command::new("aRemark", 0.0, vec![Value::from(words.as_str())]);
            caller.say(remark);
        }
        told.send(()).unwrap();
        caller.serve(|_| false);
    });
    let mut fed = Fed::start(config_for(address));
    fed.frame_bytes = 400_000;
    fed.feed_until(|_| it_was_read.try_recv().is_ok());
    fed.stop();
}

#[test]
fn acknowledgements_that_make_no_sense_hold_nothing_up() {
    let (told, enough) = sync_channel(1);
    let address = server(move |stream| {
        let mut caller = Caller::new(stream);
        serve_pictures(&mut caller, 5);
        for value in [131_325, 131_325, 131_325, 7, u32::MAX, 0] {
            caller.acknowledge(value);
            serve_pictures(&mut caller, 5);
        }
        told.send(()).unwrap();
        caller.serve(|_| false);
    });
    let mut fed = Fed::start(config_for(address));
    fed.wait_until_live();
    fed.feed_until(|_| enough.try_recv().is_ok());
    let stats = fed.publisher.stats();
    assert!(stats.acknowledged <= stats.bytes_sent, "{stats:?}");
    fed.stop();
    assert_eq!(stats.frames_dropped, 0);
}

#[test]
fn a_panic_on_the_publishers_thread_is_told_as_its_end() {
    let (sender, events) = sync_channel(1024);
    let mut calls = 0;
    let _publisher = Publisher::start(config_for(dead_address()), move |event| {
        calls += 1;
        assert_ne!(calls, 2, "this panic is part of the test");
        let _ = sender.try_send(event);
    })
    .unwrap();
    let ended = loop {
        if let PublisherEvent::Ended { because } = events.recv_timeout(PATIENCE).unwrap() {
            break because;
        }
    };
    assert_eq!(ended.unwrap().kind, FailureKind::Local);
}
