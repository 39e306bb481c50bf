//! What one second of live video costs, without a window: a camera's bytes in, RTMP's bytes out.
//!
//! ```text
//! frame write FOLDER FRAMES     writes raw 1280×720 YUYV pictures and 48 kHz stereo sound
//! frame publish FOLDER FRAMES   converts, scales, encodes (30 fps, 2500 kb/s, 128 kb/s) and muxes them
//! ```
//!
//! `benches/instructions.sh` counts the instructions of the second, beside `FFmpeg`'s for the same bytes.
//! Run without a command (as `cargo bench` and `cargo test` do), it does both for a few pictures.

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::{BufReader, BufWriter, Read, Write},
    path::Path,
    sync::Arc,
};

use skywave::{
    encode::{
        aac::AacEncoder,
        encoder::{AudioEncoder, VideoEncoder},
        h264::H264Encoder,
    },
    flv::{tag, timestamps::Timestamps},
    media::{
        convert::{Converter, RawLayout, RawPicture, YuvColours},
        packet::{AudioFormat, Packet, VideoFormat},
        pool::PicturePool,
        scale::Scaler,
    },
    rtmp::{
        chunk::{ChunkError, ChunkWriter},
        message::{MediaKind, write_media},
    },
    units::{Bitrate, FrameRate, MediaTime},
};

use material::Scene;
use units::PixelSize;

// What the moving pictures of the unit tests ask of their crate.
use skywave::{media, units};
#[expect(dead_code, reason = "only one of the scenes is published")]
#[path = "../src/encode/material.rs"]
mod material;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write", folder, frames] => write(Path::new(folder), frames.parse()?),
        ["publish", folder, frames] => publish(Path::new(folder), frames.parse()?),
        _ => {
            let folder = env::temp_dir().join(format!("skywave-bench-{}", std::process::id()));
            fs::create_dir_all(&folder)?;
            let result = write(&folder, 3).and_then(|()| publish(&folder, 3));
            fs::remove_dir_all(&folder)?;
            result
        }
    }
}

/// What a camera and a microphone would deliver.
fn write(folder: &Path, frames: u32) -> Result<(), Box<dyn Error>> {
    let mut pictures = BufWriter::new(File::create(folder.join(PICTURES))?);
    let mut sound = BufWriter::new(File::create(folder.join(SOUND))?);
    let mut random = fastrand::Rng::with_seed(1);
    for number in 0..frames {
        let picture = Scene::Camera.picture(SIZE, number);
        let [luma, blue, red] = picture.planes();
        let width = SIZE.width as usize;
        for (row, line) in luma.chunks_exact(width).enumerate() {
            let chroma = row / 2 * width / 2;
            for (column, pair) in line.chunks_exact(2).enumerate() {
                pictures.write_all(&[
                    pair[0],
                    blue[chroma + column],
                    pair[1],
                    red[chroma + column],
                ])?;
            }
        }
        for _ in 0..SAMPLES_PER_FRAME {
            sound.write_all(&random.i16(-3000..3000).to_le_bytes())?;
        }
    }
    pictures.flush()?;
    Ok(sound.flush()?)
}

/// The whole way from a camera's picture to the bytes for the socket.
fn publish(folder: &Path, frames: u32) -> Result<(), Box<dyn Error>> {
    let mut pictures = BufReader::with_capacity(1 << 20, File::open(folder.join(PICTURES))?);
    let mut sound = BufReader::new(File::open(folder.join(SOUND))?);
    let mut video = H264Encoder::new(VideoFormat {
        size: SIZE,
        frame_rate: FRAME_RATE,
        bitrate: Bitrate::from_kbps(2500),
        key_frame_interval: 60,
    })?;
    let mut audio = AacEncoder::new(
        AudioFormat {
            sample_rate: 48_000,
            channels: 2,
            bitrate: Bitrate::from_kbps(128),
        },
        MediaTime::ZERO,
    )?;
    let (mut converter, mut pool, mut scaler) =
        (Converter::new(), PicturePool::new(SIZE), Scaler::new(SIZE));
    let mut wire = Wire::new();
    let mut packets = Vec::new();
    let mut raw = vec![0; SIZE.area() * 2];
    let mut raw_samples = vec![0; SAMPLES_PER_FRAME * 2];
    let mut samples = vec![0.0; SAMPLES_PER_FRAME];
    for number in 0..frames {
        pictures.read_exact(&mut raw)?;
        let raw = RawPicture {
            size: SIZE,
            layout: RawLayout::Yuyv,
            colours: YuvColours::Bt601,
            stride: None,
            data: &raw,
        };
        let mut converted = Ok(());
        let picture = pool.picture(|picture| converted = converter.convert(&raw, picture));
        converted?;
        let picture: Arc<_> = scaler.scale(&picture);
        if let Some(packet) = video.encode(&picture, FRAME_RATE.time_of(number.into()), false)? {
            wire.send(&Packet::Video(packet))?;
        }
        sound.read_exact(&mut raw_samples)?;
        for (sample, bytes) in samples.iter_mut().zip(raw_samples.chunks_exact(2)) {
            *sample = f32::from(i16::from_le_bytes([bytes[0], bytes[1]])) / 32_768.0;
        }
        audio.encode(&samples, &mut |packet| packets.push(Packet::Audio(packet)))?;
        packets
            .drain(..)
            .try_for_each(|packet| wire.send(&packet))?;
    }
    println!(
        "{frames} frames, {} packets, {} bytes for the socket",
        wire.packets, wire.bytes
    );
    Ok(())
}

/// The muxer: FLV tags in RTMP chunks.
struct Wire {
    timestamps: Timestamps,
    chunks: ChunkWriter,
    out: Vec<u8>,
    packets: usize,
    bytes: usize,
}

impl Wire {
    fn new() -> Self {
        Self {
            timestamps: Timestamps::new(true),
            chunks: ChunkWriter::new(),
            out: Vec::new(),
            packets: 0,
            bytes: 0,
        }
    }

    fn send(&mut self, packet: &Packet) -> Result<(), ChunkError> {
        let Some(timestamp) = self.timestamps.stamp(packet) else {
            return Ok(());
        };
        let (kind, body) = match packet {
            Packet::Video(packet) => (MediaKind::Video, tag::avc_frame(packet)),
            Packet::Audio(packet) => (MediaKind::Audio, tag::aac_frame(packet)),
        };
        self.out.clear();
        write_media(kind, &body, timestamp, 1, &mut self.chunks, &mut self.out)?;
        self.packets += 1;
        self.bytes += self.out.len();
        Ok(())
    }
}

const SIZE: PixelSize = PixelSize::new(1280, 720);
const FRAME_RATE: FrameRate = FrameRate::new(30);
/// Of both channels.
const SAMPLES_PER_FRAME: usize = 2 * 48_000 / 30;
const PICTURES: &str = "pictures.yuyv";
const SOUND: &str = "sound.s16";
