//! What RTMP itself costs: media in, RTMP's bytes out, and back.
//!
//! ```text
//! wire copy SECONDS        copies the payload of so many seconds of media once, chunk by chunk
//! wire publish SECONDS     takes them through a publisher's session to the bytes for the socket
//! wire receive SECONDS     takes those bytes through a server's session to media again
//! ```
//!
//! All do the same work around what is measured, so that they can be compared. `cargo bench --bench wire` has
//! valgrind count and prints a table. Run without a command, as `cargo test` does, it does each for a second and
//! checks what arrives.

#[expect(dead_code, reason = "the other benches need more")]
mod support;

use std::{env, error::Error, hint::black_box, path::Path, sync::Arc};

use bytes::Bytes;
use skywave::{
    media::packet::{
        AacConfig, AudioFormat, AudioPacket, AvcConfig, Packet, StreamFormat, VideoFormat,
        VideoPacket,
    },
    rtmp::{
        receive::{self, ReceiveSession, Received},
        session::Output,
    },
    units::{Bitrate, FrameRate, MediaTime, PixelSize},
};

use support::{
    callgrind,
    session::{self, START},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["copy", seconds] => println!("{}", copy(seconds.parse()?)),
        ["publish", seconds] => println!("{}", publish(seconds.parse()?)),
        ["receive", seconds] => println!("{}", receive(seconds.parse()?)),
        _ if arguments.contains(&"--bench") => {
            if let Err(why) = print_table() {
                println!("What RTMP costs was not measured: {why}");
            }
        }
        _ => {
            let payload = copy(1);
            assert!(publish(1) > payload, "headers come on top");
            assert_eq!(receive(1), payload + tag_headers(1));
        }
    }
    Ok(())
}

/// One second of media, the same each time: 6 Mb/s of pictures with a key frame, 128 kb/s of sound.
fn second(number: u64, config: &Configs) -> impl Iterator<Item = Packet> {
    let sounds = (0..SOUNDS).map(move |index| {
        Packet::Audio(AudioPacket {
            data: config.sound.clone(),
            time: MediaTime::from_nanos((number * SOUNDS + index) * 1_000_000_000 / SOUNDS),
            config: Arc::clone(&config.aac),
        })
    });
    let pictures = (0..PICTURES).map(move |index| {
        let key_frame = index == 0;
        let time = MediaTime::from_nanos((number * PICTURES + index) * 1_000_000_000 / PICTURES);
        Packet::Video(VideoPacket {
            data: if key_frame {
                &config.key_frame
            } else {
                &config.picture
            }
            .clone(),
            time,
            captured_at: time,
            key_frame,
            disposable: false,
            config: Arc::clone(&config.avc),
        })
    });
    let mut packets: Vec<Packet> = pictures.chain(sounds).collect();
    packets.sort_by_key(Packet::time);
    packets.into_iter()
}

/// Copies each payload once, in pieces as long as a chunk: the machine's way of copying depends on the length.
/// Gives the bytes copied.
fn copy(seconds: u64) -> usize {
    let configs = Configs::new();
    let mut total = 0;
    for number in 0..seconds {
        for packet in second(number, &configs) {
            let payload = match &packet {
                Packet::Video(picture) => &picture.data,
                Packet::Audio(sound) => &sound.data,
            };
            let mut copied = Vec::with_capacity(payload.len());
            for piece in payload.chunks(CHUNK_BYTES) {
                copied.extend_from_slice(black_box(piece));
            }
            total += black_box(copied).len();
        }
    }
    total
}

/// Publishes; gives the bytes for the socket.
fn publish(seconds: u64) -> usize {
    let mut total = 0;
    publish_to(seconds, |_, bytes| total += black_box(bytes).len());
    total
}

/// Publishes and receives; gives the bytes of the tags that arrive.
fn receive(seconds: u64) -> usize {
    let mut total = 0;
    publish_to(seconds, |server, bytes| {
        for piece in bytes.chunks(READ_BYTES) {
            server.handle_input(START, receive::Input::Received(piece));
        }
        loop {
            match server.poll_output() {
                Output::Event(Received::Audio { body, .. } | Received::Video { body, .. }) => {
                    let is_header = body.get(1) == Some(&0);
                    total += if is_header { 0 } else { black_box(body).len() };
                }
                Output::Send(_) | Output::Event(_) => {}
                Output::WakeAt(_) => break,
            }
        }
    });
    total
}

/// What FLV adds to the payload: five bytes to a picture, two to a block of sound.
fn tag_headers(seconds: u64) -> usize {
    usize::try_from(seconds * (5 * PICTURES + 2 * SOUNDS)).expect("a few bytes")
}

/// Publishes media to a server in memory.
fn publish_to(seconds: u64, mut sent: impl FnMut(&mut ReceiveSession, &[u8])) {
    let (mut client, mut server) = session::accepted(FORMAT);
    let configs = Configs::new();
    for packet in (0..seconds).flat_map(|number| second(number, &configs)) {
        session::publish(&mut client, &packet, |bytes| sent(&mut server, bytes));
    }
}

/// Thousands of instructions per megabyte of payload, and times a plain copy of it.
fn print_table() -> Result<(), Box<dyn Error>> {
    let payload = (copy(SECONDS + 1) - copy(1)) as f64;
    let program = env::current_exe()?;
    let per_megabyte = |command: &str| -> Result<f64, String> {
        let count = |seconds: u64| {
            let arguments = [command, &seconds.to_string()];
            callgrind::count(&program, &arguments, Path::new("."))
        };
        let (once, more) = (count(1)?, count(SECONDS + 1)?);
        Ok((more.total - once.total) as f64 / payload * 1e3)
    };
    let (copy, publish) = (per_megabyte("copy")?, per_megabyte("publish")?);
    let receive = per_megabyte("receive")? - publish;
    println!(
        "| thousand instructions per megabyte of media | | times a plain copy |\n|---|---|---|"
    );
    for (name, count) in [
        ("plain copy", copy),
        ("publishing, media to RTMP", publish),
        ("receiving, RTMP to media", receive),
    ] {
        println!("| {name} | {count:.1} | {:.2} |", count / copy);
    }
    Ok(())
}

/// What all packets share.
struct Configs {
    avc: Arc<AvcConfig>,
    aac: Arc<AacConfig>,
    key_frame: Bytes,
    picture: Bytes,
    sound: Bytes,
}

impl Configs {
    fn new() -> Self {
        Self {
            avc: Arc::new(AvcConfig {
                sps: Bytes::from_static(&[0x67, 0x64, 0, 0x1F, 0xAC]),
                pps: Bytes::from_static(&[0x68, 0xEE]),
            }),
            aac: Arc::new(AacConfig {
                specific_config: Bytes::from_static(&[0x11, 0x90]),
                sample_rate: 48_000,
                channels: 2,
            }),
            key_frame: vec![7; 140_000].into(),
            picture: vec![7; 21_000].into(),
            sound: vec![7; 341].into(),
        }
    }
}

const SECONDS: u64 = 16;
const PICTURES: u64 = 30;
const SOUNDS: u64 = 47;
/// RTMP's chunks, as the session sends them.
const CHUNK_BYTES: usize = 4096;
/// What the receiver reads at once.
const READ_BYTES: usize = 64 * 1024;
const FORMAT: StreamFormat = StreamFormat {
    video: Some(VideoFormat {
        size: PixelSize::new(1280, 720),
        frame_rate: FrameRate::new(30),
        bitrate: Bitrate::from_kbps(6_000),
        key_frame_interval: 30,
    }),
    audio: AudioFormat {
        sample_rate: 48_000,
        channels: 2,
        bitrate: Bitrate::from_kbps(128),
    },
};
