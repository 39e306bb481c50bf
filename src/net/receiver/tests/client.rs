//! A publisher or player over a real socket that does what a test wants.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

use super::PATIENCE;
use crate::{
    amf0::Value,
    rtmp::{
        chunk::{ChunkReader, ChunkWriter},
        handshake::ClientHandshake,
        message::{Command, Message},
        options::HandshakeForm,
    },
};

pub(super) struct Client {
    stream: TcpStream,
    reader: ChunkReader,
    writer: ChunkWriter,
}

impl Client {
    /// Connects up to a message stream that exists.
    pub(super) fn connect(address: SocketAddr) -> Self {
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
        let mut client = Self {
            stream,
            reader,
            writer: ChunkWriter::new(),
        };
        let connect = Command {
            object: Value::object([("app", Value::from("live"))]),
            ..Command::new("connect", 1.0, Vec::new())
        };
        client.send(&Message::Command(connect), 0);
        client.wait_for_status("NetConnection.Connect.Success");
        client.call("createStream", vec![], 0);
        client
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    pub(super) fn publish(&mut self, key: &str) {
        self.call("publish", vec![Value::from(key)], 1);
        self.wait_for_status("NetStream.Publish.Start");
    }

    pub(super) fn play(&mut self, key: &str) {
        self.call("play", vec![Value::from(key)], 1);
        self.wait_for_status("NetStream.Play.Start");
    }

    pub(super) fn call(&mut self, name: &str, args: Vec<Value>, stream_id: u32) {
        self.send(&Message::Command(Command::new(name, 2.0, args)), stream_id);
    }

    pub(super) fn video(&mut self, timestamp: u32, body: &[u8]) {
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

    pub(super) fn try_send(&mut self, message: &Message, stream_id: u32) -> io::Result<()> {
        let mut bytes = Vec::new();
        message
            .write(0, stream_id, &mut self.writer, &mut bytes)
            .unwrap();
        self.stream.write_all(&bytes)
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Goes without a word: the connection is reset.
    pub(super) fn vanish(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    /// The next picture: its time and its bytes.
    #[track_caller]
    pub(super) fn next_video(&mut self) -> (u32, Vec<u8>) {
        loop {
            if let (time, Message::Video(body)) = self.next() {
                return (time, body.to_vec());
            }
        }
    }

    #[track_caller]
    pub(super) fn wait_for_status(&mut self, code: &str) {
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
