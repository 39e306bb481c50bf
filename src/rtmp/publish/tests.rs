use std::sync::Arc;

use super::*;
use crate::{
    flv::{
        tag::VideoTag,
        testing::{audio_at, format, sound_only, video_at},
    },
    media::packet::AvcConfig,
    rtmp::{
        handshake::ServerHandshake,
        message::{Command, Message, UserControl},
        receive::{self, ReceivePolicy, ReceiveSession, Received},
        refusal::FailureKind,
    },
};

const KEY: &str = "live_7?token=s3cret";

fn config() -> PublishConfig {
    PublishConfig {
        server: ServerUrl::parse("rtmp://example.org/live").unwrap(),
        key: Secret::new(KEY),
        options: SessionOptions::default(),
        login: None,
        format: format(),
        was_live: false,
        ack_window: 100_000,
        seed: 1,
    }
}

fn at(millis: u64) -> MediaTime {
    MediaTime::from_millis(millis)
}

/// A publisher and a server in memory, their bytes handed over in pieces.
struct Pair {
    client: PublishSession,
    server: ReceiveSession,
    piece: usize,
    events: Vec<Event>,
    received: Vec<Received>,
}

impl Pair {
    fn new(config: PublishConfig, policy: ReceivePolicy, piece: usize) -> Self {
        let mut pair = Self {
            client: PublishSession::new(at(0), config),
            server: ReceiveSession::new(at(0), policy, 2),
            piece,
            events: Vec::new(),
            received: Vec::new(),
        };
        pair.run();
        pair
    }

    fn input(&mut self, input: Input) {
        self.client.handle_input(at(0), input);
        self.run();
    }

    /// Carries bytes until both sides are quiet.
    fn run(&mut self) {
        loop {
            let mut quiet = true;
            loop {
                match self.client.poll_output() {
                    Output::Send(bytes) => {
                        quiet = false;
                        for piece in bytes.chunks(self.piece) {
                            let input = receive::Input::Received(piece);
                            self.server.handle_input(at(0), input);
                        }
                    }
                    Output::Event(event) => self.events.push(event),
                    Output::WakeAt(_) => break,
                }
            }
            loop {
                match self.server.poll_output() {
                    Output::Send(bytes) => {
                        quiet = false;
                        for piece in bytes.chunks(self.piece) {
                            self.client.handle_input(at(0), Input::Received(piece));
                        }
                    }
                    Output::Event(event) => self.received.push(event),
                    Output::WakeAt(_) => break,
                }
            }
            if quiet {
                return;
            }
        }
    }
}

/// A server that answers each message as a test wants it to.
struct Scripted {
    client: PublishSession,
    handshake: ServerHandshake,
    reader: ChunkReader,
    writer: ChunkWriter,
    events: Vec<Event>,
    seen: Vec<Message>,
    /// The message stream of each of these.
    streams: Vec<u32>,
}

impl Scripted {
    fn new(config: PublishConfig) -> Self {
        Self {
            client: PublishSession::new(at(0), config),
            handshake: ServerHandshake::new(3),
            reader: ChunkReader::new(),
            writer: ChunkWriter::new(),
            events: Vec::new(),
            seen: Vec::new(),
            streams: Vec::new(),
        }
    }

    /// Lets the client talk until it is quiet; `answer` gives the replies to each of its commands.
    fn run(&mut self, answer: impl Fn(&Command) -> Vec<Message>) {
        loop {
            let bytes = match self.client.poll_output() {
                Output::Send(bytes) => bytes,
                Output::Event(event) => {
                    self.events.push(event);
                    continue;
                }
                Output::WakeAt(_) => return,
            };
            let mut reply = Vec::new();
            let taken = self.handshake.receive(&bytes, &mut reply).unwrap();
            self.reader.push(&bytes[taken..]);
            while let Some(raw) = self.reader.next_message().unwrap() {
                let message = Message::parse(&raw).unwrap();
                if let Message::Command(command) = &message {
                    for answer in answer(command) {
                        answer.write(0, 0, &mut self.writer, &mut reply).unwrap();
                    }
                }
                self.seen.push(message);
                self.streams.push(raw.stream_id);
            }
            self.client.handle_input(at(0), Input::Received(&reply));
        }
    }

    fn says(&mut self, message: &Message) {
        let mut bytes = Vec::new();
        message.write(0, 0, &mut self.writer, &mut bytes).unwrap();
        self.client.handle_input(at(0), Input::Received(&bytes));
        self.run(|_| Vec::new());
    }

    /// What the client called, in order.
    fn calls(&self) -> Vec<&Command> {
        let calls = self.seen.iter().filter_map(|message| match message {
            Message::Command(command) => Some(command),
            _ => None,
        });
        calls.collect()
    }

    fn failure(&self) -> &Failure {
        match self.events.last() {
            Some(Event::Failed(failure)) => failure,
            other => panic!("expected a failure, not {other:?}"),
        }
    }
}

fn result(transaction: f64, args: Vec<Value>) -> Message {
    Message::Command(Command::new("_result", transaction, args))
}

fn information(level: &str, code: &str, description: &str) -> Value {
    Value::object([
        ("level", Value::from(level)),
        ("code", Value::from(code)),
        ("description", Value::from(description)),
    ])
}

fn on_status(level: &str, code: &str) -> Message {
    let status = information(level, code, "words of the server");
    Message::Command(Command::new("onStatus", 0.0, vec![status]))
}

fn error(transaction: f64, code: &str) -> Message {
    let status = information("error", code, "");
    Message::Command(Command::new("_error", transaction, vec![status]))
}

/// Answers as servers do when all is well.
fn well(command: &Command) -> Vec<Message> {
    match command.name.as_str() {
        "connect" => vec![result(
            1.0,
            vec![information("status", "NetConnection.Connect.Success", "")],
        )],
        "createStream" => vec![result(4.0, vec![Value::Number(1.0)])],
        "publish" => vec![on_status("status", "NetStream.Publish.Start")],
        _ => Vec::new(),
    }
}

fn accepted() -> Scripted {
    let mut server = Scripted::new(config());
    server.run(well);
    assert_eq!(server.events, [Event::Accepted]);
    server
}

fn is_key(key: &str) -> Received {
    Received::Began {
        app: "live".to_owned(),
        key: Secret::new(key),
    }
}

#[test]
fn a_stream_is_published_whatever_the_pieces_its_bytes_come_in() {
    for piece in [1, 2, 3, 7, 100, 1536, 100_000] {
        let mut pair = Pair::new(config(), ReceivePolicy::default(), piece);
        assert_eq!(pair.events, [Event::Accepted]);
        for number in 0..10_u64 {
            pair.input(Input::Media(&audio_at(at(5_000 + number * 40))));
            pair.input(Input::Media(&video_at(
                at(5_010 + number * 40),
                number == 2,
            )));
        }
        pair.input(Input::Close);

        assert_eq!(pair.events, [Event::Accepted, Event::Closed], "{piece}");
        let mut received = pair.received.into_iter();
        assert_eq!(received.next(), Some(is_key(KEY)));
        assert!(matches!(received.next(), Some(Received::Metadata(_))));
        assert_eq!(
            received.next_back(),
            Some(Received::Ended { because: None })
        );
        let media: Vec<(char, u32, u8)> = received
            .map(|tag| match tag {
                Received::Audio { timestamp, body } => ('a', timestamp, body[1]),
                Received::Video { timestamp, body } => ('v', timestamp, body[1]),
                other => panic!("{other:?}"),
            })
            .collect();
        // Both headers, the key frame, then all that follows, from 0 on.
        assert_eq!(
            media[..5],
            [
                ('a', 0, 0),
                ('v', 0, 0),
                ('v', 0, 1),
                ('a', 30, 1),
                ('v', 40, 1)
            ]
        );
        assert_eq!(media.len(), 2 + 8 + 7);
    }
}

#[test]
fn pictures_before_the_first_key_frame_are_not_sent() {
    let mut pair = Pair::new(config(), ReceivePolicy::default(), 4096);
    pair.input(Input::Media(&video_at(at(0), false)));
    pair.input(Input::Media(&audio_at(at(0))));
    assert!(!pair.client.has_begun());
    assert!(matches!(pair.received.last(), Some(Received::Metadata(_))));
    pair.input(Input::Media(&video_at(at(40), true)));
    assert!(pair.client.has_begun());
}

#[test]
fn a_stream_of_sound_alone_begins_with_its_header() {
    let config = PublishConfig {
        format: sound_only(),
        ..config()
    };
    let mut pair = Pair::new(config, ReceivePolicy::default(), 4096);
    pair.input(Input::Media(&audio_at(at(1000))));
    let bodies: Vec<u8> = pair.received[2..]
        .iter()
        .map(|tag| match tag {
            Received::Audio { timestamp: 0, body } => body[1],
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(bodies, [0, 1]);
}

#[test]
fn headers_are_sent_again_when_they_change_and_only_then() {
    let mut pair = Pair::new(config(), ReceivePolicy::default(), 4096);
    let mut changed = match video_at(at(80), true) {
        Packet::Video(picture) => picture,
        Packet::Audio(_) => unreachable!(),
    };
    changed.config = Arc::new(AvcConfig {
        pps: bytes::Bytes::from_static(&[0x68, 1, 2, 3]),
        ..(*changed.config).clone()
    });
    pair.input(Input::Media(&video_at(at(0), true)));
    pair.input(Input::Media(&video_at(at(40), true)));
    pair.input(Input::Media(&Packet::Video(changed)));
    let headers: Vec<u32> = pair
        .received
        .iter()
        .filter_map(|tag| match tag {
            Received::Video { timestamp, body }
                if matches!(VideoTag::parse(body), Ok(VideoTag::SequenceHeader(_))) =>
            {
                Some(*timestamp)
            }
            _ => None,
        })
        .collect();
    assert_eq!(headers, [0, 80]);
}

#[test]
fn sound_that_is_late_behind_its_header_keeps_its_time() {
    let mut pair = Pair::new(config(), ReceivePolicy::default(), 4096);
    pair.input(Input::Media(&video_at(at(100), true)));
    // Too early to be sent, but its header is known now, and goes out before the next picture.
    pair.input(Input::Media(&audio_at(at(90))));
    pair.input(Input::Media(&video_at(at(140), false)));
    pair.input(Input::Media(&audio_at(at(111))));
    let times: Vec<u32> = pair
        .received
        .iter()
        .filter_map(|tag| match tag {
            Received::Audio { timestamp, .. } => Some(*timestamp),
            _ => None,
        })
        .collect();
    assert_eq!(times, [0, 11]);
}

#[test]
fn metadata_is_sent_again_when_the_format_changes() {
    let mut pair = Pair::new(config(), ReceivePolicy::default(), 4096);
    pair.input(Input::Format(sound_only()));
    let metadata = pair
        .received
        .iter()
        .filter(|tag| matches!(tag, Received::Metadata(_)));
    assert_eq!(metadata.count(), 2);
}

#[test]
fn the_whole_conversation_is_that_of_a_flash_encoder() {
    let server = accepted();
    let names: Vec<&str> = server
        .seen
        .iter()
        .filter_map(|message| match message {
            Message::Command(command) => Some(command.name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        names,
        [
            "connect",
            "releaseStream",
            "FCPublish",
            "createStream",
            "publish"
        ]
    );
    assert_eq!(
        server.seen[..2],
        [Message::SetChunkSize(4096), Message::WindowAckSize(100_000)]
    );
    let Message::Command(connect) = &server.seen[2] else {
        panic!("{:?}", server.seen[2]);
    };
    let said = |name| connect.object.get(name).and_then(Value::as_str);
    assert_eq!(said("app"), Some("live"));
    assert_eq!(said("tcUrl"), Some("rtmp://example.org/live"));
    assert_eq!(said("type"), Some("nonprivate"));
}

#[test]
fn replies_that_servers_are_known_to_bend_are_understood() {
    let mut server = Scripted::new(config());
    server.run(|command| match command.name.as_str() {
        // Bandwidth talk first, and no information at all.
        "connect" => vec![
            Message::Command(Command::new("onBWDone", 0.0, Vec::new())),
            Message::SetPeerBandwidth {
                window: 4096,
                limit: 0,
            },
            result(1.0, Vec::new()),
        ],
        "releaseStream" => vec![error(2.0, "NetConnection.Call.Failed")],
        "FCPublish" => vec![error(3.0, "")],
        // The number as text, and not 1; answered under number 0.
        "createStream" => vec![result(0.0, vec![Value::Null, Value::from("17")])],
        "publish" => vec![
            Message::Command(Command::new("onFCPublish", 0.0, Vec::new())),
            Message::UserControl(UserControl::StreamBegin(17)),
            on_status("", "netstream.publish.START"),
        ],
        _ => Vec::new(),
    });
    assert_eq!(server.events, [Event::Accepted]);
}

#[test]
fn every_refusal_becomes_the_failure_it_is() {
    type Answer = fn(&Command) -> Vec<Message>;
    let cases: [(Answer, FailureKind, &str); 6] = [
        (
            |_| vec![error(1.0, "NetConnection.Connect.InvalidApp")],
            FailureKind::Refused,
            "\"live\"",
        ),
        (
            |_| vec![error(1.0, "")],
            FailureKind::Refused,
            "no code given",
        ),
        (
            |command| match command.name.as_str() {
                "createStream" => vec![error(4.0, "NetConnection.Call.Failed")],
                _ => well(command),
            },
            FailureKind::Refused,
            "refused the stream",
        ),
        (
            |command| match command.name.as_str() {
                "publish" => vec![on_status("error", "NetStream.Publish.BadName")],
                _ => well(command),
            },
            FailureKind::NameInUse,
            "in use",
        ),
        (
            |command| match command.name.as_str() {
                "publish" => vec![on_status("error", "NetStream.publish.Unauthorized")],
                _ => well(command),
            },
            FailureKind::Refused,
            "refused the stream",
        ),
        (
            |command| match command.name.as_str() {
                "publish" => vec![error(5.0, "")],
                _ => well(command),
            },
            FailureKind::Refused,
            "refused the stream",
        ),
    ];
    for (answer, kind, words) in cases {
        let mut server = Scripted::new(config());
        server.run(answer);
        let failure = server.failure();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.what.contains(words), "{failure}");
        assert!(failure.what.contains("example.org, port 1935"), "{failure}");
        assert!(!failure.to_string().contains("s3cret"), "{failure}");
    }
}

#[test]
fn a_silent_close_is_a_refusal_at_first_and_may_mend_for_who_was_live() {
    for was_live in [false, true] {
        let mut server = Scripted::new(PublishConfig {
            was_live,
            ..config()
        });
        server.run(|command| match command.name.as_str() {
            "publish" => Vec::new(),
            _ => well(command),
        });
        server.client.handle_input(at(5), Input::PeerClosed);
        server.run(well);
        assert_eq!(server.failure().may_mend(), was_live);
    }
}

#[test]
fn a_close_right_after_the_acceptance_is_a_refusal_unless_media_arrived() {
    for (seconds, arrived, kind) in [
        (0, false, FailureKind::Refused),
        (0, true, FailureKind::Closed),
        (5, false, FailureKind::Closed),
    ] {
        let mut server = accepted();
        if arrived {
            server.client.handle_input(at(0), Input::Arrived);
        }
        let now = at(seconds * 1000);
        server.client.handle_input(now, Input::PeerClosed);
        server.run(well);
        assert_eq!(server.failure().kind, kind);
    }
}

#[test]
fn a_server_that_does_not_answer_is_waited_for_ten_seconds() {
    let stages: [(&str, &str); 3] = [
        ("connect", "\"connect\""),
        ("createStream", "\"createStream\""),
        ("publish", "\"publish\""),
    ];
    for (silent_at, words) in stages {
        let mut server = Scripted::new(config());
        server.run(|command| {
            if command.name == silent_at {
                Vec::new()
            } else {
                well(command)
            }
        });
        assert_eq!(
            server.client.poll_output(),
            Output::WakeAt(Some(at(10_000)))
        );
        server.client.handle_input(at(9_999), Input::Tick);
        assert_eq!(
            server.client.poll_output(),
            Output::WakeAt(Some(at(10_000)))
        );
        server.client.handle_input(at(10_000), Input::Tick);
        server.run(well);
        let failure = server.failure();
        assert_eq!(failure.kind, FailureKind::Unreachable);
        assert!(failure.what.contains(words), "{failure}");
    }
}

#[test]
fn what_does_not_speak_rtmp_is_named() {
    for (bytes, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "A web server"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "secure connections"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "An SSH server"),
    ] {
        let mut client = PublishSession::new(at(0), config());
        client.handle_input(at(0), Input::Received(bytes));
        assert!(matches!(client.poll_output(), Output::Send(_)));
        let Output::Event(Event::Failed(failure)) = client.poll_output() else {
            panic!("no failure for {words}");
        };
        assert_eq!(failure.kind, FailureKind::NotRtmp);
        assert!(failure.what.contains(words), "{failure}");
    }
}

#[test]
fn pings_are_answered_and_bytes_acknowledged_after_the_servers_window() {
    let mut server = accepted();
    server.says(&Message::UserControl(UserControl::PingRequest(77)));
    let pong = Message::UserControl(UserControl::PingResponse(77));
    assert_eq!(server.seen.last(), Some(&pong));

    server.says(&Message::WindowAckSize(10));
    assert!(
        matches!(server.seen.last(), Some(Message::Acknowledgement(received)) if *received > 3073),
        "{:?}",
        server.seen.last()
    );
}

#[test]
fn what_the_server_acknowledges_is_told() {
    let mut server = accepted();
    server.says(&Message::Acknowledgement(3_200));
    assert_eq!(
        server.events.last(),
        Some(&Event::ServerAcknowledged(3_200))
    );
}

#[test]
fn an_end_that_the_server_decides_may_mend() {
    for (message, kind) in [
        (
            on_status("status", "NetStream.Unpublish.Success"),
            FailureKind::Closed,
        ),
        (
            on_status("error", "NetConnection.Connect.Closed"),
            FailureKind::Closed,
        ),
        (
            on_status("error", "NetStream.Odd.Code"),
            FailureKind::Protocol,
        ),
    ] {
        let mut server = accepted();
        server.says(&message);
        assert_eq!(server.failure().kind, kind);
        assert!(server.failure().may_mend());
    }
}

#[test]
fn unknown_messages_and_calls_change_nothing() {
    let mut server = accepted();
    let calls = ["onBWDone", "onFCPublish", "whatever"];
    for name in calls {
        server.says(&Message::Command(Command::new(
            name,
            9.0,
            vec![Value::Null],
        )));
    }
    server.says(&Message::Other {
        type_id: 22,
        payload: bytes::Bytes::from_static(b"x"),
    });
    server.says(&on_status("status", "NetStream.Play.Reset"));
    assert_eq!(server.events, [Event::Accepted]);
    assert!(server.client.is_publishing());
}

#[test]
fn a_broken_protocol_is_a_failure_and_not_a_panic() {
    let mut server = accepted();
    let bytes = [0xFF; 64];
    server.client.handle_input(at(0), Input::Received(&bytes));
    server.run(well);
    assert_eq!(server.failure().kind, FailureKind::Protocol);
}

#[test]
fn goodbye_is_said_and_the_servers_is_not_waited_for_long() {
    let mut server = accepted();
    server.client.handle_input(at(0), Input::Close);
    server.run(|_| Vec::new());
    let names: Vec<&str> = server
        .seen
        .iter()
        .rev()
        .take(2)
        .filter_map(|message| match message {
            Message::Command(command) => Some(command.name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["deleteStream", "FCUnpublish"]);
    assert_eq!(server.events, [Event::Accepted]);
    server.client.handle_input(at(500), Input::Tick);
    server.run(well);
    assert_eq!(server.events, [Event::Accepted, Event::Closed]);
}

#[test]
fn a_close_before_the_stream_is_accepted_ends_at_once() {
    let mut server = Scripted::new(config());
    server.client.handle_input(at(0), Input::Close);
    server.run(well);
    assert_eq!(server.events, [Event::Closed]);
}

#[test]
fn the_key_is_nowhere_in_debug_output() {
    let pair = Pair::new(config(), ReceivePolicy::default(), 4096);
    assert!(!format!("{:?}", pair.client).contains("s3cret"));
    assert!(!format!("{:?}", pair.received).contains("s3cret"));
}

mod anything;
mod bad_habits;
mod held;
mod onward;
