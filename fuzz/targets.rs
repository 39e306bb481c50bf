//! What is done with arbitrary bytes, and what must hold whatever they are. Each function is a fuzz target; the
//! program's own tests run them over the seeds in `corpus/`.

use std::{io::Cursor, sync::Arc};

use bytes::Bytes;
use skywave::{
    amf0,
    flv::{
        avc, enhanced,
        file::{FlvReader, FlvTag, TagKind},
        sps::Sps,
        tag::{self, AudioTag, VideoTag},
    },
    media::{
        mjpeg::MjpegDecoder,
        packet::{
            AacConfig, AudioFormat, AudioPacket, AvcConfig, Packet, StreamFormat, VideoFormat,
            VideoPacket,
        },
    },
    rtmp::{
        chunk::{ChunkReader, RawMessage},
        handshake::{ClientHandshake, ServerHandshake},
        message::{Message, aggregate},
        options::{HandshakeForm, SessionOptions},
        publish::{self, PublishConfig, PublishSession},
        receive::{self, Gate, ReceivePolicy, ReceiveSession, Received},
        session::Output,
        url::{Credentials, ServerUrl, split_paste},
    },
    secret::Secret,
    units::{Bitrate, FrameRate, MediaTime, PixelSize},
};

/// AMF0: what was read is written and read as the same.
pub(crate) fn amf0(data: &[u8]) {
    let (values, _) = amf0::read_leading_values(data);
    let _ = amf0::read_values(data);
    let written = |values: &[amf0::Value]| {
        let mut out = Vec::new();
        for value in values {
            amf0::write_value(value, &mut out);
        }
        out
    };
    let once = written(&values);
    let again = amf0::read_values(&once).expect("what was written can be read");
    // Compared as bytes: a number that is none is not equal to itself.
    assert_eq!(written(&again), once);
}

/// Chunks: the messages are the same however the bytes are cut, and no longer than the bytes.
pub(crate) fn chunks(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else {
        return;
    };
    let read = |piece: usize| {
        let mut reader = ChunkReader::new();
        let mut messages = Vec::new();
        for part in bytes.chunks(piece) {
            reader.push(part);
            loop {
                match reader.next_message() {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(error) => return (messages, Some(error)),
                }
            }
        }
        (messages, None)
    };
    let whole = read(bytes.len().max(1));
    assert_eq!(whole, read(usize::from(cut).max(1)));
    let payload: usize = whole.0.iter().map(|message| message.payload.len()).sum();
    assert!(payload <= bytes.len());
}

/// Messages: what was read is written and read as the same.
pub(crate) fn messages(data: &[u8]) {
    let Some((&type_id, payload)) = data.split_first() else {
        return;
    };
    let raw = |payload: Bytes, type_id: u8| RawMessage {
        chunk_stream: 3,
        timestamp: 0,
        type_id,
        stream_id: 0,
        payload,
    };
    let payload = Bytes::copy_from_slice(payload);
    let whole = raw(payload.clone(), type_id);
    let parts = aggregate::parts(&whole).map_while(Result::ok);
    let parts: usize = parts.map(|part| part.payload.len()).sum();
    assert!(parts <= payload.len());

    let read = |payload, type_id| Message::parse(&raw(payload, type_id));
    let Ok(message) = read(payload, type_id) else {
        return;
    };
    let once = message.payload();
    let again = read(once.clone(), message.type_id()).expect("what was written can be read");
    assert_eq!(again.payload(), once);
    assert_eq!(again.type_id(), message.type_id());
}

/// FLV: files, tags, and what is in them.
pub(crate) fn flv(data: &[u8]) {
    if let Ok(mut reader) = FlvReader::new(Cursor::new(data)) {
        let mut bodies = 0;
        while let Ok(Some(tag)) = reader.next_tag() {
            bodies += tag.body.len();
            tag_bodies(&tag.body);
        }
        assert!(bodies <= data.len());
    }
    tag_bodies(&Bytes::copy_from_slice(data));
    let _ = Sps::parse(data);
    let _ = avc::parse_configuration(&Bytes::copy_from_slice(data));
    let units: usize = avc::annex_b_nal_units(data).map(<[u8]>::len).sum();
    assert!(units <= data.len());
}

fn tag_bodies(body: &Bytes) {
    let _ = VideoTag::parse(body);
    let _ = AudioTag::parse(body);
    let _ = tag::kind_of_video(body);
    let _ = tag::kind_of_audio(body);
    let _ = enhanced::metadata(body);
    // What belongs to the tracks is part of the body.
    let pictures = tag::video_tracks(body).unwrap_or_default();
    let sounds = tag::audio_tracks(body).unwrap_or_default();
    let pictures: usize = pictures.iter().map(|track| track.data.len()).sum();
    let sounds: usize = sounds.iter().map(|track| track.data.len()).sum();
    assert!(pictures <= body.len() && sounds <= body.len());
}

/// Addresses: one that is understood names a server that is understood the same way, and nothing pasted is lost.
pub(crate) fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(url) = ServerUrl::parse(text) {
        let again = ServerUrl::parse(&url.tc_url()).expect("a server's address can be read again");
        // Which network leads there (`%eth0`) is not the server's business.
        let (host, _) = url.host.split_once('%').unwrap_or((&url.host, ""));
        assert_eq!(
            (again.scheme, &*again.host, again.port, &again.app),
            (url.scheme, host, url.port, &url.app)
        );
        assert_eq!(again.credentials, None);
    }
    if let Ok(pasted) = split_paste(text) {
        ServerUrl::parse(&pasted.server).expect("the server's part is an address");
    }
}

/// A camera's pictures: each comes out the same whatever came before it. The first two bytes tell how long the first
/// of two pictures is.
pub(crate) fn mjpeg(data: &[u8]) {
    let Some((length, pictures)) = data.split_first_chunk() else {
        return;
    };
    let length = usize::from(u16::from_be_bytes(*length));
    let (before, picture) = pictures.split_at(length.min(pictures.len()));
    let mut decoder = MjpegDecoder::new();
    let _ = decoder.decode(before);
    let after = decoder.decode(picture);
    let alone = MjpegDecoder::new().decode(picture);
    assert!(after == alone, "not the same picture");
}

/// The publisher's side against a server that may say anything at any moment.
pub(crate) fn publisher(data: &[u8]) {
    let mut script = Script { data };
    let mut session = PublishSession::new(at(0), config(script.byte()));
    let mut now = 0;
    let mut ends = 0;
    let mut sent = 0;
    let plain_greeting = script.byte() & 1 == 0;
    if plain_greeting {
        session.handle_input(at(0), publish::Input::Received(&greeting_of_a_server()));
    }
    for frame in 0.. {
        loop {
            match session.poll_output() {
                Output::Send(bytes) => sent += bytes.len(),
                Output::Event(event) => ends += usize::from(ends_publishing(&event)),
                Output::WakeAt(_) => break,
            }
        }
        let Some(&step) = script.data.first() else {
            break;
        };
        script.data = &script.data[1..];
        match step {
            0..=0xBF => {
                let bytes = script.take(usize::from(step));
                session.handle_input(at(now), publish::Input::Received(bytes));
            }
            0xC0..=0xCF => now += u64::from(step & 0xF) * 700,
            0xD0..=0xDF => {
                let picture = picture(now, frame % 3 == 0, b"\0\0\0\x01\x65");
                session.handle_input(at(now), publish::Input::Media(&picture));
            }
            0xE0 => session.handle_input(at(now), publish::Input::PeerClosed),
            0xE1 => session.handle_input(at(now), publish::Input::Close),
            0xE2 => session.handle_input(at(now), publish::Input::Arrived),
            _ => session.handle_input(at(now), publish::Input::Tick),
        }
    }
    assert!(ends <= 1, "it ended {ends} times");
    assert!(
        sent <= 40_000 + 64 * data.len(),
        "{sent} bytes sent in answer to {}",
        data.len()
    );
}

/// The server's side against a client that may say anything at any moment.
pub(crate) fn receiver(data: &[u8]) {
    let mut script = Script { data };
    let mut session = ReceiveSession::new(at(0), policy(script.byte()), 7);
    if script.byte() & 1 == 0 {
        session.handle_input(at(0), receive::Input::Received(&greeting_of_a_client()));
    }
    let mut now = 0;
    let mut ends = 0;
    loop {
        loop {
            match session.poll_output() {
                Output::Send(_) => {}
                Output::Event(event) => {
                    ends += usize::from(matches!(event, Received::Ended { .. }));
                }
                Output::WakeAt(_) => break,
            }
        }
        let Some(&step) = script.data.first() else {
            break;
        };
        script.data = &script.data[1..];
        let tag;
        let input = match step {
            0..=0xDF => receive::Input::Received(script.take(usize::from(step))),
            0xE0..=0xEF => {
                now += u64::from(step & 0xF) * 3_000;
                receive::Input::Tick
            }
            0xF0 => receive::Input::PeerClosed,
            0xF1 => receive::Input::PeerStuck,
            0xF2 => receive::Input::Evicted,
            0xF3 => receive::Input::StreamBegan,
            0xF4 => receive::Input::StreamEnded,
            _ => {
                let kinds = [TagKind::Audio, TagKind::Video, TagKind::Script];
                tag = FlvTag {
                    kind: kinds[usize::from(step) % kinds.len()],
                    timestamp: u32::from(script.byte()) << 24,
                    body: Bytes::copy_from_slice(script.take(12)),
                };
                receive::Input::Media(&tag)
            }
        };
        session.handle_input(at(now), input);
    }
    assert!(ends <= 1, "it ended {ends} times");
}

/// Both sides against each other: whatever the pieces, what is published arrives, in order and unchanged.
pub(crate) fn sessions(data: &[u8]) {
    let mut script = Script { data };
    let mut client = PublishSession::new(at(0), config(script.byte()));
    let mut server = ReceiveSession::new(at(0), ReceivePolicy::default(), 7);
    let mut published = Vec::new();
    let mut arrived = Vec::new();
    let mut accepted = false;
    let mut closed = false;
    let mut now = 0;
    loop {
        let mut quiet = false;
        while !quiet {
            quiet = true;
            loop {
                match client.poll_output() {
                    Output::Send(bytes) => {
                        quiet = false;
                        let piece = usize::from(script.byte()).max(1);
                        for part in bytes.chunks(piece) {
                            server.handle_input(at(now), receive::Input::Received(part));
                        }
                    }
                    Output::Event(publish::Event::Accepted) => accepted = true,
                    Output::Event(publish::Event::Closed) => closed = true,
                    Output::Event(publish::Event::Failed(failure)) => panic!("{failure}"),
                    Output::Event(_) => {}
                    Output::WakeAt(_) => break,
                }
            }
            loop {
                match server.poll_output() {
                    Output::Send(bytes) => {
                        quiet = false;
                        let piece = usize::from(script.byte()).max(1);
                        for part in bytes.chunks(piece) {
                            client.handle_input(at(now), publish::Input::Received(part));
                        }
                    }
                    Output::Event(Received::Audio { body, .. } | Received::Video { body, .. }) => {
                        // Behind the header of a tag, and only what a packet holds.
                        if body.get(1) == Some(&1) {
                            let header = if body[0] >> 4 == 0xA { 2 } else { 5 };
                            arrived.push(body.slice(header..));
                        }
                    }
                    Output::Event(Received::Ended { because }) => assert_eq!(because, None),
                    Output::Event(_) => {}
                    Output::WakeAt(_) => break,
                }
            }
        }
        assert!(accepted, "the server takes any stream");
        if closed {
            break;
        }
        let Some(&step) = script.data.first() else {
            client.handle_input(at(now), publish::Input::Close);
            continue;
        };
        script.data = &script.data[1..];
        now += u64::from(step & 0x3F);
        let length = usize::from(script.byte()) * usize::from(step >> 6).pow(4);
        let bytes: Vec<u8> = (0..length).map(|index| index.to_le_bytes()[0]).collect();
        let packet = if step & 1 == 0 {
            sound(now, &bytes)
        } else {
            picture(now, published.is_empty() || step & 2 == 0, &bytes)
        };
        let begun = client.has_begun();
        client.handle_input(at(now), publish::Input::Media(&packet));
        if begun || client.has_begun() {
            published.push(Bytes::from(bytes));
        }
    }
    assert_eq!(arrived, published);
}

/// Bytes that are consumed from the front; zeros where they end.
struct Script<'a> {
    data: &'a [u8],
}

impl<'a> Script<'a> {
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (now, later) = self.data.split_at(count.min(self.data.len()));
        self.data = later;
        now
    }
}

fn ends_publishing(event: &publish::Event) -> bool {
    use publish::Event as E;
    matches!(event, E::Failed(_) | E::Closed | E::Onward(_))
}

fn greeting_of_a_server() -> Vec<u8> {
    let mut client = Vec::new();
    let mut server = Vec::new();
    ClientHandshake::new(HandshakeForm::Simple, 1, &mut client);
    let mut handshake = ServerHandshake::new(2);
    handshake
        .receive(&client, &mut server)
        .expect("a client's own greeting");
    server
}

fn greeting_of_a_client() -> Vec<u8> {
    let mut client = Vec::new();
    ClientHandshake::new(HandshakeForm::Simple, 1, &mut client);
    // C2 is not compared with S1.
    client.extend([0; 1536]);
    client
}

/// A configuration that varies with `choice`.
fn config(choice: u8) -> PublishConfig {
    let address = if choice & 1 == 0 {
        "rtmp://example.org/live"
    } else {
        "rtmps://me:secret@example.org/live/instance?a=b"
    };
    PublishConfig {
        server: ServerUrl::parse(address).expect("a good address"),
        key: Secret::new("key?a=b"),
        options: SessionOptions {
            handshake: if choice & 2 == 0 {
                HandshakeForm::Simple
            } else {
                HandshakeForm::Digest
            },
            enhanced: choice & 4 == 0,
            connect_arguments: Vec::new(),
        },
        login: None,
        format: StreamFormat {
            video: Some(VideoFormat {
                size: PixelSize::new(320, 180),
                frame_rate: FrameRate::new(15),
                bitrate: Bitrate::from_kbps(300),
                key_frame_interval: 15,
            }),
            audio: AudioFormat {
                sample_rate: 48_000,
                channels: 2,
                bitrate: Bitrate::from_kbps(64),
            },
        },
        was_live: choice & 8 == 0,
        ack_window: 100_000,
        seed: 1,
    }
}

fn policy(choice: u8) -> ReceivePolicy {
    ReceivePolicy {
        app: (choice & 1 == 1).then(|| "live".to_owned()),
        key: (choice & 2 == 2).then(|| Secret::new("key")),
        login: (choice & 4 == 4)
            .then(|| Gate::new(Credentials::from_user_info("me:secret"), [7; 32])),
    }
}

fn picture(millis: u64, key_frame: bool, bytes: &[u8]) -> Packet {
    Packet::Video(VideoPacket {
        data: Bytes::copy_from_slice(bytes),
        time: at(millis),
        captured_at: at(millis),
        key_frame,
        disposable: false,
        config: Arc::new(AvcConfig {
            sps: Bytes::from_static(&[0x67, 0x64, 0, 0x0C, 0xAC]),
            pps: Bytes::from_static(&[0x68, 0xEE]),
        }),
    })
}

fn sound(millis: u64, bytes: &[u8]) -> Packet {
    Packet::Audio(AudioPacket {
        data: Bytes::copy_from_slice(bytes),
        time: at(millis),
        config: Arc::new(AacConfig {
            specific_config: Bytes::from_static(&[0x11, 0x90]),
            sample_rate: 48_000,
            channels: 2,
        }),
    })
}

fn at(millis: u64) -> MediaTime {
    MediaTime::from_millis(millis)
}
