//! What picture the bitrate buys, beside `FFmpeg`'s encoders.
//!
//! `benches/picture.sh` fetches what is needed, `FFmpeg` 9 and natural clips, and runs this. Each clip is encoded
//! in real-time settings with a key frame every two seconds, at each bitrate and by each encoder; `FFmpeg`'s
//! libvmaf then says how much of the picture is left. Nothing is timed: it comes out the same on every machine.

use std::{
    env,
    error::Error,
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

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is = |word: &str| arguments.iter().any(|argument| argument == word);
    // `cargo test --benches` only wants to know that it runs, and plain `cargo bench` that it can be run alone.
    if !is("all") && !is("quick") {
        println!("benches/picture.sh fetches what this bench needs, and runs it");
        return try_out();
    }
    let folder = env::temp_dir().join(format!("skywave-picture-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let result = Lab::new(&folder).and_then(|lab| lab.run(is("quick")));
    fs::remove_dir_all(&folder)?;
    result
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

/// `FFmpeg`'s encoders as live streams use them. The last one is what the others are compared with.
const RIVALS: [(&str, &[&str]); 3] = [
    (
        "FFmpeg, libopenh264, High, CABAC",
        &[
            "-c:v",
            "libopenh264",
            "-profile:v",
            "high",
            "-coder",
            "cabac",
        ],
    ),
    (
        "FFmpeg, libx264 veryfast zerolatency",
        &[
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-tune",
            "zerolatency",
        ],
    ),
    (
        "FFmpeg, libx264 superfast zerolatency",
        &[
            "-c:v",
            "libx264",
            "-preset",
            "superfast",
            "-tune",
            "zerolatency",
        ],
    ),
];

/// What one encoder made of a clip.
struct Figures {
    vmaf: f64,
    /// Bits per second.
    rate: f64,
    /// Bytes of an average key frame, in pictures of average size at the bitrate that was asked for.
    key_frame: f64,
    /// The second with most bits, as a part of what was asked for.
    worst_second: f64,
}

struct Lab {
    ffmpeg: PathBuf,
    clips: PathBuf,
    folder: PathBuf,
}

impl Lab {
    fn new(folder: &Path) -> Result<Self> {
        let from = |name: &str| env::var_os(name).ok_or(format!("{name} is not set"));
        Ok(Self {
            ffmpeg: from("FFMPEG")?.into(),
            clips: from("CLIPS")?.into(),
            folder: folder.into(),
        })
    }

    fn run(&self, quick: bool) -> Result<()> {
        let clips = if quick { &CLIPS[..1] } else { &CLIPS };
        for (clip, filter, fps) in clips {
            for (size, bitrates) in SIZES {
                let bitrates = if quick { &bitrates[1..] } else { bitrates };
                if bitrates.is_empty() {
                    continue;
                }
                let raw = self.decode(clip, filter, *fps, size)?;
                self.compare(clip, *fps, size, &raw, bitrates)?;
                fs::remove_file(raw)?;
            }
        }
        Ok(())
    }

    /// The clip as raw pictures.
    fn decode(&self, clip: &str, filter: &str, fps: u32, size: PixelSize) -> Result<PathBuf> {
        let raw = self.folder.join("clip.y4m");
        let source = self.clips.join(format!("{clip}.mp4"));
        if !source.exists() {
            return Err(format!("{} is missing", source.display()).into());
        }
        let PixelSize { width, height } = size;
        let filter =
            format!("{filter},scale={width}:{height}:flags=lanczos,setpts=N/{fps}/TB,fps={fps}");
        let mut command = self.command();
        command.arg("-i").arg(source).args(["-an", "-vf", &filter]);
        command.args(["-pix_fmt", "yuv420p"]).arg(&raw);
        run(&mut command)?;
        Ok(raw)
    }

    fn compare(
        &self,
        clip: &str,
        fps: u32,
        size: PixelSize,
        raw: &Path,
        bitrates: &[u32],
    ) -> Result<()> {
        println!("\n{clip}, {size} at {fps} fps\n");
        println!("| kb/s | encoder | VMAF | bitrate | key frame / mean | worst second |");
        println!("|---:|---|---:|---:|---:|---:|");
        let mut curves = vec![Vec::new(); RIVALS.len() + 1];
        let stream = self.folder.join("stream.h264");
        for &kbps in bitrates {
            let ours = ("Skywave", [].as_slice());
            for (curve, (name, options)) in curves.iter_mut().zip([ours].into_iter().chain(RIVALS))
            {
                if options.is_empty() {
                    let mut input = BufReader::new(File::open(raw)?);
                    let mut output = BufWriter::new(File::create(&stream)?);
                    encode(&mut input, &mut output, Bitrate::from_kbps(kbps))?;
                    output.flush()?;
                } else {
                    self.encode_with(options, fps, kbps, raw, &stream)?;
                }
                let it = self.judge(&stream, raw, fps, kbps)?;
                println!(
                    "| {kbps} | {name} | {:.1} | {:+.1} % | {:.1} | {:.2} |",
                    it.vmaf,
                    it.rate / f64::from(kbps) / 10.0 - 100.0,
                    it.key_frame,
                    it.worst_second
                );
                curve.push((it.vmaf, it.rate));
            }
        }
        if let [others @ .., last] = &curves[..]
            && bitrates.len() > 1
        {
            println!(
                "\nBitrate for the same VMAF, against {}:",
                RIVALS[RIVALS.len() - 1].0
            );
            let names = ["Skywave"].into_iter().chain(RIVALS.map(|(name, _)| name));
            for (name, curve) in names.zip(others) {
                match bitrate_difference(curve, last) {
                    Some(percent) => println!("- {name}: {percent:+.1} %"),
                    None => println!("- {name}: no VMAF in common"),
                }
            }
        }
        Ok(())
    }

    fn encode_with(
        &self,
        options: &[&str],
        fps: u32,
        kbps: u32,
        raw: &Path,
        stream: &Path,
    ) -> Result<()> {
        let rate = format!("{kbps}k");
        let mut command = self.command();
        command.arg("-i").arg(raw).args(options);
        command.args(["-g", &(fps * KEY_FRAME_SECONDS).to_string()]);
        command.args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate]);
        run(command.args(["-f", "h264"]).arg(stream))?;
        Ok(())
    }

    fn judge(&self, stream: &Path, raw: &Path, fps: u32, kbps: u32) -> Result<Figures> {
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
        let second = fps as usize;
        if pictures.len() < second {
            return Err(format!("only {} pictures were encoded", pictures.len()).into());
        }
        let asked = f64::from(kbps) * 125.0;
        let bytes = |of: &[(f64, bool)]| of.iter().map(|(bytes, _)| bytes).sum::<f64>();
        let keys: Vec<_> = pictures.iter().copied().filter(|(_, key)| *key).collect();
        let seconds = pictures.windows(second).map(bytes);
        Ok(Figures {
            vmaf: self.vmaf(stream, raw, fps)?,
            rate: bytes(&pictures) * 8.0 * f64::from(fps) / pictures.len() as f64,
            key_frame: bytes(&keys) / keys.len() as f64 / (asked / f64::from(fps)),
            worst_second: seconds.fold(0.0, f64::max) / asked,
        })
    }

    /// The mean over all pictures, compared one by one in their order. What a stream says of its colours must not
    /// make `FFmpeg` convert them.
    fn vmaf(&self, stream: &Path, raw: &Path, fps: u32) -> Result<f64> {
        let same = format!(
            "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709,settb=AVTB,\
             setpts=N/{fps}/TB"
        );
        let log = self.folder.join("vmaf.json");
        let graph = format!(
            "[0:v]{same}[a];[1:v]{same}[b];[a][b]libvmaf=n_threads=2:log_fmt=json:log_path={}",
            log.display()
        );
        let mut command = self.command();
        command.arg("-i").arg(stream).arg("-i").arg(raw);
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
