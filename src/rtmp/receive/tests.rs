use super::{calls::MOST_COMMANDS, *};
use crate::rtmp::{handshake::ClientHandshake, message::Command, options::HandshakeForm};

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
