//! What picture the bitrate buys, beside the encoders of `FFmpeg` and `GStreamer`.
//!
//! `cargo bench --bench picture` encodes natural clips in real-time settings with a key frame every two seconds, at
//! each bitrate and by each encoder; `FFmpeg`'s libvmaf then says how much of the picture is left. Nothing is timed:
//! it comes out the same on every machine. It takes ten minutes; with `-- quick` one clip at one bitrate.
//! `SKYWAVE_WRITE_PAGES=1` writes the tables into README.md as well. Run without a command, as `cargo test` does, it
//! encodes a few black pictures.

#[path = "support/page.rs"]
mod page;
#[expect(dead_code, reason = "the other benches need more")]
mod support;

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
};

use skywave::{
    encode::{encoder::VideoEncoder, h264::H264Encoder},
    media::{frame::I420, packet::VideoFormat},
    units::{Bitrate, FrameRate, PixelSize},
};

use support::{machine, peers};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let is = |word: &str| env::args().any(|argument| argument == word);
    if !is("--bench") {
        return try_out();
    }
    let folder = tempfile::tempdir()?;
    let lab = Lab {
        ffmpeg: peers::ffmpeg(),
        folder: folder.path(),
    };
    if let Err(why) = lab.can_judge() {
        println!("Not measured: {why}; scripts/interop-peers.sh clips fetches what is needed");
        return Ok(());
    }
    let tables = lab.tables(is("quick"))?;
    print!("{tables}");
    if is("quick") {
        return Ok(());
    }
    page::write("picture", &tables)
}

/// Encodes a few black pictures.
fn try_out() -> Result<()> {
    let size = PixelSize::new(320, 180);
    let mut video = format!("YUV4MPEG2 W{} H{} F25:1\n", size.width, size.height).into_bytes();
    for _ in 0..3 {
        video.extend(b"FRAME\n");
        for plane in I420::black(size).planes() {
            video.extend_from_slice(plane);
        }
    }
    let mut stream = Vec::new();
    encode(&mut &video[..], &mut stream, Bitrate::from_kbps(400))?;
    assert!(stream.starts_with(START_CODE));
    Ok(())
}

/// A clip: its file, how it fills 16:9, and its pictures per second. The first is too short alone and is shown
/// forwards and backwards; the others are enlarged.
const CLIPS: [(&str, &str, u32); 3] = [
    ("bigbuckbunny", "split[a][b];[b]reverse[c];[a][c]concat", 25),
    ("bikes", "crop=482:272", 25),
    ("carphone_pristine", "crop=176:98", 30),
];

const SIZES: [(PixelSize, &[u32]); 2] = [
    (PixelSize::new(1280, 720), &[1000, 2500, 4000]),
    (PixelSize::new(1920, 1080), &[6000]),
];

enum Encoder {
    Skywave,
    /// With these options.
    FFmpeg(&'static str),
    GStreamer,
}

/// Ours, and others' as live streams use them.
const ENCODERS: [(&str, Encoder); 5] = [
    ("Skywave", Encoder::Skywave),
    ("FFmpeg, libopenh264", Encoder::FFmpeg(peers::LIBOPENH264)),
    ("GStreamer, openh264enc", Encoder::GStreamer),
    ("libx264 veryfast", Encoder::FFmpeg(peers::VERYFAST)),
    ("libx264 superfast", Encoder::FFmpeg(peers::SUPERFAST)),
];
/// The one that the others' curves are compared with.
const YARDSTICK: usize = 4;

/// What one encoder made of a clip.
struct Figures {
    vmaf: f64,
    /// Bits per second.
    rate: f64,
    /// How far that is from what was asked for.
    error_percent: f64,
    /// The second with most bits, as a part of what was asked for.
    worst_second: f64,
    /// Bytes of an average key frame, in pictures of average size at the bitrate that was asked for.
    key_frame: f64,
}

struct Lab<'a> {
    ffmpeg: PathBuf,
    folder: &'a Path,
}

/// A clip as raw pictures, and what an encoder is told.
struct Task<'a> {
    raw: &'a Path,
    fps: u32,
    kbps: u32,
}

impl Lab<'_> {
    fn can_judge(&self) -> Result<()> {
        for (clip, ..) in CLIPS {
            peers::clip(&format!("{clip}.mp4"))?;
        }
        let filters = run(self.command().arg("-filters"))?;
        if !filters.contains("libvmaf") {
            return Err(format!("{} has no libvmaf", self.ffmpeg.display()).into());
        }
        Ok(())
    }

    fn tables(&self, quick: bool) -> Result<String> {
        let mut text = machine::measured(&[(&self.ffmpeg, "-version")]);
        let names = ENCODERS.map(|(name, _)| name).join(" | ");
        let line = "---|".repeat(ENCODERS.len() + 1);
        write!(text, "\n| VMAF | {names} |\n|{line}\n")?;
        let mut kept = format!(
            "\n| bitrate against what was asked; worst second; key frame in mean pictures | {names} |\n|{line}\n"
        );
        let clips = if quick { &CLIPS[..1] } else { &CLIPS };
        for (clip, filter, fps) in clips {
            for (size, bitrates) in if quick { &SIZES[..1] } else { &SIZES } {
                let bitrates = if quick { &bitrates[1..2] } else { bitrates };
                let raw = self.decode(clip, filter, *fps, *size)?;
                let mut curves = vec![Vec::new(); ENCODERS.len()];
                for &kbps in bitrates {
                    let task = Task {
                        raw: &raw,
                        fps: *fps,
                        kbps,
                    };
                    let of_this = format!("{clip}, {size}, {kbps} kb/s");
                    eprintln!("{of_this}");
                    write!(text, "| {of_this} |")?;
                    write!(kept, "| {of_this} |")?;
                    for ((_, encoder), curve) in ENCODERS.iter().zip(&mut curves) {
                        let it = self.measure(encoder, &task)?;
                        write!(text, " {:.1} |", it.vmaf)?;
                        write!(
                            kept,
                            " {:+.1} %; {:.2}; {:.1} |",
                            it.error_percent, it.worst_second, it.key_frame
                        )?;
                        curve.push((it.vmaf, it.rate));
                    }
                    text.push('\n');
                    kept.push('\n');
                }
                if bitrates.len() > 1 {
                    write!(
                        text,
                        "| {clip}, {size}, bitrate for the same VMAF, against {} |",
                        ENCODERS[YARDSTICK].0
                    )?;
                    for curve in &curves {
                        match bitrate_difference(curve, &curves[YARDSTICK]) {
                            Some(percent) => write!(text, " {percent:+.0} % |")?,
                            None => text += " no VMAF in common |",
                        }
                    }
                    text.push('\n');
                }
                fs::remove_file(raw)?;
            }
        }
        Ok(text + &kept)
    }

    /// The clip as raw pictures.
    fn decode(&self, clip: &str, filter: &str, fps: u32, size: PixelSize) -> Result<PathBuf> {
        let raw = self.folder.join("clip.y4m");
        let source = peers::clip(&format!("{clip}.mp4"))?;
        let PixelSize { width, height } = size;
        let filter =
            format!("{filter},scale={width}:{height}:flags=lanczos,setpts=N/{fps}/TB,fps={fps}");
        let mut command = self.command();
        command.arg("-i").arg(source).args(["-an", "-vf", &filter]);
        command.args(["-pix_fmt", "yuv420p"]).arg(&raw);
        run(&mut command)?;
        Ok(raw)
    }

    fn measure(&self, encoder: &Encoder, task: &Task) -> Result<Figures> {
        let stream = self.folder.join("stream.h264");
        match encoder {
            Encoder::Skywave => {
                let mut input = BufReader::new(File::open(task.raw)?);
                let mut output = BufWriter::new(File::create(&stream)?);
                encode(&mut input, &mut output, Bitrate::from_kbps(task.kbps))?;
                output.flush()?;
            }
            Encoder::FFmpeg(options) => {
                let Task { raw, fps, kbps } = task;
                let mut command = self.command();
                command
                    .arg("-i")
                    .arg(raw)
                    .args(options.split_whitespace())
                    .args(["-g", &(fps * KEY_FRAME_SECONDS).to_string()]);
                let rate = format!("{kbps}k");
                command.args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate]);
                run(command.args(["-f", "h264"]).arg(&stream))?;
            }
            Encoder::GStreamer => {
                let pipeline = format!(
                    "y4mdec ! openh264enc rate-control=bitrate bitrate={}000 gop-size={} ! \
                     video/x-h264,profile=high,stream-format=byte-stream ! filesink location={}",
                    task.kbps,
                    task.fps * KEY_FRAME_SECONDS,
                    stream.display()
                );
                let source = format!("location={}", task.raw.display());
                run(Command::new("gst-launch-1.0")
                    .args(["-q", "filesrc", &source, "!"])
                    .args(pipeline.split_whitespace()))?;
            }
        }
        self.judge(&stream, task)
    }

    fn judge(&self, stream: &Path, task: &Task) -> Result<Figures> {
        let mut command = self.command();
        command.arg("-i").arg(stream);
        let list = run(command.args(["-c", "copy", "-f", "framecrc", "-"]))?;
        // stream, decoding time, time, duration, size, checksum; for other than key frames, their flags
        let pictures: Vec<(f64, bool)> = list
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let bytes = line.split(',').nth(4)?.trim().parse().ok()?;
                Some((bytes, !line.contains("F=0x0")))
            })
            .collect();
        let second = task.fps as usize;
        if pictures.len() < second {
            return Err(format!("only {} pictures were encoded", pictures.len()).into());
        }
        let asked = f64::from(task.kbps) * 125.0;
        let bytes = |of: &[(f64, bool)]| of.iter().map(|(bytes, _)| bytes).sum::<f64>();
        let keys: Vec<_> = pictures.iter().copied().filter(|(_, key)| *key).collect();
        let seconds = pictures.windows(second).map(bytes);
        let rate = bytes(&pictures) * 8.0 * f64::from(task.fps) / pictures.len() as f64;
        Ok(Figures {
            vmaf: self.vmaf(stream, task)?,
            rate,
            error_percent: rate / asked / 8.0 * 100.0 - 100.0,
            worst_second: seconds.fold(0.0, f64::max) / asked,
            key_frame: bytes(&keys) / keys.len() as f64 / (asked / f64::from(task.fps)),
        })
    }

    /// The mean over all pictures, compared one by one in their order. What a stream says of its colours must not
    /// make `FFmpeg` convert them.
    fn vmaf(&self, stream: &Path, task: &Task) -> Result<f64> {
        let same = format!(
            "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709,settb=AVTB,\
             setpts=N/{}/TB",
            task.fps
        );
        let log = self.folder.join("vmaf.json");
        let graph = format!(
            "[0:v]{same}[a];[1:v]{same}[b];[a][b]libvmaf=n_threads=2:log_fmt=json:log_path={}",
            log.display()
        );
        let mut command = self.command();
        command.arg("-i").arg(stream).arg("-i").arg(task.raw);
        run(command.args(["-lavfi", &graph, "-f", "null", "-"]))?;
        let log: serde_json::Value = serde_json::from_slice(&fs::read(log)?)?;
        let mean = log["pooled_metrics"]["vmaf"]["mean"].as_f64();
        mean.ok_or_else(|| "libvmaf gave no mean".into())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.ffmpeg);
        command.args(["-nostdin", "-v", "error", "-y"]);
        command
    }
}

/// What the command writes.
fn run(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?} failed: {said}").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Encodes YUV4MPEG2 (4:2:0) to a byte stream (H.264, annex B).
fn encode(input: &mut impl BufRead, output: &mut impl Write, bitrate: Bitrate) -> Result<()> {
    let mut header = String::new();
    input.read_line(&mut header)?;
    let field = |letter: char| -> Result<u32> {
        let field = header.split(' ').find_map(|word| word.strip_prefix(letter));
        let number = field.and_then(|field| field.trim().split(':').next());
        Ok(number.ok_or("not a YUV4MPEG2 file")?.parse()?)
    };
    let size = PixelSize::new(field('W')?, field('H')?);
    let frame_rate = FrameRate::new(field('F')?);
    let mut encoder = H264Encoder::new(VideoFormat {
        size,
        frame_rate,
        bitrate,
        key_frame_interval: frame_rate.fps() * KEY_FRAME_SECONDS,
    })?;
    let mut picture = I420::black(size);
    for number in 0.. {
        header.clear();
        if input.read_line(&mut header)? == 0 {
            break;
        }
        for plane in picture.planes_mut() {
            input.read_exact(plane)?;
        }
        let Some(packet) = encoder.encode(&picture, frame_rate.time_of(number), false)? else {
            continue;
        };
        if packet.key_frame {
            for set in [&packet.config.sps, &packet.config.pps] {
                output.write_all(START_CODE)?;
                output.write_all(set)?;
            }
        }
        let mut rest = &packet.data[..];
        while let Some((length, tail)) = rest.split_first_chunk() {
            let (unit, tail) = tail.split_at(u32::from_be_bytes(*length) as usize);
            output.write_all(START_CODE)?;
            output.write_all(unit)?;
            rest = tail;
        }
    }
    Ok(())
}

/// How many percent more bitrate the first curve of (VMAF, bitrate) takes than the second, on average over the
/// VMAF that both reach (after Bjøntegaard, with straight lines between the points).
fn bitrate_difference(curve: &[(f64, f64)], other: &[(f64, f64)]) -> Option<f64> {
    const STEPS: u32 = 100;
    let (first, last) = (curve.first()?, curve.last()?);
    let (low, high) = (first.0.max(other.first()?.0), last.0.min(other.last()?.0));
    if low >= high {
        return None;
    }
    let sum: f64 = (0..=STEPS)
        .map(|step| low + (high - low) * f64::from(step) / f64::from(STEPS))
        .filter_map(|vmaf| Some(log_rate(curve, vmaf)? - log_rate(other, vmaf)?))
        .sum();
    Some(((sum / f64::from(STEPS + 1)).exp() - 1.0) * 100.0)
}

fn log_rate(curve: &[(f64, f64)], vmaf: f64) -> Option<f64> {
    let pair = curve.windows(2).find(|pair| vmaf <= pair[1].0)?;
    let share = (vmaf - pair[0].0) / (pair[1].0 - pair[0].0);
    Some(pair[0].1.ln() + share * (pair[1].1 / pair[0].1).ln())
}

const KEY_FRAME_SECONDS: u32 = 2;
const START_CODE: &[u8] = &[0, 0, 0, 1];
