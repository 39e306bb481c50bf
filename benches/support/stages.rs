//! The way from a source's bytes to the bytes for the socket, on one thread and without a window: the program's
//! own code, each stage in a function of its own, by whose names callgrind tells what it executes.

use std::{
    error::Error,
    hint::black_box,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use skywave::{
    capture::{
        camera::{DeliveredPicture, Pictures},
        test_picture::TestPicture,
    },
    encode::{
        aac::AacEncoder,
        encoder::{AudioEncoder, VideoEncoder},
        h264::H264Encoder,
    },
    engine::{
        outputs::{Output, Outputs},
        program::Shown,
    },
    media::{
        convert::{RawLayout, RawPicture, YuvColours},
        frame::I420,
        packet::{AudioFormat, Packet, StreamFormat, VideoFormat},
        scale::Scaler,
    },
    rtmp::publish::PublishSession,
    units::{Bitrate, FrameRate, MediaTime, PixelSize},
};

use super::{material::Material, session};

/// Where pictures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A camera that delivers YUYV in BT.601.
    Yuyv,
    /// The same, of twice the width and height.
    YuyvTwice,
    /// A camera that delivers I420 as the encoder wants it.
    I420,
    /// A camera that delivers Motion JPEG.
    Mjpeg,
    /// The test picture.
    TestPicture,
}

impl Source {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::Yuyv,
        Self::YuyvTwice,
        Self::I420,
        Self::Mjpeg,
        Self::TestPicture,
    ];

    /// Its name in arguments and records.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Yuyv => "yuyv",
            Self::YuyvTwice => "yuyv-twice",
            Self::I420 => "i420",
            Self::Mjpeg => "mjpeg",
            Self::TestPicture => "test-picture",
        }
    }

    /// The size of what it delivers for an output of `size`.
    pub(crate) const fn delivered_size(self, size: PixelSize) -> PixelSize {
        match self {
            Self::YuyvTwice => PixelSize::new(2 * size.width, 2 * size.height),
            _ => size,
        }
    }
}

/// The stages in their order: what people read, and the function to count.
pub(crate) const STAGES: [(&str, &str); 5] = [
    ("capture", "stage_capture"),
    ("program", "stage_program"),
    ("video", "stage_video"),
    ("audio", "stage_audio"),
    ("mux", "stage_mux"),
];

/// A plain copy of the picture, row by row, to compare the stages with.
pub(crate) const COPY: &str = "plain_copy";

/// A stream to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    pub(crate) source: Source,
    pub(crate) size: PixelSize,
    pub(crate) bitrate: Bitrate,
}

impl Stream {
    /// The arguments of [`command`] that publish it; without a folder, of made material.
    pub(crate) fn arguments(&self, folder: Option<&Path>, frames: u32) -> [String; 7] {
        [
            "publish".to_owned(),
            self.source.name().to_owned(),
            self.size.width.to_string(),
            self.size.height.to_string(),
            self.bitrate.bps().to_string(),
            frames.to_string(),
            folder.map_or_else(String::new, |folder| folder.to_string_lossy().into_owned()),
        ]
    }
}

/// Does what [`Stream::arguments`] say.
///
/// # Errors
/// When the arguments are others, or a file or a codec fails.
pub(crate) fn command(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let [_, source, width, height, bits, frames, folder] = arguments[..] else {
        return Err("publish SOURCE WIDTH HEIGHT BITS FRAMES FOLDER".into());
    };
    let source = Source::ALL.into_iter().find(|known| known.name() == source);
    let stream = Stream {
        source: source.ok_or("there is no such source")?,
        size: PixelSize::new(width.parse()?, height.parse()?),
        bitrate: Bitrate::from_bps(bits.parse()?),
    };
    let material = if folder.is_empty() {
        Material::made(stream)
    } else {
        Material::read(stream, Path::new(folder))?
    };
    let frames = frames.parse()?;
    let bytes = publish(stream, &material, frames)?;
    println!("{frames} pictures, {bytes} bytes for the socket");
    Ok(())
}

/// Publishes `frames` pictures of `material` and their sound; gives the bytes for the socket.
///
/// # Errors
/// When a codec fails.
pub(crate) fn publish(
    stream: Stream,
    material: &Material,
    frames: u32,
) -> Result<usize, Box<dyn Error>> {
    let format = StreamFormat {
        video: Some(VideoFormat {
            size: stream.size,
            frame_rate: FRAME_RATE,
            bitrate: stream.bitrate,
            key_frame_interval: 2 * FRAME_RATE.fps(),
        }),
        audio: AudioFormat {
            sample_rate: SAMPLE_RATE,
            channels: 2,
            bitrate: Bitrate::from_kbps(128),
        },
    };
    let mut capture = Capture::new(stream);
    let mut program = (Shown::default(), Scaler::new(stream.size));
    let mut video = H264Encoder::new(format.video.ok_or("there is video")?)?;
    let mut audio = AacEncoder::new(format.audio, MediaTime::ZERO)?;
    let wire = Arc::new(Wire::new(format));
    let outputs = Outputs::new(true);
    outputs.attach(Arc::clone(&wire) as Arc<dyn Output>);
    let mut packets = Vec::new();
    let mut copy = I420::black(stream.size);
    for number in 0..frames {
        let captured = stage_capture(&mut capture, material, number)?;
        let picture = stage_program(&mut program, captured);
        if let Some(packet) = stage_video(&mut video, &picture, number)? {
            stage_mux(&outputs, packet);
        }
        stage_audio(&mut audio, material.sound(number), &mut packets)?;
        for packet in packets.drain(..) {
            stage_mux(&outputs, packet);
        }
        plain_copy(&picture, &mut copy);
    }
    Ok(wire.bytes())
}

/// From the driver's bytes to a picture.
#[inline(never)]
fn stage_capture(
    capture: &mut Capture,
    material: &Material,
    number: u32,
) -> Result<Arc<I420>, Box<dyn Error>> {
    capture.picture(material, number)
}

/// From the source's picture to the program's.
#[inline(never)]
fn stage_program(program: &mut (Shown, Scaler), captured: Arc<I420>) -> Arc<I420> {
    let (shown, scaler) = program;
    black_box(shown.picture(captured, scaler).0)
}

#[inline(never)]
fn stage_video(
    encoder: &mut H264Encoder,
    picture: &I420,
    number: u32,
) -> Result<Option<Packet>, Box<dyn Error>> {
    let time = FRAME_RATE.time_of(number.into());
    Ok(encoder.encode(picture, time, false)?.map(Packet::Video))
}

#[inline(never)]
fn stage_audio(
    encoder: &mut AacEncoder,
    samples: &[f32],
    packets: &mut Vec<Packet>,
) -> Result<(), Box<dyn Error>> {
    Ok(encoder.encode(samples, &mut |packet| packets.push(Packet::Audio(packet)))?)
}

/// Into one order with the other track, FLV tags, RTMP chunks.
#[inline(never)]
fn stage_mux(outputs: &Outputs, packet: Packet) {
    outputs.write(packet);
}

#[inline(never)]
fn plain_copy(from: &I420, to: &mut I420) {
    let row = from.size().width as usize;
    for (from, to) in from.planes().into_iter().zip(to.planes_mut()) {
        for (from, to) in from.chunks(row).zip(to.chunks_mut(row)) {
            to.copy_from_slice(black_box(from));
        }
    }
    black_box(to);
}

/// A source without its device.
enum Capture {
    Camera {
        layout: Option<(RawLayout, YuvColours)>,
        size: PixelSize,
        pictures: Box<Pictures>,
    },
    TestPicture(Box<TestPicture>),
}

impl Capture {
    fn new(stream: Stream) -> Self {
        let layout = match stream.source {
            Source::Yuyv | Source::YuyvTwice => Some((RawLayout::Yuyv, YuvColours::Bt601)),
            Source::I420 => Some((RawLayout::I420, YuvColours::Bt709)),
            Source::Mjpeg => None,
            Source::TestPicture => {
                return Self::TestPicture(Box::new(TestPicture::new(stream.size, FRAME_RATE)));
            }
        };
        Self::Camera {
            layout,
            size: stream.source.delivered_size(stream.size),
            pictures: Box::new(Pictures::new()),
        }
    }

    fn picture(&mut self, material: &Material, number: u32) -> Result<Arc<I420>, Box<dyn Error>> {
        match self {
            Self::Camera {
                layout,
                size,
                pictures,
            } => {
                let data = material.picture(number).ok_or("there are no pictures")?;
                let delivered = match *layout {
                    Some((layout, colours)) => DeliveredPicture::Raw(RawPicture {
                        size: *size,
                        layout,
                        colours,
                        stride: None,
                        data,
                    }),
                    None => DeliveredPicture::Jpeg(data),
                };
                Ok(pictures.convert(&delivered)?)
            }
            // From one that is not the flash, which is one picture in ten and the cheaper one.
            Self::TestPicture(test) => Ok(test.render(u64::from(number) + 3)),
        }
    }
}

/// The socket's end of a publisher.
struct Wire {
    inner: Mutex<(PublishSession, usize)>,
}

impl Wire {
    fn new(format: StreamFormat) -> Self {
        let (client, _server) = session::accepted(format);
        Self {
            inner: Mutex::new((client, 0)),
        }
    }

    fn bytes(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

impl Output for Wire {
    fn write(&self, packet: Packet) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (client, total) = &mut *inner;
        session::publish(client, &packet, |bytes| *total += black_box(bytes).len());
    }
}

pub(crate) const FRAME_RATE: FrameRate = FrameRate::new(30);
pub(crate) const SAMPLE_RATE: u32 = 48_000;
