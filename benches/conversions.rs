//! What each conversion costs, in instructions, beside a plain copy of as many bytes as it reads and writes.
//!
//! ```text
//! conversions list                prints the conversions' names
//! conversions NAME FRAMES         makes so many pictures
//! conversions jpeg FILE FRAMES    decodes this JPEG picture instead of the one that FFmpeg makes for `mjpeg`
//! ```
//!
//! `cargo bench --bench conversions` counts all of them with valgrind and prints a table; `SKYWAVE_WRITE_PAGES=1`
//! writes it into README.md as well. A few pictures are counted and then more, and the difference is divided, so that
//! start-up does not count. Run without a command, it does each once.

#[expect(dead_code, reason = "the other benches look at functions, too")]
#[path = "support/callgrind.rs"]
mod callgrind;
#[path = "support/page.rs"]
mod page;

use std::{
    env,
    error::Error,
    fmt::Write as _,
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
        ["--bench", ..] => {
            let table = table()?;
            print!("{table}");
            page::write("conversions", &table)?;
        }
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
    what: &'static str,
    kind: Kind,
}

enum Kind {
    /// Row by row, as a driver's picture with gaps between rows has to be copied.
    Copy,
    /// From a size to the same.
    Pixels(RawLayout, YuvColours, PixelSize),
    Jpeg,
    /// From a size to another.
    Scaling(PixelSize, PixelSize),
    TestPicture,
}

impl Conversion {
    fn run(&self, frames: u64) -> Result<(), Box<dyn Error>> {
        match self.kind {
            Kind::Copy => copy(frames),
            Kind::Pixels(layout, colours, size) => convert(layout, colours, size, frames)?,
            Kind::Jpeg => decode(&jpeg()?, frames)?,
            Kind::Scaling(from, to) => scale(from, to, frames),
            Kind::TestPicture => render(frames),
        }
        Ok(())
    }

    /// Instructions for a picture, and bytes that it is read from and written to.
    fn count(&self) -> Result<(f64, f64), Box<dyn Error>> {
        let [few, many] = [FEW, MANY].map(|frames| instructions(self.name, frames));
        let count = (many? - few?) as f64 / (MANY - FEW) as f64;
        Ok((count, self.bytes()? as f64))
    }

    /// Bytes that are read and written.
    fn bytes(&self) -> Result<usize, Box<dyn Error>> {
        let i420 = |size: PixelSize| size.area() * 3 / 2;
        Ok(match self.kind {
            Kind::Copy | Kind::TestPicture => 2 * i420(HD),
            Kind::Pixels(layout, _, size) => i420(size) + raw_bytes(layout, size),
            Kind::Jpeg => i420(HD) + jpeg()?.len(),
            Kind::Scaling(from, to) => i420(from) + i420(to),
        })
    }
}

const fn raw_bytes(layout: RawLayout, size: PixelSize) -> usize {
    match layout {
        RawLayout::Yuyv | RawLayout::Uyvy => 2 * size.area(),
        RawLayout::Nv12 | RawLayout::I420 | RawLayout::Yv12 => size.area() * 3 / 2,
        RawLayout::Yuv444 | RawLayout::Rgb | RawLayout::Bgr => 3 * size.area(),
        RawLayout::Grey => size.area(),
    }
}

fn copy(frames: u64) {
    let from = I420::black(HD);
    let mut to = I420::black(HD);
    for _ in 0..frames {
        for (from, to) in black_box(&from).planes().into_iter().zip(to.planes_mut()) {
            for (from, to) in from
                .chunks(HD.width as usize)
                .zip(to.chunks_mut(HD.width as usize))
            {
                to.copy_from_slice(from);
            }
        }
        black_box(&to);
    }
}

fn convert(
    layout: RawLayout,
    colours: YuvColours,
    size: PixelSize,
    frames: u64,
) -> Result<(), Box<dyn Error>> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut data = vec![0; raw_bytes(layout, size)];
    random.fill(&mut data);
    let raw = RawPicture {
        size,
        layout,
        colours,
        stride: None,
        data: &data,
    };
    let (mut converter, mut pool) = (Converter::new(), PicturePool::new(size));
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

fn scale(from: PixelSize, to: PixelSize, frames: u64) {
    let picture = Arc::new(I420::black(from));
    let mut scaler = Scaler::new(to);
    for _ in 0..frames {
        black_box(scaler.scale(black_box(&picture)));
    }
}

fn render(frames: u64) {
    let mut picture = TestPicture::new(HD, FrameRate::new(30));
    // Without the flash, which is one picture in ten and the cheaper one.
    for number in 0..frames {
        black_box(picture.render(3 + number % 27));
    }
}

/// A picture as a webcam compresses it: 4:2:2, about 1 bit per pixel.
fn jpeg() -> Result<Vec<u8>, Box<dyn Error>> {
    let picture = I420::clone(&TestPicture::new(HD, FrameRate::new(30)).render(7));
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p"])
        .args(["-s", &format!("{}x{}", HD.width, HD.height), "-i", "-"])
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

fn table() -> Result<String, Box<dyn Error>> {
    let mut table = String::from("| picture | k instructions | plain copies |\n|---|---:|---:|\n");
    let mut copy_per_byte = None;
    for conversion in CONVERSIONS {
        let what = conversion.what;
        match conversion.count() {
            Ok((count, bytes)) => {
                let per_byte = count / bytes;
                let copies = per_byte / *copy_per_byte.get_or_insert(per_byte);
                writeln!(table, "| {what} | {:.1} | {copies:.1} |", count / 1000.0)?;
            }
            Err(why) => writeln!(table, "| {what} | not measured: {why} | |")?,
        }
    }
    Ok(table)
}

/// The instructions that this program executes to make so many pictures.
fn instructions(name: &str, frames: u64) -> Result<u64, Box<dyn Error>> {
    let arguments = [name, &frames.to_string()];
    let counts = callgrind::count(&env::current_exe()?, &arguments, Path::new("."))?;
    Ok(counts.total)
}

const FEW: u64 = 2;
const MANY: u64 = 6;
const HD: PixelSize = PixelSize::new(1280, 720);
const FULL_HD: PixelSize = PixelSize::new(1920, 1080);

const fn pixels(
    name: &'static str,
    what: &'static str,
    layout: RawLayout,
    colours: YuvColours,
) -> Conversion {
    Conversion {
        name,
        what,
        kind: Kind::Pixels(layout, colours, HD),
    }
}

const fn scaling(
    name: &'static str,
    what: &'static str,
    from: PixelSize,
    to: PixelSize,
) -> Conversion {
    Conversion {
        name,
        what,
        kind: Kind::Scaling(from, to),
    }
}

/// The copy is first: it is what the others are compared with.
const CONVERSIONS: &[Conversion] = &[
    Conversion {
        name: "copy",
        what: "plain copy",
        kind: Kind::Copy,
    },
    pixels("yuyv", "YUYV", RawLayout::Yuyv, YuvColours::Bt601),
    pixels("uyvy", "UYVY", RawLayout::Uyvy, YuvColours::Bt601),
    pixels("nv12", "NV12", RawLayout::Nv12, YuvColours::Bt601),
    pixels("i420", "I420", RawLayout::I420, YuvColours::Bt601),
    pixels("yv12", "YV12", RawLayout::Yv12, YuvColours::Bt601),
    pixels(
        "yuyv-bt709",
        "YUYV in BT.709",
        RawLayout::Yuyv,
        YuvColours::Bt709,
    ),
    pixels(
        "nv12-bt709",
        "NV12 in BT.709",
        RawLayout::Nv12,
        YuvColours::Bt709,
    ),
    pixels(
        "i420-bt709",
        "I420 in BT.709",
        RawLayout::I420,
        YuvColours::Bt709,
    ),
    pixels(
        "yuyv-full-range",
        "YUYV, full range",
        RawLayout::Yuyv,
        YuvColours::Bt601FullRange,
    ),
    pixels(
        "nv12-full-range",
        "NV12 in BT.709, full range",
        RawLayout::Nv12,
        YuvColours::Bt709FullRange,
    ),
    pixels(
        "yuv444",
        "packed 4:4:4, full range",
        RawLayout::Yuv444,
        YuvColours::Bt601FullRange,
    ),
    pixels("rgb", "RGB", RawLayout::Rgb, YuvColours::Bt601),
    pixels("bgr", "BGR", RawLayout::Bgr, YuvColours::Bt601),
    pixels("grey", "grey", RawLayout::Grey, YuvColours::Bt601),
    Conversion {
        name: "mjpeg",
        what: "Motion JPEG, 4:2:2",
        kind: Kind::Jpeg,
    },
    Conversion {
        name: "yuyv-1080p",
        what: "YUYV, 1920×1080",
        kind: Kind::Pixels(RawLayout::Yuyv, YuvColours::Bt601, FULL_HD),
    },
    scaling(
        "scale-1080p-to-720p",
        "1920×1080 scaled to 1280×720",
        FULL_HD,
        HD,
    ),
    scaling(
        "scale-1440p-to-720p",
        "2560×1440 scaled to 1280×720",
        PixelSize::new(2560, 1440),
        HD,
    ),
    scaling(
        "scale-360p-to-720p",
        "640×360 scaled to 1280×720",
        PixelSize::new(640, 360),
        HD,
    ),
    scaling(
        "letterbox-480p-to-720p",
        "640×480 scaled to 1280×720, with bars",
        PixelSize::new(640, 480),
        HD,
    ),
    scaling(
        "scale-720p-to-1080p",
        "1280×720 scaled to 1920×1080",
        HD,
        FULL_HD,
    ),
    scaling("same-size", "1280×720, which fits", HD, HD),
    Conversion {
        name: "test-picture",
        what: "test picture",
        kind: Kind::TestPicture,
    },
];
