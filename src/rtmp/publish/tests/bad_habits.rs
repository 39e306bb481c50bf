//! What servers are known to do beyond the specification, or against it, and what hostile ones might.

use bytes::Bytes;

use super::*;
use crate::{
    amf0::write_value,
    rtmp::{message::type_id, options::SessionOptions},
};

fn command(name: &str, args: Vec<Value>) -> Message {
    Message::Command(Command::new(name, 0.0, args))
}

/// A command of values as they are, whatever they are.
fn odd_command(values: &[Value]) -> Message {
    let mut payload = Vec::new();
    for value in values {
        write_value(value, &mut payload);
    }
    Message::Other {
        type_id: type_id::COMMAND,
        payload: payload.into(),
    }
}

fn with_options(options: SessionOptions) -> PublishConfig {
    PublishConfig {
        options,
        ..config()
    }
}

/// The `connect` that a session with `options` sends.
fn connect(options: SessionOptions) -> Command {
    let mut server = Scripted::new(with_options(options));
    server.run(|_| Vec::new());
    server.calls()[0].clone()
}

fn names(value: &Value) -> Vec<&str> {
    let properties = value.properties().unwrap_or_default();
    properties.iter().map(|(name, _)| name.as_str()).collect()
}

const PLAIN: [&str; 6] = [
    "app",
    "type",
    "flashVer",
    "swfUrl",
    "tcUrl",
    "objectEncoding",
];

#[test]
fn connect_tells_of_enhanced_rtmp_what_we_do_and_no_more() {
    let connect = connect(SessionOptions::default());
    let extra = [
        "fourCcList",
        "videoFourCcInfoMap",
        "audioFourCcInfoMap",
        "capsEx",
    ];
    assert_eq!(names(&connect.object), [&PLAIN[..], &extra].concat());
    let get = |name| connect.object.get(name).unwrap();
    let codecs = vec![Value::from("avc1"), Value::from("mp4a")];
    assert_eq!(get("fourCcList"), &Value::StrictArray(codecs));
    // Encode and forward; reconnect.
    let can = Value::Number(6.0);
    assert_eq!(
        get("videoFourCcInfoMap"),
        &Value::object([("avc1", can.clone())])
    );
    assert_eq!(get("audioFourCcInfoMap"), &Value::object([("mp4a", can)]));
    assert_eq!(get("capsEx"), &Value::Number(1.0));
}

#[test]
fn connect_is_plain_without_enhanced_rtmp() {
    let connect = connect(SessionOptions {
        enhanced: false,
        ..SessionOptions::default()
    });
    assert_eq!(names(&connect.object), PLAIN);
    assert!(connect.args.is_empty());
}

#[test]
fn arguments_of_connect_follow_its_object() {
    let options = SessionOptions {
        connect_arguments: vec![Value::from("t0ken"), Value::Boolean(true)],
        ..SessionOptions::default()
    };
    assert!(!format!("{:?}", with_options(options.clone())).contains("t0ken"));
    let connect = connect(options.clone());
    assert_eq!(connect.args, options.connect_arguments);
}

#[test]
fn what_the_server_says_it_can_is_known() {
    let mut server = Scripted::new(config());
    assert_eq!(
        server.client.server_capabilities(),
        &ServerCapabilities::default()
    );
    server.run(|command| match command.name.as_str() {
        "connect" => {
            let success = information("status", "NetConnection.Connect.Success", "");
            let properties = Value::object([("capsEx", Value::Number(1.0))]);
            vec![Message::Command(Command {
                object: properties,
                ..Command::new("_result", 1.0, vec![success])
            })]
        }
        _ => well(command),
    });
    let capabilities = server.client.server_capabilities();
    assert!(capabilities.knows(Extension::Reconnect));
    assert!(!capabilities.knows(Extension::ModEx));
}

#[test]
fn calls_of_the_server_are_answered_where_it_waits_for_that_and_else_passed_over() {
    for (name, args, answer) in [
        ("onBWDone", vec![Value::Number(8192.0), Value::Null], None),
        ("onFCPublish", Vec::new(), None),
        ("|RtmpSampleAccess", vec![Value::Boolean(false)], None),
        ("", vec![Value::Undefined], None),
        ("_onbwcheck", vec![Value::from("x")], Some("_result")),
        ("_onbwdone", vec![Value::Number(5.0)], None),
        ("ping", Vec::new(), Some("pong")),
    ] {
        let mut server = accepted();
        let before = server.calls().len();
        server.says(&Message::Command(Command::new(name, 9.0, args)));
        let answers: Vec<_> = server.calls()[before..]
            .iter()
            .map(|call| (call.name.clone(), call.transaction))
            .collect();
        let expected: Vec<_> = answer
            .map(|name| (name.to_owned(), 9.0))
            .into_iter()
            .collect();
        assert_eq!(answers, expected, "{name}");
        assert_eq!(server.events, [Event::Accepted], "{name}");
    }
}

#[test]
fn every_user_control_event_is_tolerated_at_every_step() {
    let events = [
        UserControl::StreamBegin(0),
        UserControl::StreamBegin(77),
        UserControl::StreamEof(1),
        UserControl::StreamDry(1),
        UserControl::SetBufferLength {
            stream_id: 1,
            millis: 0,
        },
        UserControl::StreamIsRecorded(1),
        UserControl::PingResponse(5),
        // SWF verification, BufferEmpty, BufferReady, and what nobody knows.
        UserControl::Other {
            event: 26,
            data: Bytes::new(),
        },
        UserControl::Other {
            event: 31,
            data: Bytes::from_static(&[0; 4]),
        },
        UserControl::Other {
            event: 32,
            data: Bytes::from_static(&[0; 4]),
        },
        UserControl::Other {
            event: 0xFFFF,
            data: Bytes::from_static(&[7; 99]),
        },
    ];
    let talkative = |command: &Command| {
        let noise = events.iter().cloned().map(Message::UserControl);
        noise.chain(well(command)).collect()
    };
    let mut server = Scripted::new(config());
    server.run(talkative);
    for event in events {
        server.says(&Message::UserControl(event));
    }
    assert_eq!(server.events, [Event::Accepted]);
}

#[test]
fn numbers_as_text_and_values_in_the_wrong_place_are_understood() {
    let text = |text: &str| Value::from(text);
    let answers = [
        [text("_result"), text("4"), Value::Null, text("17")].to_vec(),
        [
            text("_result"),
            Value::Number(0.0),
            Value::Null,
            Value::Number(17.0),
        ]
        .to_vec(),
        [text("_result"), Value::Number(4.0), Value::Number(17.0)].to_vec(),
        [
            text("_result"),
            Value::Number(4.0),
            Value::Null,
            Value::Null,
            Value::Number(17.0),
        ]
        .to_vec(),
    ];
    for answer in answers {
        let mut server = Scripted::new(config());
        server.run(|command| match command.name.as_str() {
            // Under a number as text, which says nothing about which call failed.
            "releaseStream" => vec![odd_command(&[
                text("_error"),
                text("2"),
                Value::Null,
                information("error", "NetConnection.Call.Failed", ""),
            ])],
            "FCPublish" => vec![error(0.0, "")],
            "createStream" => vec![odd_command(&answer)],
            _ => well(command),
        });
        assert_eq!(server.events, [Event::Accepted], "{answer:?}");
    }
}

#[test]
fn a_code_that_repeats_the_key_does_not_tell_it_and_a_key_like_a_code_changes_none() {
    let code = format!("NetStream.{KEY}.Unknown");
    let mut server = accepted();
    server.says(&on_status("error", &code));
    let failure = server.failure();
    assert!(failure.what.contains("NetStream..Unknown"), "{failure}");

    let mut server = Scripted::new(PublishConfig {
        key: Secret::new("Stream"),
        ..config()
    });
    server.run(well);
    assert_eq!(server.events, [Event::Accepted]);
    server.says(&on_status("error", "NetStream.Publish.BadName"));
    assert_eq!(server.failure().kind, FailureKind::NameInUse);
}

#[test]
fn calls_and_data_that_cannot_be_read_are_passed_over() {
    let mut server = accepted();
    for (type_id, payload) in [
        // Values of AMF3, no name, nothing.
        (type_id::DATA_AMF3, &[0x00, 0x11, 0x01][..]),
        (type_id::COMMAND_AMF3, &[0x00, 0x11, 0x06, 0x01]),
        (type_id::COMMAND, &[0x05]),
        (type_id::COMMAND, &[]),
        (type_id::DATA, &[0xFF]),
    ] {
        let payload = Bytes::from_static(payload);
        server.says(&Message::Other { type_id, payload });
        assert!(server.client.is_publishing(), "{type_id}");
    }
}

#[test]
fn publish_and_media_go_to_the_stream_the_server_gave() {
    let mut server = Scripted::new(config());
    server.run(|command| match command.name.as_str() {
        "createStream" => vec![result(4.0, vec![Value::Number(17.0)])],
        _ => well(command),
    });
    server
        .client
        .handle_input(at(0), Input::Media(&video_at(at(0), true)));
    server.run(well);
    server.client.handle_input(at(0), Input::Close);
    server.run(well);
    for (message, stream) in server.seen.iter().zip(&server.streams) {
        let expected = match message {
            Message::Command(command) if command.name == "publish" => 17,
            Message::Video(_) | Message::Audio(_) | Message::Data(_) => 17,
            _ => 0,
        };
        assert_eq!(*stream, expected, "{message:?}");
    }
    let goodbye = server.calls().pop().unwrap().clone();
    assert_eq!(
        (goodbye.name.as_str(), &goodbye.args[0]),
        ("deleteStream", &Value::Number(17.0))
    );
}

#[test]
fn keys_of_every_shape_reach_the_server_as_they_are() {
    let long = "k".repeat(300);
    for key in [
        "",
        " a b ",
        "a/b?c=d&e=%2F%zz",
        "mp4:a.flv\n",
        "ключ",
        &long,
    ] {
        let mut server = Scripted::new(PublishConfig {
            key: Secret::new(key),
            ..config()
        });
        server.run(well);
        server.client.handle_input(at(0), Input::Close);
        server.run(well);
        let told: Vec<_> = server
            .calls()
            .iter()
            .filter(|call| {
                call.name.to_ascii_lowercase().contains("publish") || call.name == "releaseStream"
            })
            .map(|call| call.args[0].clone())
            .collect();
        // releaseStream, FCPublish, publish, FCUnpublish.
        assert_eq!(told, vec![Value::from(key); 4]);
    }
}

#[test]
fn tiny_windows_stall_nothing() {
    for (window, limit) in [(4096, 0), (1, 0), (0, 0), (0, 2), (u32::MAX, 1)] {
        let mut server = accepted();
        server.says(&Message::SetPeerBandwidth { window, limit });
        server.says(&Message::WindowAckSize(window));
        for number in 0..100 {
            let packet = video_at(at(number * 40), number == 0);
            server.client.handle_input(at(0), Input::Media(&packet));
        }
        server.run(well);
        let pictures = server
            .seen
            .iter()
            .filter(|message| matches!(message, Message::Video(_)));
        // And their header.
        assert_eq!(pictures.count(), 101, "{window}");
        assert!(server.client.is_publishing());
    }
}

#[test]
fn media_flows_though_nothing_is_ever_acknowledged() {
    let mut server = accepted();
    for number in 0..50_000 {
        let packet = video_at(at(number * 40), number == 0);
        server.client.handle_input(at(0), Input::Media(&packet));
        while let Output::Send(_) = server.client.poll_output() {}
    }
    assert!(server.client.sent > 5 * u64::from(config().ack_window));
    assert!(server.client.is_publishing());
}

/// `message` comes `times` over at the same moment.
fn flood(server: &mut Scripted, message: &Message, times: usize, now: MediaTime) {
    let mut bytes = Vec::new();
    for _ in 0..times {
        message.write(0, 0, &mut server.writer, &mut bytes).unwrap();
    }
    for piece in bytes.chunks(1000) {
        server.client.handle_input(now, Input::Received(piece));
    }
}

/// How many bytes the client then has for the server.
fn answers_to(server: &mut Scripted, message: &Message, times: usize, now: MediaTime) -> usize {
    flood(server, message, times, now);
    match server.client.poll_output() {
        Output::Send(bytes) => bytes.len(),
        _ => 0,
    }
}

#[test]
fn a_flood_of_calls_for_an_answer_is_answered_at_a_bounded_rate() {
    let ping = Message::UserControl(UserControl::PingRequest(1));
    for message in [
        ping,
        command("ping", Vec::new()),
        command("_onbwcheck", Vec::new()),
    ] {
        let mut server = accepted();
        let one = answers_to(&mut server, &message, 1, at(1_000));
        assert!(one > 0);
        let most = 64 * MOST_ANSWERS_PER_SECOND as usize;
        for second in 2..5 {
            let bytes = answers_to(&mut server, &message, 10_000, at(second * 1_000));
            assert!(one < bytes && bytes < most, "{bytes}");
        }
        assert!(server.client.is_publishing());
    }
}

#[test]
fn a_flood_of_notes_and_of_requests_to_move_is_told_at_a_bounded_rate() {
    for code in [
        "NetStream.Publish.Idle",
        "NetConnection.Connect.ReconnectRequest",
    ] {
        let mut server = accepted();
        flood(&mut server, &on_status("status", code), 10_000, at(2_000));
        server.run(well);
        let told = server.events.len() - 1;
        assert_eq!(told, MOST_NEWS_PER_SECOND as usize, "{code}");
        assert!(server.client.is_publishing());
    }
}

#[test]
fn a_window_of_one_byte_does_not_drown_us_in_acknowledgements() {
    let mut server = accepted();
    server.says(&Message::WindowAckSize(1));
    let noise = command("whatever", Vec::new());
    let bytes = answers_to(&mut server, &noise, 100_000, at(2_000));
    assert!(
        (1..64 * MOST_ANSWERS_PER_SECOND as usize).contains(&bytes),
        "{bytes}"
    );

    // Windows that shrink and shrink.
    let mut server = accepted();
    for window in (1..50_000).rev() {
        let message = Message::SetPeerBandwidth { window, limit: 0 };
        flood(&mut server, &message, 1, at(2_000));
    }
    assert!(server.client.is_publishing());
    assert!(server.client.config.ack_window >= 1024);
}

#[test]
fn a_bare_close_is_told_with_what_the_server_said_last() {
    let mut server = accepted();
    let words = information("status", "NetStream.Play.Gone", "The event live_7 is over.");
    server.says(&command("onStatus", vec![words]));
    server.client.handle_input(at(5_000), Input::PeerClosed);
    server.run(well);
    let failure = server.failure();
    assert_eq!(failure.kind, FailureKind::Closed);
    assert_eq!(
        failure.server_words.as_deref(),
        Some("The event •••• is over")
    );
}

#[test]
fn no_goodbye_is_said_on_a_lost_connection() {
    for end in [
        on_status("error", "NetStream.Publish.BadName"),
        command("close", Vec::new()),
    ] {
        let mut server = accepted();
        let before = server.seen.len();
        server.says(&end);
        server.client.handle_input(at(1), Input::Close);
        server
            .client
            .handle_input(at(1), Input::Media(&video_at(at(1), true)));
        server.run(well);
        assert_eq!(server.seen.len(), before);
        assert!(matches!(
            server.events[..],
            [Event::Accepted, Event::Failed(_)]
        ));
    }
}

#[test]
fn a_name_in_use_may_mend() {
    let mut server = Scripted::new(config());
    server.run(|command| match command.name.as_str() {
        "publish" => vec![on_status("error", "NetStream.Publish.BadName")],
        _ => well(command),
    });
    assert_eq!(server.failure().kind, FailureKind::NameInUse);
    assert!(server.failure().may_mend());
}

#[test]
fn metadata_in_mid_stream_bear_the_streams_time() {
    let mut server = accepted();
    for millis in [0, 8_000] {
        server
            .client
            .handle_input(at(0), Input::Media(&video_at(at(millis), true)));
    }
    server
        .client
        .handle_input(at(0), Input::Format(sound_only()));
    let mut bytes = Vec::new();
    while let Output::Send(more) = server.client.poll_output() {
        bytes.extend(more);
    }
    server.reader.push(&bytes);
    let mut last = None;
    while let Some(raw) = server.reader.next_message().unwrap() {
        last = Some((raw.type_id, raw.timestamp));
    }
    assert_eq!(last, Some((type_id::DATA, 8_000)));
}
