//! Several destinations at once.

use super::{way, *};
use crate::engine::{
    command::{Broadcast, Follow},
    event::{Cause, DestinationState, Severity},
};

fn named(name: &str, address: SocketAddr) -> Destination {
    Destination {
        name: name.into(),
        ..destination(address)
    }
}

fn broadcast(destinations: Vec<Destination>) -> Command {
    Command::GoLive(Box::new(Broadcast {
        destinations,
        follow: Follow::Primary,
    }))
}

fn wait_for_states(viewer: &mut Viewer, wanted: impl Fn(&[DestinationState]) -> bool) {
    viewer.wait_for(|event| matches!(event, Event::Destinations(states) if wanted(states)));
}

fn is_live(state: &DestinationState) -> bool {
    matches!(state.status, StreamStatus::Live { .. })
}

#[test]
fn a_destination_that_dies_costs_the_others_nothing_and_comes_back_by_itself() {
    let (first, second) = (Server::start(), Server::start());
    let second_address = second.address();
    let mut viewer = Viewer::start(VideoChoice::TestPicture);
    viewer.send(broadcast(vec![
        named("first", first.address()),
        named("second", second_address),
    ]));
    wait_for_states(&mut viewer, |states| states.iter().all(is_live));
    drop(second);
    let lost = viewer.wait_for_words("Trying again");
    assert_eq!(lost.destination.as_deref(), Some("second"));
    wait_for_states(&mut viewer, |states| {
        let names = [&states[0].name, &states[1].name];
        names == ["first", "second"] && is_live(&states[0]) && states[1].disconnects == 1
    });
    let second = Server::start_at(second_address);
    let again = viewer.wait_for_words("Live again after");
    assert_eq!(again.destination.as_deref(), Some("second"));
    viewer.follow(Duration::from_millis(500));
    wait_for_states(&mut viewer, |states| {
        states[0].frames_dropped == 0 && states[1].frames_dropped > 0
    });
    viewer.stop();
    for server in [first, second] {
        server.take().assert_whole(viewer.skipped);
    }
}

#[test]
fn when_the_primary_is_refused_the_others_go_on_and_the_status_is_theirs() {
    let server = Server::start();
    let mut viewer = Viewer::start(VideoChoice::TestPicture);
    viewer.send(broadcast(vec![
        named("web", way::saying("HTTP/1.1 400 Bad Request\r\n\r\n")),
        named("good", server.address()),
    ]));
    let refused = viewer.wait_for_words("other destinations goes on");
    assert_eq!(refused.destination.as_deref(), Some("web"));
    assert_eq!(
        (refused.severity, refused.cause),
        (Severity::Error, Cause::Server)
    );
    wait_for_states(&mut viewer, |states| {
        matches!(states[0].status, StreamStatus::Offline { because: Some(_) })
            && is_live(&states[1])
    });
    viewer.follow(Duration::from_secs(1));
    viewer.stop();
    let stream = server.take_ended();
    stream.assert_whole(viewer.skipped);
    assert_eq!(stream.ends, [None], "with a goodbye");
}

#[test]
fn a_wrong_address_is_told_and_the_others_begin() {
    let server = Server::start();
    let mut viewer = Viewer::start(VideoChoice::TestPicture);
    let wrong = Destination {
        name: "typo".into(),
        ..Destination::new("srt://a.example", Secret::default())
    };
    viewer.send(broadcast(vec![
        wrong.clone(),
        named("good", server.address()),
    ]));
    let told = viewer.wait_for_words("srt");
    assert_eq!(told.destination.as_deref(), Some("typo"));
    viewer.wait_for(|event| matches!(event, Event::Status(StreamStatus::Live { .. })));
    viewer.stop();
    viewer.send(broadcast(vec![wrong]));
    viewer.wait_for(|event| {
        matches!(
            event,
            Event::Status(StreamStatus::Offline { because: Some(_) })
        )
    });
}

#[test]
fn it_is_over_when_the_last_destination_is() {
    let web = "HTTP/1.1 400 Bad Request\r\n\r\n";
    let mut viewer = Viewer::start(VideoChoice::TestPicture);
    viewer.send(broadcast(vec![
        named("one", way::saying(web)),
        named("other", way::saying(web)),
    ]));
    viewer.wait_for(|event| {
        matches!(
            event,
            Event::Status(StreamStatus::Offline { because: Some(_) })
        )
    });
    wait_for_states(&mut viewer, <[DestinationState]>::is_empty);
}

#[test]
fn the_encoder_is_told_what_the_uplink_carries_and_viewers_of_the_log_why() {
    let server = Server::start();
    let relay = way::Relay::to(server.address(), "");
    let mut viewer = Viewer::start(VideoChoice::TestPicture);
    let mut format = FORMAT;
    format.video.bitrate = Bitrate::from_kbps(600);
    format.rate.adaptive = true;
    viewer.send(Command::SetFormat(format));
    viewer.go_live(relay.address);
    viewer.follow(Duration::from_secs(1));
    relay.set_narrow(true);
    let cut = viewer.wait_for_words("kb/s");
    assert_eq!(
        (cut.severity, cut.cause),
        (Severity::Warning, Cause::Uplink),
        "{cut:?}"
    );
    assert!(!cut.figures.is_empty());
    viewer.wait_for(|event| matches!(event, Event::Stats(stats) if stats.target < stats.ceiling));
    relay.set_narrow(false);
    viewer.stop();
}
