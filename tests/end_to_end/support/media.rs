//! What is in a recording, according to `ffmpeg`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use super::peer::output_of;

/// A recording that is complete, or as complete as it will ever be.
pub(crate) struct Recording {
    path: PathBuf,
    /// What `ffmpeg` says of the picture: `codec_name`, `profile`, `width`...
    pub(crate) video: Value,
    /// What `ffmpeg` says of the sound.
    pub(crate) audio: Value,
    /// The picture's packets.
    pub(crate) pictures: Vec<Packet>,
    /// The sound's packets.
    pub(crate) sounds: Vec<Packet>,
}

/// An encoded picture or piece of sound. Times are seconds in the recording.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    pub(crate) time: f64,
    pub(crate) bytes: u64,
    pub(crate) is_key: bool,
}

impl Recording {
    /// Reads it; fails when `ffmpeg` cannot.
    pub(crate) fn open(path: &Path) -> Self {
        let mut command = Command::new("ffprobe");
        command.args(["-v", "error", "-of", "json"]);
        command.args(["-show_streams", "-show_packets"]);
        let report: Value = serde_json::from_slice(&output_of(command.arg(path)))
            .unwrap_or_else(|error| panic!("ffprobe on {}: {error}", path.display()));
        let stream = |kind: &str| {
            let streams = report["streams"].as_array().into_iter().flatten();
            let mut streams = streams.filter(|stream| stream["codec_type"] == kind);
            streams.next().cloned().unwrap_or(Value::Null)
        };
        let packets = |kind: &str| {
            let packets = report["packets"].as_array().into_iter().flatten();
            let packets = packets.filter(|packet| packet["codec_type"] == kind);
            packets.map(Packet::from_report).collect()
        };
        Self {
            path: path.to_owned(),
            video: stream("video"),
            audio: stream("audio"),
            pictures: packets("video"),
            sounds: packets("audio"),
        }
    }

    /// When the last packet begins.
    pub(crate) fn end(&self) -> f64 {
        let packets = self.pictures.iter().chain(&self.sounds);
        packets.map(|packet| packet.time).fold(0.0, f64::max)
    }

    /// The bitrate of the pictures from `begin` on, in bits per second.
    pub(crate) fn video_bitrate_after(&self, begin: Duration) -> f64 {
        let counted = self
            .pictures
            .iter()
            .filter(|packet| packet.time >= begin.as_secs_f64());
        let counted: Vec<_> = counted.collect();
        let bytes: u64 = counted.iter().map(|packet| packet.bytes).sum();
        let frame = self.pictures[1].time - self.pictures[0].time;
        let end = self.pictures.last().expect("a picture").time + frame;
        bytes as f64 * 8.0 / (end - counted[0].time)
    }

    /// How bright each picture is on the whole, 0 to 255, with its time.
    pub(crate) fn brightness(&self) -> Vec<(f64, f64)> {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-i"]).arg(&self.path);
        command.args(["-map", "v", "-fps_mode", "passthrough"]);
        command.args(["-vf", "scale=16:16:flags=area,format=gray"]);
        let pixels = output_of(command.args(["-f", "rawvideo", "-"]));
        let means: Vec<_> = pixels
            .chunks_exact(256)
            .map(|picture| picture.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / 256.0)
            .collect();
        assert_eq!(
            means.len(),
            self.pictures.len(),
            "every packet is a picture"
        );
        let times = self.pictures.iter().map(|packet| packet.time);
        times.zip(means).collect()
    }

    /// When the picture turns bright after it was dark: the test picture's flashes.
    pub(crate) fn flashes(&self) -> Vec<f64> {
        onsets(self.brightness().into_iter())
    }

    /// The decoded sound, both channels mixed, 48,000 samples per second, -1.0 to 1.0.
    pub(crate) fn samples(&self) -> Vec<f32> {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-i"]).arg(&self.path);
        command.args([
            "-map",
            "a",
            "-af",
            "pan=mono|c0=0.5*c0+0.5*c1",
            "-ar",
            "48000",
        ]);
        let bytes = output_of(command.args(["-f", "f32le", "-"]));
        let sample = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        bytes.chunks_exact(4).map(sample).collect()
    }

    /// How loud each hundredth of a second is (root mean square, 1.0 at most), with its time.
    pub(crate) fn loudness(&self) -> Vec<(f64, f64)> {
        self.loudness_by(480)
    }

    /// When the sound begins after it was quiet: the tone's beeps.
    pub(crate) fn beeps(&self) -> Vec<f64> {
        onsets(self.loudness_by(48).into_iter())
    }

    fn loudness_by(&self, samples: usize) -> Vec<(f64, f64)> {
        let begin = self.sounds.first().expect("sound").time;
        let loudness = |part: &[f32]| {
            let squares: f64 = part.iter().map(|&sample| f64::from(sample).powi(2)).sum();
            (squares / part.len() as f64).sqrt()
        };
        let decoded = self.samples();
        let parts = decoded.chunks_exact(samples).enumerate();
        parts
            .map(|(index, part)| (begin + (index * samples) as f64 / 48_000.0, loudness(part)))
            .collect()
    }
}

impl Packet {
    fn from_report(report: &Value) -> Self {
        let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
        Self {
            time: text("pts_time").parse().expect("a packet's time"),
            bytes: text("size").parse().expect("a packet's size"),
            is_key: text("flags").starts_with('K'),
        }
    }
}

/// When a signal rises above the middle between its usual and its highest value, having been below for a
/// quarter of a second.
fn onsets(signal: impl Iterator<Item = (f64, f64)> + Clone) -> Vec<f64> {
    let mut values: Vec<_> = signal.clone().map(|(_, value)| value).collect();
    values.sort_by(f64::total_cmp);
    let highest = values.last().copied().expect("a signal");
    let threshold = f64::midpoint(values[values.len() / 2], highest);
    let mut onsets = Vec::new();
    let mut last_above = f64::NEG_INFINITY;
    for (time, value) in signal {
        if value > threshold {
            if time - last_above > 0.25 {
                onsets.push(time);
            }
            last_above = time;
        }
    }
    onsets
}
