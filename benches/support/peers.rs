//! The programs that ours is compared with, and the clip that all encode.

use std::{
    env,
    path::{Path, PathBuf},
};

use skywave::units::PixelSize;

use super::material::{SOUND, YUYV};

/// A program that makes H.264 and AAC in FLV of raw pictures and sound.
pub(crate) enum Peer {
    FFmpeg {
        program: PathBuf,
        name: &'static str,
        /// Of the video encoder and what comes before it.
        options: &'static str,
    },
    GStreamer,
}

/// All of them; `ffmpeg` is the program to run.
pub(crate) fn publishers(ffmpeg: &Path) -> Vec<Peer> {
    let ffmpeg = |name, options| Peer::FFmpeg {
        program: ffmpeg.to_owned(),
        name,
        options,
    };
    vec![
        ffmpeg(
            "FFmpeg, libopenh264, High, CABAC",
            "-c:v libopenh264 -profile:v high -coder cabac",
        ),
        ffmpeg(
            "the same, asked for BT.709 of the camera's BT.601",
            "-vf scale=in_color_matrix=bt601:out_color_matrix=bt709 -c:v libopenh264 -profile:v high -coder cabac",
        ),
        ffmpeg(
            "FFmpeg, libx264 superfast, zerolatency",
            "-c:v libx264 -preset superfast -tune zerolatency",
        ),
        ffmpeg(
            "FFmpeg, libx264 veryfast, zerolatency",
            "-c:v libx264 -preset veryfast -tune zerolatency",
        ),
        Peer::GStreamer,
    ]
}

impl Peer {
    /// In words, for a table.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::FFmpeg { name, .. } => name,
            Self::GStreamer => "GStreamer, openh264enc, voaacenc, flvmux",
        }
    }

    /// The command that makes FLV of the first `frames` pictures in `folder`.
    ///
    /// # Errors
    /// When a path is no text.
    pub(crate) fn command(
        &self,
        folder: &Path,
        size: PixelSize,
        kbps: u32,
        frames: u32,
    ) -> Result<Vec<String>, String> {
        let file = |name: &str| {
            let path = folder.join(name);
            let text = path.to_str().map(str::to_owned);
            text.ok_or_else(|| format!("{} is no text", path.display()))
        };
        let (pictures, sound, out) = (file(YUYV)?, file(SOUND)?, file("out.flv")?);
        let PixelSize { width, height } = size;
        let command = match self {
            Self::FFmpeg {
                program, options, ..
            } => {
                let program = program.display();
                format!(
                    "{program} -nostdin -v error -y -f rawvideo -pix_fmt yuyv422 -s {width}x{height} -r 30 -i {pictures} \
                     -f s16le -ar 48000 -ac 2 -i {sound} -frames:v {frames} -shortest -threads 1 -filter_threads 1 \
                     -g 60 -b:v {kbps}k -maxrate {kbps}k -bufsize {kbps}k -pix_fmt yuv420p {options} -c:a aac -b:a 128k \
                     -f flv {out}",
                )
            }
            Self::GStreamer => {
                let (picture_bytes, sound_bytes) = (size.area() * 2, 48_000 / 30 * 4);
                format!(
                    "gst-launch-1.0 -q flvmux name=mux ! filesink location={out} \
                     filesrc location={pictures} blocksize={picture_bytes} num-buffers={frames} ! \
                     rawvideoparse format=yuy2 width={width} height={height} framerate=30/1 ! videoconvert ! \
                     openh264enc bitrate={kbps}000 gop-size=60 multi-thread=1 ! video/x-h264,profile=high ! h264parse ! mux. \
                     filesrc location={sound} blocksize={sound_bytes} num-buffers={frames} ! \
                     rawaudioparse format=pcm pcm-format=s16le sample-rate=48000 num-channels=2 ! audioconvert ! \
                     voaacenc bitrate=128000 ! aacparse ! mux."
                )
            }
        };
        Ok(command.split_whitespace().map(str::to_owned).collect())
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
