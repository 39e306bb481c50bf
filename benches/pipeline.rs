//! What live video costs, stage by stage, beside other programs that make the same of the same bytes.
//!
//! `cargo bench --bench pipeline` makes the pictures from a natural clip, has valgrind count, and prints tables. It
//! takes about three minutes; `SKYWAVE_WRITE_PAGES=1` writes them into README.md as well. What is not
//! here (valgrind, the clip, another program) is said instead of its figures. Run without a command, as `cargo test`
//! does, it publishes a few small pictures of each source.

#[path = "support/page.rs"]
mod page;
mod support;

use std::{
    env,
    error::Error,
    fmt::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use skywave::units::{Bitrate, PixelSize};

use support::{
    callgrind, machine,
    material::{self, I420, Material, YUYV, jpeg_name},
    peers::{self, Peer},
    stages::{self, STAGES, Source, Stream},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if arguments.first() == Some(&"publish") {
        return stages::command(&arguments);
    }
    if arguments.contains(&"--bench") {
        return page::write("performance", &tables()?);
    }
    for source in Source::ALL {
        let stream = Stream {
            source,
            size: PixelSize::new(320, 180),
            bitrate: Bitrate::from_kbps(300),
        };
        assert!(stages::publish(stream, &Material::made(stream), 2)? > 0);
    }
    Ok(())
}

/// One size, and what it is encoded with.
const SIZES: [(PixelSize, Bitrate); 2] = [
    (PixelSize::new(1280, 720), Bitrate::from_kbps(2_500)),
    (PixelSize::new(1920, 1080), Bitrate::from_kbps(6_000)),
];
const SOURCES: [(&str, Source); 4] = [
    ("YUYV camera", Source::Yuyv),
    ("I420 camera in BT.709", Source::I420),
    ("Motion JPEG camera", Source::Mjpeg),
    ("test picture", Source::TestPicture),
];

/// Prints the tables as they come, and gives them all.
fn tables() -> Result<String, Box<dyn Error>> {
    let ffmpeg = peers::ffmpeg();
    let mut all = machine::measured(&[
        (Path::new("rustc"), "--version"),
        (Path::new("c++"), "--version"),
        (Path::new("valgrind"), "--version"),
        (&ffmpeg, "-version"),
        (Path::new("gst-launch-1.0"), "--version"),
    ]);
    print!("{all}");
    for (size, bitrate) in SIZES {
        let folder = tempfile::tempdir()?;
        let material = make_material(&ffmpeg, size, folder.path());
        let material = material
            .map(|()| folder.path())
            .map_err(|why| why.to_string());
        let table = table(&material, &ffmpeg, size, bitrate)?;
        print!("{table}");
        all += &table;
    }
    Ok(all)
}

/// What cameras and a microphone would deliver of the clip.
fn make_material(ffmpeg: &Path, size: PixelSize, folder: &Path) -> Result<(), Box<dyn Error>> {
    let clip = peers::clip("bigbuckbunny.mp4")?;
    let make = |matrix: &str, options: &str, file: &str| -> Result<(), Box<dyn Error>> {
        let made = Command::new(ffmpeg)
            .args(["-nostdin", "-v", "error", "-y", "-ss", CLIP_FROM, "-i"])
            .arg(&clip)
            .args(["-frames:v", &MANY.to_string(), "-vf"])
            .arg(format!(
                "scale={}:{}:flags=bicubic:{matrix}",
                size.width, size.height
            ))
            .args(options.split_whitespace())
            .arg(folder.join(file))
            .stdin(Stdio::null())
            .status()
            .map_err(|error| format!("{} makes the pictures: {error}", ffmpeg.display()))?;
        made.success()
            .then_some(())
            .ok_or_else(|| format!("FFmpeg made no {file}").into())
    };
    let bt601 = "out_color_matrix=bt601:out_range=tv";
    let bt709 = "out_color_matrix=bt709:out_range=tv";
    let full = "out_color_matrix=bt601:out_range=pc";
    make(bt601, "-pix_fmt yuyv422 -f rawvideo", YUYV)?;
    make(bt709, "-pix_fmt yuv420p -f rawvideo", I420)?;
    // 4:2:2 at 1 to 2 bits per pixel, as webcams compress.
    make(full, "-pix_fmt yuvj422p -c:v mjpeg -q:v 4", "%03d.jpg")?;
    if !folder.join(jpeg_name(MANY)).exists() {
        return Err("the clip is too short".into());
    }
    Ok(material::write_sound(folder, MANY)?)
}

/// Of the material in a folder, or why there is none: then ours is of a made scene, where one can be made.
fn table(
    material: &Result<&Path, String>,
    ffmpeg: &Path,
    size: PixelSize,
    bitrate: Bitrate,
) -> Result<String, Box<dyn Error>> {
    let program = env::current_exe()?;
    let ours = |source| {
        let stream = Stream {
            source,
            size,
            bitrate,
        };
        match (material, source) {
            (Err(why), Source::Mjpeg) => Err(why.clone()),
            _ => Cost::of_ours(&program, stream, material.as_deref().ok()),
        }
    };
    let peers = peers::publishers(ffmpeg);
    // Two at a time: instructions do not depend on it.
    let (ours, theirs) = thread::scope(|scope| {
        let theirs = scope.spawn(|| {
            let cost = |peer| of_theirs(peer, material.as_deref()?, size, bitrate);
            let costs = peers.iter().map(cost);
            costs.collect::<Vec<_>>()
        });
        let ours = SOURCES.map(|(name, source)| (name, ours(source)));
        (ours, theirs.join())
    });
    let Ok(theirs) = theirs else {
        return Err("the thread that counts the others panicked".into());
    };

    let made = match material {
        Ok(_) => String::new(),
        Err(why) => format!("\nThe scene is a made one: {why}.\n"),
    };
    let mut text = format!(
        "{made}\n**{size}, 30 fps, {} kb/s**\n\n| million instructions per frame | {} | all | all but the encoder |\n|---|{}\n",
        bitrate.bps() / 1000,
        COLUMNS.join(" | "),
        "---|".repeat(COLUMNS.len() + 2)
    );
    for (name, cost) in &ours {
        match cost {
            Ok(cost) => writeln!(text, "| **Skywave**, {name} | {cost}")?,
            Err(why) => writeln!(text, "| **Skywave**, {name} | not measured: {why} |")?,
        }
    }
    text += "\n| from the same YUYV and sound (or as told), to FLV | million instructions per frame | Skywave takes |\n|---|---|---|\n";
    for (peer, all) in peers.iter().zip(theirs) {
        match (all, &ours[0].1) {
            (Ok(all), Ok(ours)) => writeln!(
                text,
                "| {} | {} | {:.2} of it |",
                peer.name,
                millions(all),
                ours.all / all
            )?,
            (Ok(all), Err(_)) => writeln!(text, "| {} | {} | |", peer.name, millions(all))?,
            (Err(why), _) => writeln!(text, "| {} | not measured: {why} | |", peer.name)?,
        }
    }
    Ok(text)
}

/// Instructions per frame.
struct Cost {
    stages: [f64; STAGES.len()],
    all: f64,
}

impl Cost {
    fn of_ours(program: &Path, stream: Stream, folder: Option<&Path>) -> Result<Self, String> {
        let count = |frames| {
            let arguments = stream.arguments(folder, frames);
            callgrind::count(program, &arguments, Path::new("."))
        };
        let (few, many) = (count(FEW)?, count(MANY)?);
        let of = |function| per_frame(few.of(function), many.of(function));
        let mut stages = STAGES.map(|(_, function)| of(function));
        let all = per_frame(few.total, many.total) - of(stages::COPY);
        // The encoder alone has threads of its own: what no stage executed is its.
        stages[VIDEO] += all - stages.iter().sum::<f64>();
        Ok(Self { stages, all })
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stages, all } = self;
        let share = 100.0 * (all - stages[VIDEO]) / all;
        let stages = stages.map(millions).join(" | ");
        write!(formatter, "{stages} | {} | {share:.1} % |", millions(*all))
    }
}

fn of_theirs(peer: &Peer, folder: &Path, size: PixelSize, bitrate: Bitrate) -> Result<f64, String> {
    let count = |frames| {
        let arguments = peer.arguments(size, bitrate.bps() / 1000, frames);
        Ok::<u64, String>(callgrind::count(&peer.program, &arguments, folder)?.total)
    };
    Ok(per_frame(count(FEW)?, count(MANY)?))
}

/// Start-up does not count: the difference between many pictures and few is divided.
fn per_frame(few: u64, many: u64) -> f64 {
    many.saturating_sub(few) as f64 / f64::from(MANY - FEW)
}

fn millions(count: f64) -> String {
    format!("{:.2}", count / 1e6)
}

const COLUMNS: [&str; STAGES.len()] = ["capture", "program", "H.264", "AAC", "FLV and RTMP"];
const VIDEO: usize = 2;
const FEW: u32 = 4;
const MANY: u32 = 16;
/// Where the clip moves, in seconds.
const CLIP_FROM: &str = "1";
