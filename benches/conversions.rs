//! What each conversion costs, in instructions, beside a plain copy of the same picture.
//!
//! ```text
//! conversions list                prints the conversions' names
//! conversions NAME FRAMES         makes so many pictures
//! conversions jpeg FILE FRAMES    decodes this JPEG picture instead of the one that FFmpeg makes for `mjpeg`
//! ```
//!
//! All make 1280×720 pictures. `cargo bench --bench conversions` counts all of them with valgrind and prints a
//! table: a few pictures and then more, and the difference divided, so that start-up does not count. Run without
//! a command, it does each once.

#[expect(dead_code, reason = "the other benches look at functions, too")]
#[path = "support/callgrind.rs"]
mod callgrind;

use std::{
    env,
    error::Error,
    fs,
    hint::black_box,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

use skywave::{
    capture::test_picture::TestPicture,
    media::{
        convert::{Converter, RawLayout, RawPicture, YuvColours},
        frame::I420,
        mjpeg::MjpegDecoder,
        pool::PicturePool,
        scale::Scaler,
    },
    units::{FrameRate, PixelSize},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["list"] => CONVERSIONS
            .iter()
            .for_each(|conversion| println!("{}", conversion.name)),
        ["jpeg", file, frames] => decode(&fs::read(file)?, frames.parse()?)?,
        ["--bench", ..] => print_table()?,
        [name, frames] => {
            let conversion = CONVERSIONS.iter().find(|known| known.name == name);
            conversion
                .ok_or_else(|| format!("there is no conversion {name}; `list` prints all"))?
                .run(frames.parse()?)?;
        }
        _ => CONVERSIONS
            .iter()
            .try_for_each(|conversion| conversion.run(1))?,
    }
    Ok(())
}

struct Conversion {
    name: &'static str,
    kind: Kind,
}

enum Kind {
    /// Row by row, as a driver's picture with gaps between rows has to be copied.
    Copy,
    Pixels(RawLayout, YuvColours),
    Jpeg,
    Scaling(PixelSize),
    TestPicture,
}

impl Conversion {
    fn run(&self, frames: u64) -> Result<(), Box<dyn Error>> {
        match self.kind {
            Kind::Copy => copy(frames),
            Kind::Pixels(layout, colours) => convert(layout, colours, frames)?,
            Kind::Jpeg => decode(&jpeg()?, frames)?,
            Kind::Scaling(from) => scale(from, frames),
            Kind::TestPicture => render(frames),
        }
        Ok(())
    }
}

fn copy(frames: u64) {
    let from = I420::black(SIZE);
    let mut to = I420::black(SIZE);
    for _ in 0..frames {
        for (from, to) in black_box(&from).planes().into_iter().zip(to.planes_mut()) {
            for (from, to) in from.chunks(ROW).zip(to.chunks_mut(ROW)) {
                to.copy_from_slice(from);
            }
        }
        black_box(&to);
    }
}

fn convert(layout: RawLayout, colours: YuvColours, frames: u64) -> Result<(), Box<dyn Error>> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut data = vec![0; 3 * SIZE.area()]; // as much as any layout needs
    random.fill(&mut data);
    let raw = RawPicture {
        size: SIZE,
        layout,
        colours,
        stride: None,
        data: &data,
    };
    let (mut converter, mut pool) = (Converter::new(), PicturePool::new(SIZE));
    for _ in 0..frames {
        let mut converted = Ok(());
        black_box(pool.picture(|picture| converted = converter.convert(black_box(&raw), picture)));
        converted?;
    }
    Ok(())
}

fn decode(jpeg: &[u8], frames: u64) -> Result<(), Box<dyn Error>> {
    let mut decoder = MjpegDecoder::new();
    for _ in 0..frames {
        black_box(decoder.decode(black_box(jpeg))?);
    }
    Ok(())
}

fn scale(from: PixelSize, frames: u64) {
    let picture = Arc::new(I420::black(from));
    let mut scaler = Scaler::new(SIZE);
    for _ in 0..frames {
        black_box(scaler.scale(black_box(&picture)));
    }
}

fn render(frames: u64) {
    let mut picture = TestPicture::new(SIZE, FrameRate::new(30));
    // Without the flash, which is one picture in ten and the cheaper one.
    for number in 0..frames {
        black_box(picture.render(3 + number % 27));
    }
}

/// A picture as a webcam compresses it: 4:2:2, about 1 bit per pixel.
fn jpeg() -> Result<Vec<u8>, Box<dyn Error>> {
    let picture = I420::clone(&TestPicture::new(SIZE, FrameRate::new(30)).render(7));
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p"])
        .args(["-s", &format!("{}x{}", SIZE.width, SIZE.height), "-i", "-"])
        .args(["-frames:v", "1", "-pix_fmt", "yuvj422p", "-q:v", "4"])
        .args(["-f", "mjpeg", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("ffmpeg makes the JPEG picture: {error}"))?;
    let stdin = ffmpeg.stdin.take();
    let writer = thread::Builder::new().spawn(move || {
        stdin.map(|mut stdin| {
            picture
                .planes()
                .into_iter()
                .try_for_each(|plane| stdin.write_all(plane))
        })
    })?;
    let output = ffmpeg.wait_with_output()?;
    if !matches!(writer.join(), Ok(Some(Ok(())))) || !output.status.success() {
        return Err("ffmpeg made no JPEG picture".into());
    }
    Ok(output.stdout)
}

fn print_table() -> Result<(), Box<dyn Error>> {
    println!("Instructions to make a 1280x720 picture:");
    println!(
        "{:<24}{:>12}{:>12}{:>14}",
        "", "per frame", "per pixel", "times a copy"
    );
    let mut copy = None;
    for Conversion { name, .. } in CONVERSIONS {
        let (few, many) = (2, 6);
        let count = (instructions(name, many)? - instructions(name, few)?) / (many - few);
        let copy = *copy.get_or_insert(count);
        println!(
            "{name:<24}{count:>12}{:>12.2}{:>14.1}",
            count as f64 / SIZE.area() as f64,
            count as f64 / copy as f64
        );
    }
    Ok(())
}

/// The instructions that this program executes to make so many pictures.
fn instructions(name: &str, frames: u64) -> Result<u64, Box<dyn Error>> {
    let arguments = [name, &frames.to_string()];
    let counts = callgrind::count(&env::current_exe()?, &arguments, Path::new("."))?;
    Ok(counts.total)
}

const SIZE: PixelSize = PixelSize::new(1280, 720);
const ROW: usize = SIZE.width as usize;

const fn pixels(name: &'static str, layout: RawLayout, colours: YuvColours) -> Conversion {
    Conversion {
        name,
        kind: Kind::Pixels(layout, colours),
    }
}

const fn scaling(name: &'static str, from: PixelSize) -> Conversion {
    Conversion {
        name,
        kind: Kind::Scaling(from),
    }
}

/// The copy is first: it is what the others are compared with.
const CONVERSIONS: &[Conversion] = &[
    Conversion {
        name: "copy",
        kind: Kind::Copy,
    },
    pixels("yuyv", RawLayout::Yuyv, YuvColours::Bt601),
    pixels("uyvy", RawLayout::Uyvy, YuvColours::Bt601),
    pixels("nv12", RawLayout::Nv12, YuvColours::Bt601),
    pixels("i420", RawLayout::I420, YuvColours::Bt601),
    pixels("yv12", RawLayout::Yv12, YuvColours::Bt601),
    pixels("yuyv-bt709", RawLayout::Yuyv, YuvColours::Bt709),
    pixels("nv12-bt709", RawLayout::Nv12, YuvColours::Bt709),
    pixels("i420-bt709", RawLayout::I420, YuvColours::Bt709),
    pixels(
        "yuyv-full-range",
        RawLayout::Yuyv,
        YuvColours::Bt601FullRange,
    ),
    pixels(
        "nv12-full-range",
        RawLayout::Nv12,
        YuvColours::Bt709FullRange,
    ),
    pixels("yuv444", RawLayout::Yuv444, YuvColours::Bt601FullRange),
    pixels("rgb", RawLayout::Rgb, YuvColours::Bt601),
    pixels("bgr", RawLayout::Bgr, YuvColours::Bt601),
    pixels("grey", RawLayout::Grey, YuvColours::Bt601),
    Conversion {
        name: "mjpeg",
        kind: Kind::Jpeg,
    },
    scaling("scale-from-1080p", PixelSize::new(1920, 1080)),
    scaling("scale-from-360p", PixelSize::new(640, 360)),
    scaling("letterbox-from-640x480", PixelSize::new(640, 480)),
    scaling("same-size", SIZE),
    Conversion {
        name: "test-picture",
        kind: Kind::TestPicture,
    },
];
