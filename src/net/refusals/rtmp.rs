//! A server's side of an RTMP conversation, led by a test line by line.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::mpsc::Receiver,
    time::Duration,
};

use super::PATIENCE;
use crate::{
    amf0::Value,
    rtmp::{
        chunk::{ChunkReader, ChunkWriter},
        handshake::ServerHandshake,
        message::{Command, Message},
    },
};

/// A publisher's connection, as a test's server has it. Dropping it closes it.
pub(super) struct Guest {
    stream: TcpStream,
    handshake: ServerHandshake,
    reader: ChunkReader,
    writer: ChunkWriter,
}

impl Guest {
    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            handshake: ServerHandshake::new(7),
            reader: ChunkReader::new(),
            writer: ChunkWriter::new(),
        }
    }

    /// Cuts the way, so that nothing of the publisher's arrives any more.
    #[cfg(target_os = "linux")]
    pub(super) fn cut(&self) {
        crate::net::tcp_info::testing::cut(&socket2::SockRef::from(&self.stream));
    }

    /// Listens until a message is what the test `wants`; shakes hands on the way.
    fn hear(&mut self, wants: impl Fn(&Message) -> bool) {
        let mut bytes = [0; 4096];
        loop {
            while let Some(raw) = self.reader.next_message().unwrap() {
                if wants(&Message::parse(&raw).unwrap()) {
                    return;
                }
            }
            let count = self.stream.read(&mut bytes).unwrap();
            assert_ne!(count, 0, "the publisher went early");
            let mut reply = Vec::new();
            let taken = self.handshake.receive(&bytes[..count], &mut reply).unwrap();
            self.reader.push(&bytes[taken..count]);
            self.stream.write_all(&reply).unwrap();
        }
    }

    /// Listens until `name` is called.
    pub(super) fn hear_call(&mut self, name: &str) {
        self.hear(|message| matches!(message, Message::Command(command) if command.name == name));
    }

    fn say(&mut self, message: &Message) {
        let mut bytes = Vec::new();
        message.write(0, 0, &mut self.writer, &mut bytes).unwrap();
        self.send(&bytes);
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Lets the publisher in, up to its call of `name`, which stays unanswered.
    pub(super) fn welcome_up_to(&mut self, name: &str) {
        for (call, answer) in welcome() {
            self.hear_call(call);
            if call == name {
                return;
            }
            self.say(&answer);
        }
    }

    /// Lets the publisher in and takes its stream, until the test knows that it is `live`.
    pub(super) fn make_live(&mut self, live: &Receiver<()>) {
        self.welcome_up_to("");
        while live.try_recv().is_err() {
            self.hear(|message| matches!(message, Message::Video(_)));
        }
    }

    /// Says `message` and leaves it to the publisher to close the connection.
    pub(super) fn say_last(mut self, message: &Message) {
        self.say(message);
        self.wait_for_the_end();
    }

    /// Sends `bytes` and leaves it to the publisher to close the connection.
    pub(super) fn send_last(mut self, bytes: &[u8]) {
        self.send(bytes);
        self.wait_for_the_end();
    }

    fn wait_for_the_end(mut self) {
        let mut bytes = [0; 4096];
        while matches!(self.stream.read(&mut bytes), Ok(1..)) {}
    }

    /// Breaks the connection off, with a reset.
    pub(super) fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// The calls that are answered, and the answers when all is well.
pub(super) fn welcome() -> [(&'static str, Message); 3] {
    let connected = information("status", "NetConnection.Connect.Success", "");
    [
        ("connect", call("_result", 1.0, vec![connected])),
        (
            "createStream",
            call("_result", 4.0, vec![Value::Number(1.0)]),
        ),
        ("publish", status("status", "NetStream.Publish.Start", "")),
    ]
}

/// A status that comes by itself.
pub(super) fn status(level: &str, code: &str, description: &str) -> Message {
    call("onStatus", 0.0, vec![information(level, code, description)])
}

/// The refusal of a call.
pub(super) fn error(transaction: f64, code: &str, description: &str) -> Message {
    let information = information("error", code, description);
    call("_error", transaction, vec![information])
}

/// The refusal of `connect` that sends us to `target`.
pub(super) fn redirect(target: &str) -> Message {
    let extra = Value::object([
        ("code", Value::Number(302.0)),
        ("redirect", Value::from(target)),
    ]);
    let information = Value::object([
        ("level", Value::from("error")),
        ("code", Value::from("NetConnection.Connect.Rejected")),
        ("ex", extra),
    ]);
    call("_error", 1.0, vec![information])
}

pub(super) fn call(name: &str, transaction: f64, args: Vec<Value>) -> Message {
    Message::Command(Command::new(name, transaction, args))
}

pub(super) fn information(level: &str, code: &str, description: &str) -> Value {
    Value::object([
        ("level", Value::from(level)),
        ("code", Value::from(code)),
        ("description", Value::from(description)),
    ])
}
