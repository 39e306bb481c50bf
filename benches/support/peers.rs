//! The programs that ours is compared with, and the clip that all encode.

use std::{
    env,
    path::{Path, PathBuf},
};

use skywave::units::PixelSize;

use super::material::{I420, SOUND, YUYV};

/// A program that makes H.264 and AAC in FLV of raw pictures and sound.
pub(crate) struct Peer {
    /// In words, for a table.
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    kind: Kind,
}

enum Kind {
    FFmpeg {
        input: Input,
        /// Of what comes before the video encoder.
        filter: &'static str,
        encoder: &'static str,
    },
    GStreamer,
}

enum Input {
    Yuyv,
    I420,
}

/// `FFmpeg`'s encoders as live streams use them.
pub(crate) const LIBOPENH264: &str = "-c:v libopenh264 -profile:v high -coder cabac";
pub(crate) const SUPERFAST: &str = "-c:v libx264 -preset superfast -tune zerolatency";
pub(crate) const VERYFAST: &str = "-c:v libx264 -preset veryfast -tune zerolatency";

/// All of them; `ffmpeg` is the program to run.
pub(crate) fn publishers(ffmpeg: &Path) -> Vec<Peer> {
    let ffmpeg = |name, input, filter, encoder| Peer {
        name,
        program: ffmpeg.to_owned(),
        kind: Kind::FFmpeg {
            input,
            filter,
            encoder,
        },
    };
    vec![
        ffmpeg(
            "FFmpeg, libopenh264, High, CABAC",
            Input::Yuyv,
            "",
            LIBOPENH264,
        ),
        ffmpeg(
            "the same, asked for BT.709 of the camera's BT.601",
            Input::Yuyv,
            "-vf scale=in_color_matrix=bt601:out_color_matrix=bt709",
            LIBOPENH264,
        ),
        ffmpeg(
            "the same, from I420, which it need not convert",
            Input::I420,
            "",
            LIBOPENH264,
        ),
        ffmpeg(
            "FFmpeg, libx264 superfast, zerolatency",
            Input::Yuyv,
            "",
            SUPERFAST,
        ),
        ffmpeg(
            "FFmpeg, libx264 veryfast, zerolatency",
            Input::Yuyv,
            "",
            VERYFAST,
        ),
        Peer {
            name: "GStreamer, openh264enc, High, voaacenc, flvmux",
            program: "gst-launch-1.0".into(),
            kind: Kind::GStreamer,
        },
    ]
}

impl Peer {
    /// The arguments that make FLV of the first `frames` pictures in the folder where it runs.
    pub(crate) fn arguments(&self, size: PixelSize, kbps: u32, frames: u32) -> Vec<String> {
        let PixelSize { width, height } = size;
        let command = match &self.kind {
            Kind::FFmpeg {
                input,
                filter,
                encoder,
            } => {
                let (pixels, pictures) = match input {
                    Input::Yuyv => ("yuyv422", YUYV),
                    Input::I420 => ("yuv420p", I420),
                };
                format!(
                    "-nostdin -v error -y -f rawvideo -pix_fmt {pixels} -s {width}x{height} -r 30 -i {pictures} \
                     -f s16le -ar 48000 -ac 2 -i {SOUND} -frames:v {frames} -shortest -threads 1 -filter_threads 1 \
                     -g 60 -b:v {kbps}k -maxrate {kbps}k -bufsize {kbps}k -pix_fmt yuv420p {filter} {encoder} -c:a aac -b:a 128k \
                     -f flv out.flv",
                )
            }
            Kind::GStreamer => {
                let (picture_bytes, sound_bytes) = (size.area() * 2, 48_000 / 30 * 4);
                format!(
                    "-q flvmux name=mux ! filesink location=out.flv \
                     filesrc location={YUYV} blocksize={picture_bytes} num-buffers={frames} ! \
                     rawvideoparse format=yuy2 width={width} height={height} framerate=30/1 ! videoconvert ! \
                     openh264enc bitrate={kbps}000 gop-size=60 multi-thread=1 ! video/x-h264,profile=high ! h264parse ! \
                     mux. filesrc location={SOUND} blocksize={sound_bytes} num-buffers={frames} ! \
                     rawaudioparse format=pcm pcm-format=s16le sample-rate=48000 num-channels=2 ! audioconvert ! \
                     voaacenc bitrate=128000 ! aacparse ! mux."
                )
            }
        };
        command.split_whitespace().map(str::to_owned).collect()
    }
}

/// FFmpeg: the one that `FFMPEG` names, or the one that `scripts/interop-peers.sh` fetched, or the system's.
pub(crate) fn ffmpeg() -> PathBuf {
    let fetched = fetched().join("ffmpeg-9/ffmpeg");
    match env::var_os("FFMPEG") {
        Some(named) => named.into(),
        None if fetched.exists() => fetched,
        None => "ffmpeg".into(),
    }
}

/// A clip that `scripts/interop-peers.sh clips` fetched, or that lies in the folder that `CLIPS` names.
///
/// # Errors
/// When it is not there: what to do.
pub(crate) fn clip(name: &str) -> Result<PathBuf, String> {
    let folder = env::var_os("CLIPS").map_or_else(|| fetched().join("clips"), PathBuf::from);
    let clip = folder.join(name);
    if clip.exists() {
        Ok(clip)
    } else {
        Err(format!(
            "{} is missing: run scripts/interop-peers.sh clips",
            clip.display()
        ))
    }
}

/// Where the script leaves what it fetched: beside the folder that this program was built in.
fn fetched() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"))
        .join("peers")
}
