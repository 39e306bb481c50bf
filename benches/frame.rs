//! What one second of live video costs, without a window: picture to H.264, sound to AAC.
//!
//! ```text
//! frame write FILE FRAMES [camera|bars|noise]   writes raw 1280×720 I420 pictures
//! frame encode FILE FRAMES                      encodes them at 30 fps and 2500 kb/s, with sound
//! ```
//!
//! `benches/instructions.sh` counts the instructions of the second, beside FFmpeg's for the same pictures.
//! Run without a command (as `cargo bench` and `cargo test` do), it encodes a few pictures of its own.

use std::{
    env,
    error::Error,
    fs::File,
    io::{BufReader, BufWriter, Read, Write},
};

use skywave::{
    encode::{
        aac::AacEncoder,
        encoder::{AudioEncoder, VideoEncoder},
        h264::H264Encoder,
    },
    media::packet::{AudioFormat, VideoFormat},
    units::{Bitrate, FrameRate, MediaTime},
};

use material::Scene;
use media::frame::I420;
use units::PixelSize;

// What the moving pictures of the unit tests ask of their crate.
use skywave::{media, units};
#[path = "../src/encode/material.rs"]
mod material;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write", file, frames] => write(file, frames.parse()?, Scene::Camera),
        ["write", file, frames, scene] => write(file, frames.parse()?, scene_named(scene)?),
        ["encode", file, frames] => {
            let mut file = BufReader::with_capacity(1 << 20, File::open(file)?);
            encode(frames.parse()?, |picture, _| {
                picture
                    .planes_mut()
                    .into_iter()
                    .try_for_each(|plane| file.read_exact(plane))
            })
        }
        _ => encode(3, |picture, number| {
            *picture = Scene::Camera.picture(SIZE, number);
            Ok(())
        }),
    }
}

fn write(file: &str, frames: u32, scene: Scene) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(file)?);
    for number in 0..frames {
        for plane in scene.picture(SIZE, number).planes() {
            file.write_all(plane)?;
        }
    }
    Ok(file.flush()?)
}

fn encode(
    frames: u32,
    mut fill: impl FnMut(&mut I420, u32) -> std::io::Result<()>,
) -> Result<(), Box<dyn Error>> {
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
    let mut random = fastrand::Rng::with_seed(1);
    let mut samples = vec![0.0; 2 * 48_000 / FRAME_RATE.fps() as usize];
    let mut picture = I420::black(SIZE);
    let (mut video_bytes, mut audio_bytes, mut left_out) = (0, 0, 0);
    for number in 0..frames {
        fill(&mut picture, number)?;
        match video.encode(&picture, FRAME_RATE.time_of(number.into()), false)? {
            Some(packet) => video_bytes += packet.data.len(),
            None => left_out += 1,
        }
        samples.fill_with(|| random.f32() * 0.2 - 0.1);
        audio.encode(&samples, &mut |packet| audio_bytes += packet.data.len())?;
    }
    println!(
        "{frames} frames, {left_out} left out, {video_bytes} bytes of video, {audio_bytes} of audio"
    );
    Ok(())
}

fn scene_named(name: &str) -> Result<Scene, String> {
    match name {
        "camera" => Ok(Scene::Camera),
        "bars" => Ok(Scene::Bars),
        "noise" => Ok(Scene::Noise),
        _ => Err(format!("{name} is not camera, bars or noise")),
    }
}

const SIZE: PixelSize = PixelSize::new(1280, 720);
const FRAME_RATE: FrameRate = FrameRate::new(30);
