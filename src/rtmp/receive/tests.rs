mod players;

use super::{
    calls::{MOST_BYTES_WITHOUT_MEDIA, MOST_COMMANDS, MOST_MESSAGES},
    hub::testing,
    *,
};
use crate::rtmp::{
    handshake::ClientHandshake, message::Command, options::HandshakeForm, url::Credentials,
};

fn at(seconds: u64) -> MediaTime {
    MediaTime::from_millis(seconds * 1000)
}

/// A client that sends whatever a test wants it to.
struct Client {
    session: ReceiveSession,
    writer: ChunkWriter,
    reader: ChunkReader,
    answers: Vec<Message>,
    received: Vec<Received>,
}

impl Client {
    fn new(policy: ReceivePolicy) -> Self {
        let mut client = Self {
            session: ReceiveSession::new(at(0), policy, 1),
            writer: ChunkWriter::new(),
            reader: ChunkReader::new(),
            answers: Vec::new(),
            received: Vec::new(),
        };
        let mut out = Vec::new();
        let mut handshake = ClientHandshake::new(HandshakeForm::Simple, 2, &mut out);
        client.session.handle_input(at(0), Input::Received(&out));
        let Output::Send(hello) = client.session.poll_output() else {
            panic!("no handshake");
        };
        let mut out = Vec::new();
        handshake.receive(&hello, &mut out).unwrap();
        client.session.handle_input(at(0), Input::Received(&out));
        client
    }

    fn call(&mut self, name: &str, args: Vec<Value>, stream_id: u32) {
        self.send(&Message::Command(Command::new(name, 1.0, args)), stream_id);
    }

    fn connect(&mut self, app: &str) {
        let connect = Command {
            object: Value::object([("app", Value::from(app))]),
            ..Command::new("connect", 1.0, Vec::new())
        };
        self.send(&Message::Command(connect), 0);
    }

    fn publish(&mut self, key: &str) {
        self.call("createStream", vec![], 0);
        self.call("publish", vec![Value::from(key), Value::from("live")], 1);
    }

    fn send(&mut self, message: &Message, stream_id: u32) {
        let mut bytes = Vec::new();
        message
            .write(0, stream_id, &mut self.writer, &mut bytes)
            .unwrap();
        self.session.handle_input(at(0), Input::Received(&bytes));
        self.poll();
    }

    fn poll(&mut self) {
        loop {
            match self.session.poll_output() {
                Output::Send(bytes) => {
                    self.reader.push(&bytes);
                    while let Some(raw) = self.reader.next_message().unwrap() {
                        self.answers.push(Message::parse(&raw).unwrap());
                    }
                }
                Output::Event(received) => self.received.push(received),
                Output::WakeAt(_) => return,
            }
        }
    }

    fn play(&mut self, key: &str) {
        self.call("createStream", vec![], 0);
        self.call("play", vec![Value::from(key), Value::Number(-2000.0)], 1);
    }

    fn input(&mut self, now: MediaTime, input: Input) {
        self.session.handle_input(now, input);
        self.poll();
    }

    fn media(&mut self, tag: &FlvTag) {
        self.input(at(0), Input::Media(tag));
    }

    /// The names of commands and codes of statuses since the last call, in their order.
    fn told(&mut self) -> Vec<String> {
        let answers = std::mem::take(&mut self.answers);
        let told = answers.into_iter().filter_map(|answer| match answer {
            Message::Command(command) => {
                let code = command.information().and_then(|info| info.get("code"));
                let code = code.and_then(Value::as_str).map(str::to_owned);
                Some(code.unwrap_or(command.name))
            }
            Message::UserControl(event) => Some(format!("{event:?}")),
            Message::Data(values) => values.first()?.as_str().map(str::to_owned),
            Message::Audio(_) => Some("audio".to_owned()),
            Message::Video(_) => Some("video".to_owned()),
            _ => None,
        });
        told.collect()
    }

    fn last_command(&self) -> &Command {
        let mut answers = self.answers.iter().rev();
        let command = answers.find_map(|answer| match answer {
            Message::Command(command) => Some(command),
            _ => None,
        });
        command.expect("no command came")
    }

    fn ended_because(&self) -> Option<&str> {
        match self.received.last() {
            Some(Received::Ended { because }) => because.as_deref(),
            other => panic!("expected an end, not {other:?}"),
        }
    }

    fn last_code(&self) -> Option<&str> {
        let Some(Message::Command(command)) = self.answers.last() else {
            return None;
        };
        command.information()?.get("code")?.as_str()
    }
}

#[test]
fn another_application_or_key_is_refused_in_words() {
    let policy = ReceivePolicy {
        app: Some("live".to_owned()),
        key: Some(Secret::new("right")),
        ..ReceivePolicy::default()
    };
    let mut client = Client::new(policy.clone());
    client.connect("other");
    assert_eq!(client.last_code(), Some("NetConnection.Connect.InvalidApp"));
    assert!(client.ended_because().unwrap().contains("application"));

    let mut client = Client::new(policy.clone());
    client.connect("live/?token=x");
    client.publish("wrong");
    assert_eq!(client.last_code(), Some("NetStream.Publish.Denied"));
    assert!(client.ended_because().unwrap().contains("key"));

    let mut client = Client::new(policy);
    client.connect("live");
    client.publish("right");
    assert_eq!(client.last_code(), Some("NetStream.Publish.Start"));
    assert_eq!(client.received.len(), 1);
}

#[test]
fn media_counts_only_once_the_stream_is_published() {
    let mut client = Client::new(ReceivePolicy::default());
    let sound = Message::Audio(Bytes::from_static(&[0xAF, 0]));
    client.connect("live");
    client.send(&sound, 1);
    assert_eq!(client.received, []);
    client.publish("key");
    client.send(&sound, 1);
    assert_eq!(client.received.len(), 2);
}

#[test]
fn metadata_is_taken_with_and_without_its_wrapper() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.publish("key");
    let values = Value::object([("width", Value::Number(320.0))]);
    let bare = vec![Value::from("onMetaData"), values.clone()];
    let wrapped = [vec![Value::from("@setDataFrame")], bare.clone()].concat();
    for data in [bare, wrapped] {
        client.send(&Message::Data(data), 1);
        assert_eq!(
            client.received.last(),
            Some(&Received::Metadata(values.clone()))
        );
    }
    client.send(&Message::Data(vec![Value::from("onTextData")]), 1);
    assert_eq!(client.received.len(), 3);
}

#[test]
fn a_goodbye_ends_the_stream_without_a_reason() {
    for name in ["FCUnpublish", "deleteStream", "closeStream"] {
        let mut client = Client::new(ReceivePolicy::default());
        client.connect("live");
        client.publish("key");
        client.call(name, vec![Value::Null], 0);
        assert_eq!(client.ended_because(), None);
        assert_eq!(client.last_code(), Some("NetStream.Unpublish.Success"));
    }
}

#[test]
fn strangers_are_given_limited_time_and_commands() {
    let mut client = Client::new(ReceivePolicy::default());
    client.session.handle_input(at(9), Input::Tick);
    client.poll();
    assert_eq!(client.received, []);
    client.session.handle_input(at(10), Input::Tick);
    client.poll();
    assert!(client.ended_because().unwrap().contains("in time"));

    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    for _ in 0..MOST_COMMANDS {
        client.call("_checkbw", vec![], 0);
    }
    assert!(client.ended_because().unwrap().contains("too many"));
}

#[test]
fn acknowledgements_come_after_the_publishers_window() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.publish("key");
    client.send(&Message::WindowAckSize(1000), 0);
    client.send(&Message::Video(Bytes::from(vec![0x27; 5000])), 1);
    assert!(
        matches!(client.answers.last(), Some(Message::Acknowledgement(count)) if *count > 8_000),
        "{:?}",
        client.answers.last()
    );
}

#[test]
fn nonsense_ends_a_session_and_harms_nothing() {
    for bytes in [&[0xFF; 100][..], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut session = ReceiveSession::new(at(0), ReceivePolicy::default(), 1);
        session.handle_input(at(0), Input::Received(bytes));
        assert!(matches!(
            session.poll_output(),
            Output::Event(Received::Ended { because: Some(_) })
        ));
    }
    let mut client = Client::new(ReceivePolicy::default());
    client.call("publish", vec![], 1);
    assert!(
        client
            .ended_because()
            .unwrap()
            .contains("before \"connect\"")
    );
}

#[test]
fn what_publishers_ask_for_besides_is_answered() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.told();
    for (name, answers) in [
        ("releaseStream", &["_result"][..]),
        ("FCPublish", &["_result", "NetStream.Publish.Start"]),
        ("getStreamLength", &["_result"]),
        ("_checkbw", &["_result"]),
        ("FCUnpublish", &[]),
        ("somethingElse", &[]),
    ] {
        client.call(name, vec![Value::from("key")], 0);
        assert_eq!(client.told(), answers, "{name}");
    }
    assert_eq!(client.received, []);
}

#[test]
fn streams_are_numbered_and_the_one_that_is_used_must_exist() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    for number in [1.0, 2.0] {
        client.call("createStream", vec![], 0);
        assert_eq!(client.last_command().args, [Value::Number(number)]);
    }
    client.call("deleteStream", vec![Value::Number(1.0)], 0);
    client.call(
        "publish",
        vec![Value::from("key"), Value::from("record")],
        2,
    );
    assert!(
        client
            .told()
            .contains(&"NetStream.Publish.Start".to_owned())
    );
    client.call("publish", vec![Value::from("other")], 1);
    assert_eq!(client.told(), ["NetStream.Publish.BadConnection"]);
    // Another stream than the one in use.
    client.call("deleteStream", vec![Value::Number(1.0)], 0);
    assert_eq!(client.received.len(), 1);
    client.call("deleteStream", vec![Value::Number(2.0)], 0);
    assert_eq!(client.ended_because(), None);

    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.call("publish", vec![Value::from("key")], 1);
    assert!(client.ended_because().unwrap().contains("not created"));
}

#[test]
fn a_name_in_use_is_told_before_anything_is_taken() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.call("createStream", vec![], 0);
    let mut bytes = Vec::new();
    let publish = Command::new("publish", 1.0, vec![Value::from("key")]);
    for message in [
        Message::Command(publish),
        Message::Video(Bytes::from_static(b"\x17\x01")),
    ] {
        message.write(0, 1, &mut client.writer, &mut bytes).unwrap();
    }
    client.told();
    client.session.handle_input(at(0), Input::Received(&bytes));
    assert!(matches!(
        client.session.poll_output(),
        Output::Event(Received::Began { .. })
    ));
    client.session.refuse(Refusal::NameInUse);
    client.poll();
    assert_eq!(client.told(), ["NetStream.Publish.BadName"]);
    assert!(matches!(
        &client.received[..],
        [Received::Ended { because: Some(because) }] if because.contains("in use")
    ));
}

#[test]
fn enhanced_clients_are_told_that_all_codecs_are_passed_on_and_others_nothing() {
    let mut client = Client::new(ReceivePolicy::default());
    let connect = Command {
        object: Value::object([
            ("app", Value::from("live/_definst_/")),
            ("fourCcList", Value::StrictArray(vec![Value::from("hvc1")])),
            (
                "videoFourCcInfoMap",
                Value::object([("hvc1", Value::Number(7.0))]),
            ),
            ("capsEx", Value::Number(15.0)),
        ]),
        ..Command::new("connect", 1.0, Vec::new())
    };
    client.send(&Message::Command(connect), 0);
    let properties = client.last_command().object.clone();
    assert_eq!(
        properties.get("fourCcList"),
        Some(&Value::StrictArray(vec![Value::from("*")]))
    );
    let map = properties.get("videoFourCcInfoMap").unwrap();
    assert_eq!(map.get("*"), Some(&Value::Number(4.0)));
    assert_eq!(properties.get("audioFourCcInfoMap"), None);
    // All but Reconnect (1), which we never ask for.
    assert_eq!(properties.get("capsEx"), Some(&Value::Number(14.0)));
    client.publish("key");
    assert!(matches!(&client.received[0], Received::Began { app, .. } if app == "live"));

    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    assert_eq!(client.last_command().object.get("capsEx"), None);
}

#[test]
fn aggregate_messages_are_taken_apart() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.publish("key");
    let payload = [
        &b"\x09\0\0\x02\0\0\x0A\0\0\0\0\x17\x01\0\0\0\x0D"[..],
        &b"\x08\0\0\x02\0\0\x1E\0\0\0\0\xAF\x01\0\0\0\x0D"[..],
    ];
    let aggregate = Message::Other {
        type_id: type_id::AGGREGATE,
        payload: payload.concat().into(),
    };
    client.send(&aggregate, 1);
    assert!(matches!(
        client.received[1],
        Received::Video { timestamp: 0, .. }
    ));
    assert!(matches!(
        client.received[2],
        Received::Audio { timestamp: 20, .. }
    ));
}

#[test]
fn who_keeps_a_part_of_an_aggregate_message_does_not_keep_the_whole() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.publish("key");
    let part = b"\x08\0\0\x02\0\0\0\0\0\0\0\xAF\x01\0\0\0\x0D";
    let aggregate = Message::Other {
        type_id: type_id::AGGREGATE,
        payload: part.repeat(2).into(),
    };
    client.send(&aggregate, 1);
    for received in &client.received[1..] {
        let Received::Audio { body, .. } = received else {
            panic!("expected sound, not {received:?}");
        };
        assert!(body.is_unique(), "its bytes are shared");
    }
    assert_eq!(client.received.len(), 3);
}

#[test]
fn a_publisher_of_countless_tiny_messages_is_ended() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.publish("key");
    // Behind the first, each is one byte long: a chunk header that repeats a message of no bytes.
    let mut bytes = b"\x04\0\0\0\0\0\0\x08\x01\0\0\0".to_vec();
    bytes.resize(bytes.len() + 60_000, 0xC4);
    for _ in 0..=MOST_MESSAGES / 60_000 {
        client.input(at(0), Input::Received(&bytes));
    }
    assert!(
        client
            .ended_because()
            .unwrap()
            .contains("too many messages")
    );
}

#[test]
fn metadata_beyond_all_measure_is_left_out() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.publish("key");
    let metadata = |bytes: usize| {
        let text = Value::from("x".repeat(bytes));
        Message::Data(vec![
            "onMetaData".into(),
            Value::object([("encoder", text)]),
        ])
    };
    client.send(&metadata(LONGEST_METADATA), 1);
    client.send(&metadata(1_000), 1);
    assert_eq!(client.received.len(), 2, "the begin, and the short one");
}

#[test]
fn a_session_ends_once_whatever_comes_with_its_goodbye() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    let nothing = Message::Other {
        type_id: 99,
        payload: vec![0; 60_000].into(),
    };
    for _ in 0..MOST_BYTES_WITHOUT_MEDIA / 60_000 {
        client.send(&nothing, 0);
    }
    client.publish("key");
    let goodbye = Command::new("FCUnpublish", 0.0, vec!["key".into()]);
    let mut bytes = Vec::new();
    for message in [&Message::Command(goodbye), &nothing] {
        (message.write(0, 0, &mut client.writer, &mut bytes)).unwrap();
    }
    client.input(at(0), Input::Received(&bytes));
    let ends = client.received.iter();
    let ends: Vec<_> = ends
        .filter(|received| matches!(received, Received::Ended { .. }))
        .collect();
    assert_eq!(ends, [&Received::Ended { because: None }]);
}

#[test]
fn a_silent_client_is_asked_for_a_sign_of_life_and_given_up_without_one() {
    let pinged = |client: &mut Client| {
        client
            .answers
            .drain(..)
            .any(|answer| matches!(answer, Message::UserControl(UserControl::PingRequest(_))))
    };
    for (plays, ping_at, end_at) in [(false, 15, 30), (true, 60, 90)] {
        let mut client = Client::new(ReceivePolicy::default());
        client.connect("live");
        if plays {
            client.play("key");
            client.media(&testing::key_frame(0));
        } else {
            client.publish("key");
        }
        client.told();
        for (now, expected) in [(ping_at - 1, false), (ping_at, true), (ping_at + 1, false)] {
            client.input(at(now), Input::Tick);
            assert_eq!(pinged(&mut client), expected, "at {now} s");
        }
        assert_eq!(
            client.session.poll_output(),
            Output::WakeAt(Some(at(end_at)))
        );
        client.input(at(end_at), Input::Tick);
        assert!(client.ended_because().unwrap().contains("silent"));
    }
}

#[test]
fn who_is_asked_for_a_smaller_window_says_so() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    let bandwidth = Message::SetPeerBandwidth {
        window: 4096,
        limit: 0,
    };
    client.send(&bandwidth, 0);
    assert_eq!(client.answers.last(), Some(&Message::WindowAckSize(4096)));
}

#[test]
fn only_publishers_may_send_much() {
    let noise = Message::Data(vec![Value::from("x".repeat(4000).as_str())]);
    for plays in [false, true] {
        let mut client = Client::new(ReceivePolicy::default());
        client.connect("live");
        if plays {
            client.play("key");
        }
        let mut sent = 0;
        while !matches!(client.received.last(), Some(Received::Ended { .. })) {
            client.send(&noise, 1);
            sent += 4000;
            assert!(sent <= MOST_BYTES_WITHOUT_MEDIA);
        }
        assert!(client.ended_because().unwrap().contains("too much"));
    }
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.publish("key");
    for _ in 0..100 {
        client.send(&noise, 1);
    }
    assert_eq!(client.received.len(), 1);
}

#[test]
fn names_beyond_all_measure_are_refused() {
    let long = "x".repeat(5_000);
    let mut client = Client::new(ReceivePolicy::default());
    client.connect(&long);
    assert!(client.ended_because().unwrap().contains("too long"));
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.publish(&long);
    assert!(client.ended_because().unwrap().contains("too long"));
}

#[test]
fn commands_in_amf3s_wrapper_are_understood() {
    let mut client = Client::new(ReceivePolicy::default());
    client.connect("live");
    client.call("createStream", vec![], 0);
    let publish = Message::Command(Command::new("publish", 1.0, vec![Value::from("key")]));
    let wrapped = Message::Other {
        type_id: type_id::COMMAND_AMF3,
        payload: [&[0], &publish.payload()[..]].concat().into(),
    };
    client.send(&wrapped, 1);
    assert_eq!(client.last_code(), Some("NetStream.Publish.Start"));
}

#[test]
fn a_client_that_must_log_in_is_told_how() {
    let policy = ReceivePolicy {
        login: Some(Gate::new(
            Credentials {
                user: "ann".to_owned(),
                password: Secret::new("s3cret"),
            },
            [1; 32],
        )),
        ..ReceivePolicy::default()
    };
    for (app, told) in [
        ("live", "code=403 need auth; authmod=adobe"),
        (
            "live?authmod=adobe&user=ann",
            "reason=needauth&user=ann&salt=",
        ),
        ("live?authmod=adobe&user=bob", "reason=nosuchuser"),
    ] {
        let mut client = Client::new(policy.clone());
        client.connect(app);
        assert_eq!(client.last_code(), Some("NetConnection.Connect.Rejected"));
        let information = client.last_command().information().unwrap();
        let description = information.get("description").unwrap().as_str().unwrap();
        assert!(description.contains(told), "{description}");
        assert!(client.ended_because().is_some());
    }
}
