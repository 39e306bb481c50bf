//! The receiver over real sockets: what hostile, dead and clumsy clients do, while a pair of well-behaved ones
//! must not notice anything.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::mpsc,
    time::Instant,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::rustls;

use super::{entrance::MOST_STRANGERS, *};
use crate::{
    amf0::Value,
    rtmp::{
        chunk::{ChunkReader, ChunkWriter},
        handshake::ClientHandshake,
        message::{Command, Message},
        options::HandshakeForm,
        receive::hub,
    },
    secret::Secret,
};

/// More than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A publisher or player over a real socket that does what a test wants.
struct Client {
    stream: TcpStream,
    reader: ChunkReader,
    writer: ChunkWriter,
}

impl Client {
    /// Connects up to a message stream that exists.
    fn connect(address: SocketAddr) -> Self {
        let mut client = Self::shake_hands(address);
        client.ask_for("live");
        client.wait_for_status("NetConnection.Connect.Success");
        client.call("createStream", vec![], 0);
        client
    }

    /// Connects up to the end of the handshake.
    fn shake_hands(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut out = Vec::new();
        let mut handshake = ClientHandshake::new(HandshakeForm::Simple, 1, &mut out);
        let mut reader = ChunkReader::new();
        let mut buffer = [0; 4096];
        while !handshake.is_complete() {
            stream.write_all(&out).unwrap();
            out.clear();
            let count = stream.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "closed within the handshake");
            let taken = handshake.receive(&buffer[..count], &mut out).unwrap();
            reader.push(&buffer[taken..count]);
        }
        stream.write_all(&out).unwrap();
        Self {
            stream,
            reader,
            writer: ChunkWriter::new(),
        }
    }

    fn ask_for(&mut self, app: &str) {
        let connect = Command {
            object: Value::object([("app", Value::from(app))]),
            ..Command::new("connect", 1.0, Vec::new())
        };
        self.send(&Message::Command(connect), 0);
    }

    fn local_addr(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    fn publish(&mut self, key: &str) {
        self.call("publish", vec![Value::from(key)], 1);
        self.wait_for_status("NetStream.Publish.Start");
    }

    fn play(&mut self, key: &str) {
        self.call("play", vec![Value::from(key)], 1);
        self.wait_for_status("NetStream.Play.Start");
    }

    fn call(&mut self, name: &str, args: Vec<Value>, stream_id: u32) {
        self.send(&Message::Command(Command::new(name, 2.0, args)), stream_id);
    }

    fn video(&mut self, timestamp: u32, body: &[u8]) {
        let message = Message::Video(body.to_vec().into());
        let mut bytes = Vec::new();
        message
            .write(timestamp, 1, &mut self.writer, &mut bytes)
            .unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    fn send(&mut self, message: &Message, stream_id: u32) {
        self.try_send(message, stream_id).unwrap();
    }

    fn try_send(&mut self, message: &Message, stream_id: u32) -> io::Result<()> {
        let mut bytes = Vec::new();
        message
            .write(0, stream_id, &mut self.writer, &mut bytes)
            .unwrap();
        self.stream.write_all(&bytes)
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Goes without a word: the connection is reset.
    fn vanish(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// The next picture: its time and its bytes.
    #[track_caller]
    fn next_video(&mut self) -> (u32, Vec<u8>) {
        loop {
            if let (time, Message::Video(body)) = self.next() {
                return (time, body.to_vec());
            }
        }
    }

    #[track_caller]
    fn wait_for_status(&mut self, code: &str) {
        loop {
            if let (_, Message::Command(command)) = self.next()
                && let Some(information) = command.information()
                && information.get("code").and_then(Value::as_str) == Some(code)
            {
                return;
            }
        }
    }

    #[track_caller]
    fn next(&mut self) -> (u32, Message) {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(raw) = self.reader.next_message().unwrap() {
                return (raw.timestamp, Message::parse(&raw).unwrap());
            }
            let count = self.stream.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "the receiver closed the connection");
            self.reader.push(&buffer[..count]);
        }
    }
}

/// A receiver, and what it tells.
struct Running {
    receiver: Receiver,
    events: mpsc::Receiver<ReceiverEvent>,
}

impl Running {
    fn start(config: ReceiverConfig) -> Self {
        let (sender, events) = mpsc::sync_channel(10_000);
        let listen = "127.0.0.1:0".parse().unwrap();
        let receiver = Receiver::run(listen, config, move |event| {
            // Media would be many.
            let told = matches!(
                event.received,
                Received::Began { .. } | Received::Joined { .. } | Received::Ended { .. }
            );
            if told {
                let _ = sender.try_send(event);
            }
        })
        .unwrap();
        Self { receiver, events }
    }

    fn address(&self) -> SocketAddr {
        self.receiver.local_addr()
    }

    fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// Waits until the figures are as `expected` says.
    #[track_caller]
    fn wait_for(&self, expected: impl Fn(&Figures) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let figures = self.receiver.figures();
            if expected(&figures) {
                return;
            }
            assert!(Instant::now() < deadline, "{figures:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Why the connection ended that is at `peer`.
    #[track_caller]
    fn end_of(&self, peer: SocketAddr) -> Option<String> {
        loop {
            let event = self.events.recv_timeout(PATIENCE).unwrap();
            if let Received::Ended { because } = event.received
                && event.peer == peer
            {
                return because;
            }
        }
    }
}

/// A publisher and its player.
struct Pair {
    publisher: Client,
    player: Client,
    sent: u32,
}

impl Pair {
    fn start(running: &Running) -> Self {
        let mut publisher = running.client();
        publisher.publish("pair");
        let mut player = running.client();
        player.play("pair");
        let mut pair = Self {
            publisher,
            player,
            sent: 0,
        };
        pair.go_on();
        pair
    }

    /// Sends some pictures; each must arrive, unchanged and in order.
    #[track_caller]
    fn go_on(&mut self) {
        self.go_on_with(1_000);
    }

    /// The same with pictures of this many bytes.
    #[track_caller]
    fn go_on_with(&mut self, bytes: usize) {
        for _ in 0..30 {
            let mut body = if self.sent.is_multiple_of(10) {
                b"\x17\x01\0\0\0".to_vec()
            } else {
                b"\x27\x01\0\0\0".to_vec()
            };
            body.extend(self.sent.to_be_bytes());
            body.resize(bytes, 7);
            self.publisher.video(self.sent * 40, &body);
            let (time, arrived) = self.player.next_video();
            assert_eq!((time, arrived), (self.sent * 40, body));
            self.sent += 1;
        }
    }
}

#[test]
fn events_say_who_did_what() {
    let running = Running::start(ReceiverConfig::default());
    let pair = Pair::start(&running);
    let began = running.events.recv_timeout(PATIENCE).unwrap();
    assert_eq!(began.peer, pair.publisher.local_addr());
    assert!(matches!(began.received, Received::Began { .. }));
    let joined = running.events.recv_timeout(PATIENCE).unwrap();
    assert_eq!(joined.peer, pair.player.local_addr());
    assert!(matches!(joined.received, Received::Joined { .. }));
    assert_ne!(began.connection, joined.connection);
    let Pair {
        mut publisher,
        mut player,
        ..
    } = pair;
    publisher.call("FCUnpublish", vec![Value::from("pair")], 0);
    assert_eq!(running.end_of(began.peer), None);
    player.wait_for_status("NetStream.Play.Stop");
    assert_eq!(running.end_of(joined.peer), None);
    running.wait_for(|figures| figures.streams + figures.players + figures.kept_bytes == 0);
}

#[test]
fn players_that_come_late_or_early_begin_with_a_key_frame_at_zero() {
    let running = Running::start(ReceiverConfig::default());
    let mut early = running.client();
    early.play("pair");
    running.wait_for(|figures| figures.players == 1);
    let mut pair = Pair::start(&running);
    let mut late = running.client();
    late.play("pair");
    pair.go_on();
    for player in [&mut early, &mut late] {
        let (time, body) = player.next_video();
        assert_eq!((time, body[0]), (0, 0x17));
    }
}

#[test]
fn players_are_told_when_the_receiver_stops_and_nobody_holds_it_up() {
    let running = Running::start(ReceiverConfig::default());
    let Pair {
        publisher: _publisher,
        mut player,
        ..
    } = Pair::start(&running);
    let Running { receiver, events } = running;
    drop(receiver);
    player.wait_for_status("NetStream.Play.UnpublishNotify");
    player.wait_for_status("NetStream.Play.Stop");
    let ends = events.try_iter().filter_map(|event| match event.received {
        Received::Ended { because } => Some(because),
        _ => None,
    });
    assert_eq!(ends.count(), 2);
}

#[test]
fn who_holds_the_connection_after_its_end_makes_room_for_others() {
    let running = Running::start(ReceiverConfig::default());
    let mut pair = Pair::start(&running);
    let leaving: Vec<_> = (0..2 * MOST_STRANGERS)
        .map(|number| {
            let mut client = running.client();
            client.play("pair");
            if number % 2 == 0 {
                client.call("deleteStream", vec![Value::Number(1.0)], 0);
            } else {
                client.raw(b"\xFF");
            }
            assert!(running.receiver.figures().strangers <= MOST_STRANGERS);
            client
        })
        .collect();
    pair.go_on();
    drop(leaving);
    running.wait_for(|figures| figures.connections == 2);
}

#[test]
fn a_name_in_use_is_refused_and_its_publisher_goes_on() {
    let running = Running::start(ReceiverConfig::default());
    let mut pair = Pair::start(&running);
    let mut second = running.client();
    second.call("publish", vec![Value::from("pair")], 1);
    second.wait_for_status("NetStream.Publish.BadName");
    let because = running.end_of(second.local_addr());
    assert!(because.unwrap().contains("in use"));
    pair.go_on();
}

#[test]
fn a_publisher_that_vanishes_frees_its_name_and_its_players() {
    let running = Running::start(ReceiverConfig::default());
    let Pair {
        publisher,
        mut player,
        ..
    } = Pair::start(&running);
    publisher.vanish();
    player.wait_for_status("NetStream.Play.UnpublishNotify");
    running.wait_for(|figures| figures.streams == 0);
    Pair::start(&running);
}

#[test]
fn silent_clients_disturb_nobody_and_make_room_for_others() {
    let running = Running::start(ReceiverConfig::default());
    let mut pair = Pair::start(&running);
    let mut silent: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(running.address()).unwrap())
        .collect();
    pair.go_on();
    running.wait_for(|figures| figures.strangers == MOST_STRANGERS);
    running.wait_for(|figures| figures.connections == MOST_STRANGERS + 2);
    // A newcomer finds a place all the same.
    let mut third = running.client();
    third.play("pair");
    pair.go_on();
    assert_eq!(third.next_video().0, 0);
    // Those that came first had to go.
    silent[0].set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(silent[0].read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_client_that_sends_one_byte_at_a_time_is_as_good_as_silent() {
    let running = Running::start(ReceiverConfig::default());
    let mut pair = Pair::start(&running);
    let mut slow = TcpStream::connect(running.address()).unwrap();
    slow.set_nodelay(true).unwrap();
    for byte in [3, 0, 0, 0, 0] {
        slow.write_all(&[byte]).unwrap();
        pair.go_on();
    }
    assert_eq!(running.receiver.figures().strangers, 1);
}

#[test]
fn garbage_ends_its_own_connection_alone() {
    let running = Running::start(ReceiverConfig::default());
    let mut pair = Pair::start(&running);
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        &[0xFF; 5000],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let mut stream = TcpStream::connect(running.address()).unwrap();
        let _ = stream.write_all(garbage);
        assert!(running.end_of(stream.local_addr().unwrap()).is_some());
        pair.go_on();
    }
    for garbage in [
        // A message of 16 MB on chunk stream 3; chunks as large as can be told, and one that says 0.
        &b"\x03\0\0\0\xFF\xFF\xFF\x09\0\0\0\0"[..],
        b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\x7F\xFF\xFF\xFF\x03\0\0\0\x90\0\0\x09\0\0\0\0",
        b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\0\0\0",
        // A chunk without its begin; a command that is none.
        b"\xC7",
        b"\x03\0\0\0\0\0\x01\x14\0\0\0\0\x05",
    ] {
        let mut client = running.client();
        client.raw(garbage);
        assert!(running.end_of(client.local_addr()).is_some());
        pair.go_on();
    }
    running.wait_for(|figures| figures.connections == 2);
}

#[test]
fn thousands_of_commands_end_the_connection_that_sends_them() {
    let running = Running::start(ReceiverConfig::default());
    let mut pair = Pair::start(&running);
    let mut client = running.client();
    let peer = client.local_addr();
    for _ in 0..5_000 {
        let command = Command::new("_checkbw", 9.0, vec![Value::Null]);
        // It may be closed before the last one.
        if client.try_send(&Message::Command(command), 0).is_err() {
            break;
        }
    }
    let because = running.end_of(peer).unwrap();
    assert!(because.contains("too many commands"), "{because}");
    pair.go_on();
}

#[test]
fn a_player_that_never_reads_is_left_behind_and_closed() {
    let running = Running::start(ReceiverConfig {
        patience: Duration::from_secs(1),
        ..ReceiverConfig::default()
    });
    let mut pair = Pair::start(&running);
    let mut stuck = running.client();
    stuck.play("pair");
    let peer = stuck.local_addr();
    // More than the system buffers for it.
    let mut ended = None;
    let deadline = Instant::now() + PATIENCE;
    while ended.is_none() {
        assert!(Instant::now() < deadline, "it was never closed");
        pair.go_on_with(200_000);
        let figures = running.receiver.figures();
        assert!(figures.kept_bytes <= hub::MOST_BYTES, "{figures:?}");
        ended = running
            .events
            .try_iter()
            .find_map(|event| match event.received {
                Received::Ended { because } if event.peer == peer => because,
                _ => None,
            });
    }
    assert!(ended.unwrap().contains("too slow"));
    pair.go_on();
    running.wait_for(|figures| figures.players == 1);
}

#[test]
fn there_are_only_so_many_streams() {
    let running = Running::start(ReceiverConfig::default());
    let mut pair = Pair::start(&running);
    let publishers: Vec<_> = (1..hub::MOST_STREAMS)
        .map(|number| {
            let mut client = running.client();
            client.publish(&format!("stream{number}"));
            client
        })
        .collect();
    let mut one_more = running.client();
    one_more.call("publish", vec![Value::from("one more")], 1);
    one_more.wait_for_status("NetStream.Publish.Denied");
    pair.go_on();
    drop(publishers);
    running.wait_for(|figures| figures.streams == 1);
}

#[test]
fn a_client_that_closes_its_half_only_is_let_go() {
    let running = Running::start(ReceiverConfig::default());
    let mut pair = Pair::start(&running);
    let stream = TcpStream::connect(running.address()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(running.end_of(stream.local_addr().unwrap()).is_some());
    pair.go_on();
    running.wait_for(|figures| figures.connections == 2);
}

#[test]
fn a_key_is_asked_of_publishers_and_players() {
    let running = Running::start(ReceiverConfig {
        policy: ReceivePolicy {
            key: Some(Secret::new("pair")),
            ..ReceivePolicy::default()
        },
        ..ReceiverConfig::default()
    });
    let mut pair = Pair::start(&running);
    for (command, status) in [
        ("publish", "NetStream.Publish.Denied"),
        ("play", "NetStream.Play.Failed"),
    ] {
        let mut client = running.client();
        client.call(command, vec![Value::from("guess")], 1);
        client.wait_for_status(status);
    }
    pair.go_on();
}

/// A certificate for "localhost", its identity for a receiver, and a client's TLS that trusts it.
fn tls() -> (Identity, rustls::ClientConfig) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(path("cert.pem"), cert.pem()).unwrap();
    fs::write(path("key.pem"), signing_key.serialize_pem()).unwrap();
    let identity = Identity::load(&path("cert.pem"), &path("key.pem")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (identity, client)
}

#[test]
fn a_secured_receiver_speaks_to_who_trusts_it_and_outlives_who_does_not() {
    let (identity, client) = tls();
    let running = Running::start(ReceiverConfig {
        identity: Some(identity),
        ..ReceiverConfig::default()
    });
    let connect = || TcpStream::connect(running.address()).unwrap();
    // Somebody who speaks plain RTMP, and somebody who says nothing.
    let (mut plain, silent) = (connect(), connect());
    plain.write_all(&[3; 1537]).unwrap();
    let because = running.end_of(plain.local_addr().unwrap()).unwrap();
    assert!(because.contains("could not be secured"), "{because}");

    let name = "localhost".try_into().unwrap();
    let session = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
    let mut stream = rustls::StreamOwned::new(session, connect());
    let mut out = Vec::new();
    let mut handshake = ClientHandshake::new(HandshakeForm::Simple, 1, &mut out);
    let mut buffer = [0; 4096];
    while !handshake.is_complete() {
        stream.write_all(&out).unwrap();
        out.clear();
        let count = stream.read(&mut buffer).unwrap();
        handshake.receive(&buffer[..count], &mut out).unwrap();
    }
    assert_eq!(running.receiver.figures().strangers, 2);
    drop(silent);
}

#[test]
fn a_user_must_log_in() {
    let running = Running::start(ReceiverConfig {
        login: Some(Credentials {
            user: "ann".to_owned(),
            password: Secret::new("s3cret"),
        }),
        ..ReceiverConfig::default()
    });
    let mut client = Client::shake_hands(running.address());
    client.ask_for("live");
    client.wait_for_status("NetConnection.Connect.Rejected");
    let because = running.end_of(client.local_addr()).unwrap();
    assert!(because.contains("log in"), "{because}");
}
