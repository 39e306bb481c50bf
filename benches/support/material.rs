//! What cameras and a microphone deliver: from files, or made from nothing.

use std::{fs, io, path::Path};

use skywave::units::PixelSize;

use super::stages::{FRAME_RATE, SAMPLE_RATE, Source, Stream};

/// A short film, shown forth and back for as long as it is wanted, and sound.
pub(crate) struct Material {
    pictures: Vec<Vec<u8>>,
    /// Interleaved.
    sound: Vec<f32>,
}

impl Material {
    /// A computed scene and noise.
    pub(crate) fn made(stream: Stream) -> Self {
        let size = stream.source.delivered_size(stream.size);
        let numbers = 0..MADE as usize;
        let pictures = match stream.source {
            Source::TestPicture => Vec::new(),
            Source::Mjpeg => vec![JPEG.to_vec()],
            Source::I420 => numbers.map(|number| i420(size, number)).collect(),
            Source::Yuyv | Source::YuyvTwice => numbers.map(|number| yuyv(size, number)).collect(),
        };
        let mut random = fastrand::Rng::with_seed(1);
        let samples = SAMPLES_PER_FRAME * MADE as usize;
        Self {
            pictures,
            sound: (0..samples).map(|_| (random.f32() - 0.5) * 0.2).collect(),
        }
    }

    /// What lies in `folder`: pictures, and the sound that [`write_sound`] left there.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn read(stream: Stream, folder: &Path) -> io::Result<Self> {
        let raw = |name: &str, bytes: usize| -> io::Result<Vec<Vec<u8>>> {
            let all = fs::read(folder.join(name))?;
            Ok(all.chunks_exact(bytes).map(<[u8]>::to_vec).collect())
        };
        let area = stream.source.delivered_size(stream.size).area();
        let pictures = match stream.source {
            Source::TestPicture => Vec::new(),
            Source::Mjpeg => (1..)
                .map_while(|number| fs::read(folder.join(jpeg_name(number))).ok())
                .collect(),
            Source::I420 => raw(I420, area * 3 / 2)?,
            Source::Yuyv | Source::YuyvTwice => raw(YUYV, area * 2)?,
        };
        let sound = fs::read(folder.join(SOUND))?;
        let sound = sound.chunks_exact(2);
        Ok(Self {
            pictures,
            sound: sound
                .map(|bytes| f32::from(i16::from_le_bytes([bytes[0], bytes[1]])) / 32_768.0)
                .collect(),
        })
    }

    /// Picture `number`; `None` if there is none at all.
    pub(crate) fn picture(&self, number: u32) -> Option<&[u8]> {
        let last = self.pictures.len().checked_sub(1)?;
        let place = number as usize % (2 * last).max(1);
        let place = place.min(2 * last - place);
        self.pictures.get(place).map(Vec::as_slice)
    }

    /// The sound of picture `number`.
    pub(crate) fn sound(&self, number: u32) -> &[f32] {
        let frames = (self.sound.len() / SAMPLES_PER_FRAME).max(1);
        let start = number as usize % frames * SAMPLES_PER_FRAME;
        &self.sound[start..start + SAMPLES_PER_FRAME]
    }
}

/// Writes noise for `frames` pictures.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_sound(folder: &Path, frames: u32) -> io::Result<()> {
    let mut random = fastrand::Rng::with_seed(1);
    let samples = SAMPLES_PER_FRAME * frames as usize;
    let sound = (0..samples).flat_map(|_| random.i16(-3000..3000).to_le_bytes());
    fs::write(folder.join(SOUND), sound.collect::<Vec<u8>>())
}

/// A textured wall that a camera passes, and its noise.
#[expect(clippy::cast_possible_truncation, reason = "at most 172")]
fn luma(x: usize, y: usize, number: usize) -> u8 {
    let texture = ((x + 3 * number) / 5 * 37) ^ ((y + number) / 4 * 59);
    let noise =
        (x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663) ^ number.wrapping_mul(83_492_791))
            >> 9;
    40 + (texture % 128 + noise % 6) as u8
}

/// Of a pair of columns.
#[expect(clippy::cast_possible_truncation, reason = "at most 154")]
fn chroma(x: usize, y: usize, number: usize) -> u8 {
    100 + ((x + number) / 8 % 28 + y / 8 % 28) as u8
}

fn yuyv(size: PixelSize, number: usize) -> Vec<u8> {
    let (width, height) = (size.width as usize, size.height as usize);
    let pairs = (0..height).flat_map(|y| (0..width / 2).map(move |x| (x, y)));
    let bytes = pairs.flat_map(|(x, y)| {
        [
            luma(2 * x, y, number),
            chroma(x, y / 2, number),
            luma(2 * x + 1, y, number),
            chroma(x + 9, y / 2, number),
        ]
    });
    bytes.collect()
}

fn i420(size: PixelSize, number: usize) -> Vec<u8> {
    let (width, height) = (size.width as usize, size.height as usize);
    let places = |width, height| (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
    let luma = places(width, height).map(|(x, y)| luma(x, y, number));
    let plane =
        |shift| places(width / 2, height / 2).map(move |(x, y)| chroma(x + shift, y, number));
    luma.chain(plane(0)).chain(plane(9)).collect()
}

pub(crate) const YUYV: &str = "pictures.yuyv";
pub(crate) const I420: &str = "pictures.i420";
pub(crate) const SOUND: &str = "sound.s16";
pub(crate) fn jpeg_name(number: u32) -> String {
    format!("{number:03}.jpg")
}

/// Of both channels.
const SAMPLES_PER_FRAME: usize = (2 * SAMPLE_RATE / FRAME_RATE.fps()) as usize;
/// Pictures of a made film: few, for valgrind is slow.
const MADE: u32 = 6;
/// 320x180 pixels as a webcam compresses them, 4:2:2: `ffmpeg -f lavfi -i testsrc2=s=320x180,noise=alls=6 -frames:v 1
/// -pix_fmt yuvj422p -q:v 4 camera.jpg`.
const JPEG: &[u8] = include_bytes!("camera.jpg");
