//! Servers whose every connection follows a test's script.

use super::*;
use crate::{
    amf0::Value,
    rtmp::{
        chunk::writer::ChunkWriter,
        message::{Command, Message},
    },
};

/// Takes connections, each on a thread of its own, and lets `serve` have them with their number from 0 on.
pub(super) fn servers(serve: impl Fn(usize, TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let serve = serve.clone();
            spawn(move || serve(number, stream.unwrap()));
        }
    });
    address
}

pub(super) fn spawn(work: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().name("test server".to_owned());
    thread.spawn(work).unwrap();
}

/// A publisher as a server meets it.
pub(super) struct Caller {
    pub(super) stream: TcpStream,
    session: ReceiveSession,
    clock: Clock,
}

/// How serving a caller ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Served {
    Enough,
    /// It said goodbye.
    Goodbye,
    /// The connection was reset.
    Reset,
    /// It was closed without goodbye.
    Closed,
}

impl Caller {
    pub(super) fn new(stream: TcpStream) -> Self {
        let clock = Clock::start();
        Self {
            stream,
            session: ReceiveSession::new(clock.now(), ReceivePolicy::default(), 1),
            clock,
        }
    }

    /// Serves until `enough` is true of what arrived last.
    pub(super) fn serve(&mut self, mut enough: impl FnMut(&Received) -> bool) -> Served {
        let mut gone = Served::Closed;
        loop {
            match self.session.poll_output() {
                Output::Send(bytes) => {
                    // What is there can still be read; then it is told.
                    if self
                        .stream
                        .write_all(&bytes)
                        .is_err_and(|error| is_reset(&error))
                    {
                        gone = Served::Reset;
                    }
                }
                Output::Event(Received::Ended { because: None }) => return Served::Goodbye,
                Output::Event(event) if enough(&event) => return Served::Enough,
                Output::Event(_) => {}
                Output::WakeAt(_) => match self.read() {
                    Ok(true) => {}
                    Ok(false) => return gone,
                    Err(_) => return Served::Reset,
                },
            }
        }
    }

    /// Serves up to the publisher's `connect`, and leaves that unanswered.
    pub(super) fn serve_handshake(&mut self) {
        let mut room: usize = 1 + 1536 + 1536;
        loop {
            match self.session.poll_output() {
                Output::Send(_) if room == 0 => return,
                Output::Send(bytes) => {
                    room -= bytes.len();
                    self.stream.write_all(&bytes).unwrap();
                }
                Output::Event(event) => panic!("{event:?}"),
                Output::WakeAt(_) => assert!(self.read().unwrap(), "closed early"),
            }
        }
    }

    /// Serves up to the publisher's `publish`, and leaves that unanswered.
    pub(super) fn serve_to_publish(&mut self) {
        let yes = b"NetStream.Publish.Start";
        loop {
            match self.session.poll_output() {
                Output::Send(bytes) if bytes.windows(yes.len()).any(|text| text == yes) => return,
                Output::Send(bytes) => self.stream.write_all(&bytes).unwrap(),
                Output::Event(event) => panic!("{event:?}"),
                Output::WakeAt(_) => assert!(self.read().unwrap(), "closed early"),
            }
        }
    }

    /// Sends a command of ours.
    pub(super) fn say(&mut self, command: Command) {
        self.send(&Message::Command(command));
    }

    /// Says that so many bytes arrived.
    pub(super) fn acknowledge(&mut self, total: u32) {
        self.send(&Message::Acknowledgement(total));
    }

    fn send(&mut self, message: &Message) {
        let mut out = Vec::new();
        // Long messages in one piece, whatever was agreed before.
        let mut writer = ChunkWriter::new();
        for message in [&Message::SetChunkSize(65_536), message] {
            message.write(0, 0, &mut writer, &mut out).unwrap();
        }
        self.stream.write_all(&out).unwrap();
    }

    /// Sends an `onStatus`.
    pub(super) fn say_status<const N: usize>(
        &mut self,
        level: &str,
        code: &str,
        more: [(&str, &str); N],
    ) {
        self.say(Command::new(
            "onStatus",
            0.0,
            vec![information(level, code, more)],
        ));
    }

    /// Sends a Reconnect Request (Enhanced RTMP v2).
    pub(super) fn ask_to_move(&mut self, to: &str) {
        let code = "NetConnection.Connect.ReconnectRequest";
        self.say_status("status", code, [("tcUrl", to)]);
    }

    /// Answers `connect` with status 302.
    pub(super) fn redirect(&mut self, to: &str) {
        let ex = Value::object([
            ("code", Value::Number(302.0)),
            ("redirect", Value::from(to)),
        ]);
        let information = Value::object([
            ("level", Value::from("error")),
            ("code", Value::from("NetConnection.Connect.Rejected")),
            ("description", Value::from("Elsewhere.")),
            ("ex", ex),
        ]);
        self.say(Command::new("_error", 1.0, vec![information]));
    }

    /// Refuses `connect` with this description.
    pub(super) fn reject(&mut self, description: &str) {
        let code = "NetConnection.Connect.Rejected";
        let more = [("description", description)];
        let information = information("error", code, more);
        self.say(Command::new("_error", 1.0, vec![information]));
    }

    /// Says that the name is taken.
    pub(super) fn refuse_name(&mut self) {
        self.say_status(
            "error",
            "NetStream.Publish.BadName",
            [("description", "Already publishing")],
        );
    }

    /// Whether there was something to read; it may be goodbye.
    fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer)?;
        let input = Input::Received(&buffer[..count]);
        self.session.handle_input(self.clock.now(), input);
        Ok(count > 0)
    }
}

fn information<const N: usize>(level: &str, code: &str, more: [(&str, &str); N]) -> Value {
    let all = [("level", level), ("code", code)].into_iter().chain(more);
    Value::object(all.map(|(name, value)| (name, Value::from(value))))
}

fn is_reset(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionReset
}

/// Resets `stream` instead of closing it.
pub(super) fn reset(stream: TcpStream) {
    let socket = socket2::SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}
