//! What this computer's own network and sleep do to a stream.

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::{control::wake::Slept, net::network::testing::Stage, rtmp::refusal::Cause};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A live stream in a network that the test plays. What is behind the receiver is kept as long as it.
fn live() -> (Stage, Fed, Receiver) {
    let (stage, network) = Stage::with(&[HERE]);
    let (receiver, _) = receiver(LOOPBACK, ReceivePolicy::default());
    let world = World {
        network,
        ..World::here()
    };
    let mut fed = Fed::start_in(world, config_for(receiver.local_addr()));
    fed.wait_until_live();
    (stage, fed, receiver)
}

fn slept(is_sure: bool) -> Slept {
    Slept {
        lasted: Duration::from_hours(8),
        is_sure,
    }
}

#[test]
fn a_connection_whose_address_is_gone_is_given_up_and_made_again() {
    let (stage, mut fed, _receiver) = live();
    stage.show(&[], true);
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.cause, Cause::NetworkLost);
    assert!(
        failure
            .what
            .contains("eth7 has no address 127.0.0.1 any more"),
        "{failure}"
    );
    fed.wait_until_live();
    fed.stop();
}

#[test]
fn an_address_that_is_put_there_again_is_not_missed() {
    let (stage, mut fed, _receiver) = live();
    for _ in 0..3 {
        stage.show(&[], true);
        fed.feed_for(Duration::from_millis(120));
        stage.show(&[HERE], true);
        fed.feed_for(Duration::from_millis(120));
    }
    fed.seen.extend(fed.events.try_iter());
    let trouble = |event: &PublisherEvent| matches!(event, PublisherEvent::Reconnecting { .. });
    assert!(!fed.seen.iter().any(trouble), "{:?}", fed.seen);
    fed.stop();
}

#[test]
fn a_cable_that_is_out_is_told_at_once_and_one_that_returns_revives_the_connection() {
    let (stage, mut fed, _receiver) = live();
    stage.show(&[HERE], false);
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.cause, Cause::Unplugged);
    assert!(failure.what.contains("eth7"), "{failure}");
    let attempts = |fed: &Fed| {
        let connecting =
            |event: &&PublisherEvent| matches!(event, PublisherEvent::Connecting { .. });
        fed.seen.iter().filter(connecting).count()
    };
    let before = attempts(&fed);
    stage.show(&[HERE], true);
    fed.wait_until_live();
    assert_eq!(attempts(&fed), before, "{:?}", fed.seen);
    fed.stop();
}

#[test]
fn a_stop_is_quick_while_the_cable_is_out() {
    let (stage, mut fed, _receiver) = live();
    stage.show(&[HERE], false);
    fed.wait_for_trouble();
    fed.stop();
}

#[test]
fn a_sleep_ends_the_connection_and_begins_another_at_once() {
    let (stage, mut fed, _receiver) = live();
    stage.sleep(slept(true));
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.cause, Cause::Slept);
    assert!(failure.what.contains("slept for 8 hours"), "{failure}");
    fed.wait_until_live();
    fed.stop();
}

#[test]
fn a_clock_that_was_set_forward_does_not_end_a_connection_that_carries() {
    let (stage, mut fed, _receiver) = live();
    stage.sleep(slept(false));
    let told = fed.seen.len();
    fed.feed_for(Duration::from_secs(2));
    fed.seen.extend(fed.events.try_iter());
    let trouble = fed.seen[told..]
        .iter()
        .any(|event| matches!(event, PublisherEvent::Reconnecting { .. }));
    assert!(!trouble, "{:?}", fed.seen);
    fed.stop();
}

#[test]
fn a_network_that_comes_back_cuts_every_wait_short() {
    let (stage, network) = Stage::with(&[]);
    let address = servers::servers(|_, stream| {
        let mut caller = servers::Caller::new(stream);
        caller.serve_to_publish();
        caller.refuse_name();
        // Until it is left.
        caller.serve(|_| false);
    });
    let world = World {
        network,
        ..World::here()
    };
    let mut fed = Fed::start_in(world, config_for(address));
    // Servers that hold a name are asked again after 2, 3, 5 s.
    let retry_at = loop {
        let event = fed.wait_for(|event| matches!(event, PublisherEvent::Reconnecting { .. }));
        if let PublisherEvent::Reconnecting { retry_at, .. } = event
            && retry_at > fed.clock.now() + Duration::from_secs(1)
        {
            break retry_at;
        }
    };
    stage.show(&[HERE], true);
    fed.wait_for(|event| matches!(event, PublisherEvent::Connecting { .. }));
    assert!(fed.clock.now() < retry_at, "it was waited for all the same");
    fed.stop();
}
