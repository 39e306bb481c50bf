//! Sessions that are held just before `publish`.

use super::*;

fn held() -> Scripted {
    let mut server = Scripted::new(config());
    server.client = PublishSession::new(at(0), config()).held();
    server.run(well);
    server
}

fn last_call(server: &Scripted) -> &str {
    server.calls().last().map_or("", |call| call.name.as_str())
}

#[test]
fn a_held_session_does_all_but_publish_and_waits_without_end() {
    let mut server = held();
    assert!(server.client.is_held());
    assert!(!server.client.is_publishing());
    assert_eq!(last_call(&server), "createStream");
    assert_eq!(server.client.poll_output(), Output::WakeAt(None));

    // It takes no media, and stays the peer that servers expect.
    let told = server.seen.len();
    let picture = video_at(at(0), true);
    server.client.handle_input(at(0), Input::Media(&picture));
    server.client.handle_input(at(3_600_000), Input::Tick);
    server.run(well);
    assert_eq!(server.seen.len(), told);
    server.says(&Message::UserControl(UserControl::PingRequest(5)));
    let pong = Message::UserControl(UserControl::PingResponse(5));
    assert_eq!(server.seen.last(), Some(&pong));
    assert_eq!(server.events, []);
}

#[test]
fn a_released_session_publishes_at_once_and_is_like_any_other() {
    let mut server = held();
    server.client.handle_input(at(60_000), Input::Release);
    server.run(well);
    assert_eq!(last_call(&server), "publish");
    assert_eq!(server.events, [Event::Accepted]);
    assert!(server.client.is_publishing());

    let mut usual = Scripted::new(config());
    usual.run(well);
    assert_eq!(server.seen, usual.seen);
}

#[test]
fn a_session_released_before_it_is_ready_is_not_held() {
    let mut server = Scripted::new(config());
    server.client = PublishSession::new(at(0), config()).held();
    server.client.handle_input(at(0), Input::Release);
    server.run(well);
    assert_eq!(server.events, [Event::Accepted]);
}

#[test]
fn a_sign_of_life_is_an_acknowledgement_and_only_sent_while_held() {
    let mut server = held();
    let sent = server.seen.len();
    for _ in 0..2 {
        server.client.handle_input(at(5_000), Input::Probe);
        server.run(well);
    }
    assert_eq!(server.seen.len(), sent + 2);
    assert!(matches!(server.seen[sent..], [
        Message::Acknowledgement(one),
        Message::Acknowledgement(two)
    ] if one > 3073 && two == one));

    server.client.handle_input(at(0), Input::Release);
    server.run(well);
    let sent = server.seen.len();
    server.client.handle_input(at(0), Input::Probe);
    server.run(well);
    assert_eq!(server.seen.len(), sent);
}

#[test]
fn a_held_session_tells_when_the_server_closes_sends_it_on_or_leaves_its_release_unanswered() {
    let config = PublishConfig {
        was_live: true,
        ..config()
    };
    let mut server = Scripted::new(config.clone());
    server.client = PublishSession::new(at(0), config).held();
    server.run(well);
    server.client.handle_input(at(0), Input::PeerClosed);
    server.run(well);
    assert!(server.failure().may_mend());

    let mut server = held();
    let request = information(
        "status",
        "NetConnection.Connect.ReconnectRequest",
        "Maintenance.",
    );
    server.says(&Message::Command(Command::new(
        "onStatus",
        0.0,
        vec![request],
    )));
    assert!(matches!(server.events[..], [Event::Onward(_)]));

    let mut server = held();
    server.client.handle_input(at(60_000), Input::Release);
    server.run(|_| Vec::new());
    server.client.handle_input(at(70_000), Input::Tick);
    server.run(|_| Vec::new());
    assert_eq!(server.failure().kind, FailureKind::Unreachable);

    let mut server = held();
    server.client.handle_input(at(0), Input::Close);
    server.run(well);
    assert_eq!(server.events, [Event::Closed]);
}
