//! What a player is told and given.

use super::*;

#[test]
fn players_are_told_when_the_receiver_stops() {
    let mut player = Client::new(ReceivePolicy::default());
    player.connect("live");
    player.play("key");
    player.told();
    player.input(at(0), Input::Stopping);
    assert_eq!(
        player.told(),
        [
            "NetStream.Play.UnpublishNotify",
            "StreamEof(1)",
            "NetStream.Play.Stop"
        ]
    );
    assert_eq!(player.ended_because(), None);

    let mut publisher = Client::new(ReceivePolicy::default());
    publisher.connect("live");
    publisher.publish("key");
    publisher.input(at(0), Input::Stopping);
    assert!(publisher.ended_because().unwrap().contains("stopped"));
}

#[test]
fn a_player_is_let_in_as_players_expect_it() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.told();
    client.play("key?token=1");
    assert_eq!(
        client.told(),
        [
            "_result",
            "StreamBegin(1)",
            "NetStream.Play.Reset",
            "NetStream.Play.Start",
            "|RtmpSampleAccess"
        ]
    );
    assert_eq!(
        client.received,
        [Received::Joined {
            app: "live".to_owned(),
            key: Secret::new("key"),
        }]
    );
    assert!(client.session.wants_media());
    client.input(at(0), Input::StreamBegan);
    client.media(&testing::metadata());
    client.media(&testing::avc_header(0));
    client.media(&testing::key_frame(90_000));
    client.media(&testing::sound(90_010));
    client.input(at(0), Input::StreamEnded);
    assert_eq!(
        client.told(),
        [
            "NetStream.Play.PublishNotify",
            "onMetaData",
            "video",
            "video",
            "audio",
            "NetStream.Play.UnpublishNotify",
            "StreamEof(1)",
            "NetStream.Play.Stop"
        ]
    );
    assert_eq!(client.ended_because(), None);
}

#[test]
fn a_player_with_another_key_or_one_too_many_is_refused() {
    let policy = ReceivePolicy {
        key: Some(Secret::new("right")),
        ..ReceivePolicy::default()
    };
    let mut client = Client::new(policy);
    client.connect("live");
    client.play("wrong");
    assert_eq!(client.last_code(), Some("NetStream.Play.Failed"));
    assert!(client.ended_because().unwrap().contains("key"));

    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.call("createStream", vec![], 0);
    let play = Message::Command(Command::new("play", 1.0, vec![Value::from("key")]));
    let mut bytes = Vec::new();
    play.write(0, 1, &mut client.writer, &mut bytes).unwrap();
    client.session.handle_input(at(0), Input::Received(&bytes));
    assert!(matches!(
        client.session.poll_output(),
        Output::Event(Received::Joined { .. })
    ));
    client.session.refuse(Refusal::TooManyPlayers);
    client.poll();
    assert_eq!(client.last_code(), Some("NetStream.Play.Failed"));
    assert!(client.ended_because().unwrap().contains("too many players"));
}

#[test]
fn a_players_wishes_are_granted_and_a_seek_does_not_end_it() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.play("key");
    client.media(&testing::key_frame(0));
    client.told();
    client.send(
        &Message::UserControl(UserControl::SetBufferLength {
            stream_id: 1,
            millis: 3000,
        }),
        0,
    );
    let flag = |on: bool| vec![Value::Boolean(on), Value::Number(0.0)];
    client.call("pause", flag(true), 1);
    assert!(!client.session.wants_media());
    client.call("pause", flag(false), 1);
    assert!(client.session.wants_media());
    client.call("seek", vec![Value::Number(5_000.0)], 1);
    client.call("receiveAudio", flag(false), 1);
    client.media(&testing::sound(10));
    client.call("receiveVideo", flag(false), 1);
    client.media(&testing::frame(20));
    assert_eq!(
        client.told(),
        [
            "NetStream.Pause.Notify",
            "NetStream.Unpause.Notify",
            "NetStream.Seek.Failed"
        ]
    );
    client.call("deleteStream", vec![Value::Number(1.0)], 0);
    assert_eq!(client.ended_because(), None);
}

#[test]
fn a_player_waits_for_a_publisher_but_not_for_ever() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.play("key");
    let ping = |client: &mut Client| {
        let pong = Message::UserControl(UserControl::PingResponse(1));
        let mut bytes = Vec::new();
        pong.write(0, 0, &mut client.writer, &mut bytes).unwrap();
        bytes
    };
    for minute in 1..5 {
        let now = at(minute * 60);
        let bytes = ping(&mut client);
        client.input(now, Input::Received(&bytes));
        client.input(now, Input::Tick);
    }
    assert_eq!(client.received.len(), 1);
    client.input(at(300), Input::Tick);
    assert_eq!(client.last_code(), Some("NetStream.Play.StreamNotFound"));
    assert!(client.ended_because().unwrap().contains("nobody published"));
}

#[test]
fn players_are_told_the_metadata_without_an_end() {
    let values = ["duration", "width", "filesize"].map(|name| (name, Value::Number(9.0)));
    let tag = Received::Metadata(Value::object(values)).tag().unwrap();
    let told = crate::amf0::read_values(&tag.body).unwrap();
    assert_eq!(told[0].as_str(), Some("onMetaData"));
    let names: Vec<_> = told[1]
        .properties()
        .unwrap()
        .iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["width"]);
}
