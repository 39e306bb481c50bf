//! Attempts that overlap, on ways that are cut and come back. Only Linux lets a test cut them.

use socket2::SockRef;

use super::{
    servers::{Caller, Served, servers},
    *,
};
use crate::{
    net::tcp_info::testing::{cut, cut_data, restore},
    rtmp::refusal::Cause,
};

fn is_start(event: &PublisherEvent, number: u32) -> bool {
    *event == PublisherEvent::Connecting { attempt: number }
}

fn count(events: &[PublisherEvent], wanted: fn(&&PublisherEvent) -> bool) -> usize {
    events.iter().filter(wanted).count()
}

fn starts(events: &[PublisherEvent]) -> usize {
    count(events, |event| {
        matches!(event, PublisherEvent::Connecting { .. })
    })
}

fn failures(events: &[PublisherEvent]) -> usize {
    count(events, |event| {
        matches!(event, PublisherEvent::Reconnecting { .. })
    })
}

/// Serves all that come to `listener`, each on a thread of its own; tells of each that said something.
fn serve_all(listener: TcpListener) -> EventReceiver<()> {
    let (spoke, those_who_spoke) = sync_channel(100);
    let serve = move |stream: TcpStream| {
        if matches!(stream.peek(&mut [0]), Ok(1)) {
            spoke.send(()).unwrap();
            Caller::new(stream).serve(|_| false);
        }
    };
    let accept = move || {
        for stream in listener.incoming() {
            let serve = serve.clone();
            thread::Builder::new()
                .spawn(move || serve(stream.unwrap()))
                .unwrap();
        }
    };
    thread::Builder::new().spawn(accept).unwrap();
    those_who_spoke
}

#[test]
fn attempts_overlap_while_nothing_gets_through_and_one_alone_speaks_when_the_way_is_back() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let way = SockRef::from(&listener).try_clone().unwrap();
    cut(&way);
    let mut fed = Fed::start(config_for(listener.local_addr().unwrap()));
    fed.wait_for(|event| is_start(event, 3));
    // None of them is over.
    assert_eq!(failures(&fed.seen), 0, "{:?}", fed.seen);
    let those_who_spoke = serve_all(listener);
    restore(&way);
    fed.wait_until_live();
    fed.stop();
    assert_eq!(those_who_spoke.try_iter().count(), 1);
}

#[test]
fn a_server_that_is_slow_to_answer_is_not_pressed() {
    let (come, connections) = sync_channel(100);
    let address = servers(move |number, stream| {
        come.send(number).unwrap();
        // It takes all that is said, and says nothing.
        let mut stream = stream;
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    let mut fed = Fed::start(config_for(address));
    fed.feed_for(Duration::from_millis(2500));
    assert_eq!(connections.try_iter().count(), 1);
    fed.stop();
    assert_eq!(starts(&fed.seen), 1, "{:?}", fed.seen);
}

#[test]
fn an_attempt_whose_way_dies_while_it_speaks_is_taken_over_from() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let way = SockRef::from(&listener).try_clone().unwrap();
    // Connections are made, and nothing that is said on them arrives.
    cut_data(&way);
    let mut fed = Fed::start(config_for(listener.local_addr().unwrap()));
    fed.wait_for(|event| is_start(event, 2));
    let those_who_spoke = serve_all(listener);
    restore(&way);
    fed.wait_until_live();
    // Long before a server's answer counts as late.
    assert_eq!(failures(&fed.seen), 0, "{:?}", fed.seen);
    fed.stop();
    assert_eq!(those_who_spoke.try_iter().count(), 1);
}

#[test]
fn a_server_whose_way_was_dead_is_told_of_the_lost_connection_once_there_is_a_way() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let new_ways = SockRef::from(&listener).try_clone().unwrap();
    let mut fed = Fed::start(config_for(listener.local_addr().unwrap()));
    let mut lost = Caller::new(listener.accept().unwrap().0);
    let old_way = SockRef::from(&lost.stream).try_clone().unwrap();
    let serving = thread::Builder::new()
        .spawn(move || lost.serve(|_| false))
        .unwrap();
    fed.wait_until_live();
    cut(&new_ways);
    cut(&old_way);
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.kind, FailureKind::Stalled);
    assert!(!failure.is_the_servers(), "{failure}");
    // Nobody told the server that the connection is gone.
    fed.wait_for(|event| is_start(event, 2));
    assert!(!serving.is_finished());

    let _those_who_spoke = serve_all(listener);
    restore(&old_way);
    restore(&new_ways);
    fed.wait_until_live();
    assert_eq!(serving.join().unwrap(), Served::Reset);
    fed.stop();
}

#[test]
fn a_server_that_stops_reading_is_told_as_its_own_doing() {
    let (hang_up, wait) = sync_channel::<()>(1);
    let address = server(move |mut stream| {
        serve_until(&mut stream, 5);
        let _ = wait.recv();
    });
    let mut fed = Fed::start(config_for(address));
    fed.frame_bytes = 400_000;
    fed.wait_until_live();
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.cause, Cause::NotReading);
    assert!(failure.is_the_servers(), "{failure}");
    fed.stop();
    drop(hang_up);
}
