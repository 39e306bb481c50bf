//! Writes the seeds in `corpus/` anew: `cargo run --example seeds`. They come from the tables of the
//! specifications and from whole sessions, so that a fuzzer starts behind the handshake and not before it.

use std::{fs, io::Write, path::Path};

use skywave::{
    amf0::{Value, write_value},
    rtmp::{
        chunk::ChunkWriter,
        message::{Command, Message, UserControl},
    },
};

fn main() -> std::io::Result<()> {
    let values = [
        Value::Number(1.5),
        Value::from("text"),
        Value::Boolean(true),
        Value::Null,
        Value::Undefined,
        Value::object([("app", Value::from("live")), ("n", Value::Number(-0.0))]),
    ];
    let mut all = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let mut bytes = Vec::new();
        write_value(value, &mut bytes);
        all.extend(&bytes);
        seed("amf0", &format!("value-{index}"), &bytes)?;
    }
    seed("amf0", "all", &all)?;
    for (name, bytes) in AMF0 {
        seed("amf0", name, bytes)?;
    }
    for (name, bytes) in CHUNKS {
        for cut in [1, 128] {
            seed(
                "chunks",
                &format!("{name}-{cut}"),
                &[&[cut], *bytes].concat(),
            )?;
        }
    }
    for (name, bytes) in FLV {
        seed("flv", name, bytes)?;
    }
    for (index, text) in URLS.iter().enumerate() {
        seed("url", &format!("address-{index}"), text.as_bytes())?;
    }
    for (index, message) in messages().iter().enumerate() {
        let bytes = [&[message.type_id()], &message.payload()[..]].concat();
        seed("messages", &format!("message-{index}"), &bytes)?;
    }

    // Each behind another one; the first is written anew as the last.
    let mut before = Vec::new();
    for picture in ["red_grey", "red_grey_progressive", "restarts", "red_grey"] {
        let file = format!("../src/media/testdata/{picture}.jpg");
        let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file))?;
        let length = (before.len() as u16).to_be_bytes();
        seed("mjpeg", picture, &[&length, &before[..], &bytes].concat())?;
        before = bytes;
    }

    let aggregate = b"\x16\x08\0\0\x02\0\0\x05\0\0\0\0\xaf\x01\0\0\0\x0d\x09\0\0\x01\0\0\x09\0\0\0\0\x27\0\0\0\x0c";
    seed("messages", "aggregate", aggregate)?;

    // Behind the greeting: all of a server's and of a client's side, then the end of the connection.
    let server = script(&SERVER.map(answer), 0xBF, &[0xE3, 0xD0, 0xD1, 0xC5, 0xE0]);
    seed("publisher", "accepts", &[&[0, 0], &server[..]].concat())?;
    let refuses = script(
        &[call("_error", 1.0, "NetConnection.Connect.Rejected")],
        0xBF,
        &[],
    );
    seed("publisher", "refuses", &[&[0, 0], &refuses[..]].concat())?;
    let client = script(&CLIENT.map(ask), 0xDF, &[0xE5, 0xFF, 0xF0]);
    seed("receiver", "publishes", &[&[0, 0], &client[..]].concat())?;
    let player = script(
        &PLAYER.map(ask),
        0xDF,
        &[0xF3, 0xF5, 1, 0x17, 0, 0xF6, 0, 0xE5, 0xF4],
    );
    seed("receiver", "plays", &[&[0, 0], &player[..]].concat())?;
    seed("receiver", "logs-in", &[&[4, 0], &client[..]].concat())?;
    seed(
        "sessions",
        "short",
        &[0, 1, 7, 255, 0x41, 9, 0x80, 200, 0xC2, 255, 0x17, 33],
    )?;
    Ok(())
}

fn seed(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder)?;
    fs::File::create(folder.join(name))?.write_all(bytes)
}

/// Messages in chunks, in pieces behind their lengths, as the session targets read them, and a few steps more.
fn script(messages: &[(u32, Message)], piece: usize, then: &[u8]) -> Vec<u8> {
    let mut chunks = ChunkWriter::new();
    let mut bytes = Vec::new();
    for (stream_id, message) in messages {
        message
            .write(0, *stream_id, &mut chunks, &mut bytes)
            .expect("short messages");
    }
    let mut script = Vec::new();
    for part in bytes.chunks(piece) {
        script.push(part.len() as u8);
        script.extend(part);
    }
    script.extend(then);
    script
}

fn status(name: &str, transaction: f64, level: &str, code: &str) -> Command {
    let information = Value::object([
        ("level", Value::from(level)),
        ("code", Value::from(code)),
        ("description", Value::from("as tested")),
    ]);
    Command::new(name, transaction, vec![information])
}

fn call(name: &str, transaction: f64, code: &str) -> (u32, Message) {
    (
        0,
        Message::Command(status(name, transaction, "error", code)),
    )
}

const SERVER: [u8; 7] = [0, 1, 2, 3, 4, 5, 6];

fn answer(step: u8) -> (u32, Message) {
    let stream_id = Value::Number(1.0);
    match step {
        0 => (0, Message::WindowAckSize(5_000_000)),
        1 => (
            0,
            Message::SetPeerBandwidth {
                window: 4096,
                limit: 0,
            },
        ),
        2 => (0, Message::SetChunkSize(4096)),
        3 => (
            0,
            Message::Command(status(
                "_result",
                1.0,
                "status",
                "NetConnection.Connect.Success",
            )),
        ),
        4 => (
            0,
            Message::Command(Command::new("_result", 4.0, vec![stream_id])),
        ),
        5 => (
            1,
            Message::Command(status("onStatus", 0.0, "status", "NetStream.Publish.Start")),
        ),
        _ => (0, Message::UserControl(UserControl::PingRequest(7))),
    }
}

const CLIENT: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

const PLAYER: [u8; 4] = [0, 1, 3, 7];

fn ask(step: u8) -> (u32, Message) {
    let key = || vec![Value::from("key"), Value::from("live")];
    let header = [
        0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x0C, 0xFF, 0xE1, 0, 1, 0x67, 1, 0, 1, 0x68,
    ];
    match step {
        0 => (0, Message::SetChunkSize(4096)),
        1 => {
            let object = Value::object([("app", Value::from("live"))]);
            let connect = Command {
                object,
                ..Command::new("connect", 1.0, Vec::new())
            };
            (0, Message::Command(connect))
        }
        2 => (0, Message::Command(Command::new("FCPublish", 3.0, key()))),
        3 => (
            0,
            Message::Command(Command::new("createStream", 4.0, Vec::new())),
        ),
        4 => (1, Message::Command(Command::new("publish", 5.0, key()))),
        5 => (1, Message::Video(header.to_vec().into())),
        6 => (1, Message::Audio(vec![0xAF, 0, 0x11, 0x90].into())),
        _ => (1, Message::Command(Command::new("play", 6.0, key()))),
    }
}

fn messages() -> Vec<Message> {
    let controls = [
        UserControl::StreamBegin(1),
        UserControl::SetBufferLength {
            stream_id: 1,
            millis: 3000,
        },
        UserControl::PingRequest(0x0102_0304),
        UserControl::PingResponse(0x0102_0304),
    ];
    let mut messages: Vec<_> = controls.into_iter().map(Message::UserControl).collect();
    messages.extend(SERVER.map(|step| answer(step).1));
    messages.extend(CLIENT.map(|step| ask(step).1));
    messages
}

/// Markers of AMF0 that we never write: reference, date, XML, long string, typed object, AMF3.
const AMF0: &[(&str, &[u8])] = &[
    ("reference", b"\x03\0\x01a\x0a\0\0\0\x01\x07\0\0\0\0\x09"),
    ("date", b"\x0b\x42\x70\0\0\0\0\0\0\0\x3c"),
    ("xml", b"\x0f\0\0\0\x04<a/>"),
    ("long-string", b"\x0c\0\0\0\x03abc"),
    ("ecma-array", b"\x08\0\0\0\x05\0\x01a\x05\0\0\x09"),
    ("typed-object", b"\x10\0\x01T\0\x01a\x01\x01\0\0\x09"),
    ("amf3", b"\x11\x0a\x0b\x01\x03a\x06\x05hi\x01"),
    (
        "deep",
        b"\x0a\0\0\0\x01\x0a\0\0\0\x01\x0a\0\0\0\x01\x0a\0\0\0\x01\x05",
    ),
];

/// All forms of a chunk's header.
const CHUNKS: &[(&str, &[u8])] = &[
    (
        "set-chunk-size",
        b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\0\x10\0",
    ),
    (
        "deltas",
        b"\x03\0\0\x05\0\0\x01\x08\x01\0\0\0a\x43\0\0\x02\0\0\x01\x08b\x83\0\0\x02c\xc3d",
    ),
    (
        "long-ids",
        b"\x00\x01\0\0\x05\0\0\x01\x08\x01\0\0\0a\x01\0\x01\0\0\x05\0\0\x01\x08\x01\0\0\0b",
    ),
    (
        "extended",
        b"\x04\xff\xff\xff\0\0\x82\x09\x01\0\0\0\x01\0\0\0",
    ),
    (
        "abort",
        b"\x04\0\0\0\0\x01\0\x09\x01\0\0\0abc\x02\0\0\0\0\0\x04\x02\0\0\0\0\0\0\0\x04",
    ),
];

const FLV: &[(&str, &[u8])] = &[
    (
        "file",
        b"FLV\x01\x05\0\0\0\x09\0\0\0\0\x08\0\0\x04\0\0\0\0\0\0\0\xaf\0\x11\x90\0\0\0\x0f",
    ),
    (
        "avc-header",
        b"\x17\0\0\0\0\x01\x64\0\x0c\xff\xe1\0\x01\x67\x01\0\x01\x68",
    ),
    ("avc-frame", b"\x27\x01\0\0\x28\0\0\0\x02\x41\x9a"),
    ("aac-frame", b"\xaf\x01\x21\x10"),
    ("hevc-header", b"\x90hvc1\x01"),
    ("hevc-frame", b"\x91hvc1\0\0\x21\0\0\0\x02\x26\x01"),
    ("hevc-without-offset", b"\xa3hvc1\0\0\0\x02\x02\x01"),
    ("modex", b"\x97\x02\x0f\x42\x3f\x01hvc1\0\0\0"),
    ("multitrack", b"\x96\x11avc1\x00\0\0\x02ab\x01\0\0\x01c"),
    ("opus", b"\x91Opus\xfc"),
    ("sps", b"\x67\x42\xc0\x1e\xd9\x00\xa0\x47\xfe\x88"),
];

const URLS: &[&str] = &[
    "rtmp://example.org/live",
    "rtmps://user:pa%40ss@example.org:443/app/instance/key?a=b/c",
    "rtmp://[2001:db8::1]:1936/live/",
    "rtmp://[fe80::1%25eth0]/live",
    "rtmpt://example.org/live",
    "live_1234_abc",
    "  rtmp://münchen.example/live/key \r\n",
    "rtmp://a.example?x=/y",
];
