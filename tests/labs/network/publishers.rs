//! Those that publish: Skywave, and FFmpeg and GStreamer on the same links. The latter have no reconnect of
//! their own; they are started anew when they end, as the loops do that people wrap around them.

use std::process::{Child, Command};

use super::{
    lab::{Host, Lab},
    story::Story,
    tail::{now, rest},
};

/// Who publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// This project.
    Skywave,
    /// `ffmpeg` with x264.
    Ffmpeg,
    /// GStreamer with `openh264enc` and `rtmp2sink`.
    Gstreamer,
}

/// All of them.
pub(crate) const ALL: [Program; 3] = [Program::Skywave, Program::Ffmpeg, Program::Gstreamer];

/// A running publisher.
pub(crate) struct Publisher {
    program: Program,
    command: Command,
    process: Child,
    ended_at: Option<f64>,
    /// How often it ended and was started anew.
    pub(crate) restarts: u32,
    /// What it tells; only Skywave does.
    pub(crate) story: Option<Story>,
}

impl Publisher {
    /// Begins to publish the test picture and a tone to `server`, at so many kilobits a second of picture, with
    /// arguments of Skywave's besides.
    pub(crate) fn start(
        lab: &Lab,
        program: Program,
        server: &str,
        kbps: u32,
        more: &[&str],
    ) -> Self {
        let address = format!("rtmp://{server}/live");
        let mut command = match program {
            Program::Skywave => skywave(lab, &address, kbps, more),
            Program::Ffmpeg => ffmpeg(lab, &address, kbps),
            Program::Gstreamer => gstreamer(lab, &address, kbps),
        };
        let output = lab.keep_output(&mut command, program.name());
        let process = spawn(&mut command);
        let story = (program == Program::Skywave).then(|| Story::open(&output));
        Self {
            program,
            command,
            process,
            ended_at: None,
            restarts: 0,
            story,
        }
    }

    /// Takes in what it told, and starts it anew a second after it ended.
    pub(crate) fn look(&mut self) {
        if let Some(story) = &mut self.story {
            story.look();
            return;
        }
        let ended = self.process.try_wait().expect("a child's state");
        if ended.is_none() {
            return;
        }
        let ended_at = *self.ended_at.get_or_insert_with(now);
        if now() > ended_at + PAUSE {
            self.process = spawn(&mut self.command);
            self.ended_at = None;
            self.restarts += 1;
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to stop, and waits for that.
    pub(crate) fn stop(mut self) -> Option<Story> {
        let id = self.process.id().to_string();
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let begin = now();
        while self.process.try_wait().expect("a child's state").is_none() {
            if now() > begin + GOODBYE {
                break;
            }
            rest();
        }
        let mut story = self.story.take();
        if let Some(story) = &mut story {
            story.look();
        }
        story
    }

    /// Which it is.
    pub(crate) fn program(&self) -> Program {
        self.program
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Program {
    /// As in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Skywave => "Skywave",
            Self::Ffmpeg => "FFmpeg",
            Self::Gstreamer => "GStreamer",
        }
    }
}

fn skywave(lab: &Lab, address: &str, kbps: u32, more: &[&str]) -> Command {
    let mut command = lab.command(Host::Client, env!("CARGO_BIN_EXE_skywave"));
    command
        .args(["live", "--json", "--test-picture", "--tone"])
        .args(["--to", address, "--key-env", "KEY"])
        .args(["--size", &format!("{WIDTH}x{HEIGHT}")])
        .args(["--fps", &FPS.to_string()])
        .args(["--video-bitrate", &format!("{kbps}k")])
        .args(["--audio-bitrate", &format!("{SOUND_KBPS}k")])
        .args(more)
        .env("KEY", "studio");
    command
}

fn ffmpeg(lab: &Lab, address: &str, kbps: u32) -> Command {
    let picture = format!("testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS},noise=alls=20:allf=t");
    let rate = format!("{kbps}k");
    let mut command = lab.command(Host::Client, "ffmpeg");
    command
        .args([
            "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", &picture,
        ])
        .args([
            "-re",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=1000:sample_rate=48000",
        ])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-tune",
            "zerolatency",
        ])
        .args(["-pix_fmt", "yuv420p", "-g", &(2 * FPS).to_string()])
        .args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate])
        .args(["-c:a", "aac", "-ac", "2", "-b:a", &format!("{SOUND_KBPS}k")])
        .args(["-f", "flv", &format!("{address}/studio")]);
    command
}

fn gstreamer(lab: &Lab, address: &str, kbps: u32) -> Command {
    let pipeline = format!(
        "flvmux name=mux streamable=true ! rtmp2sink location={address}/studio \
         videotestsrc is-live=true pattern=snow ! video/x-raw,width={WIDTH},height={HEIGHT},framerate={FPS}/1 \
         ! openh264enc rate-control=bitrate bitrate={} max-bitrate={} gop-size={} complexity=low \
         ! h264parse ! queue ! mux. \
         audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 \
         ! voaacenc bitrate={} ! aacparse ! queue ! mux.",
        kbps * 1000,
        kbps * 1000,
        2 * FPS,
        SOUND_KBPS * 1000,
    );
    let mut command = lab.command(Host::Client, "gst-launch-1.0");
    command.arg("-q").args(pipeline.split_whitespace());
    command
}

fn spawn(command: &mut Command) -> Child {
    command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;
/// Pictures a second.
pub(crate) const FPS: u32 = 30;
/// The sound's bitrate.
pub(crate) const SOUND_KBPS: u32 = 96;
/// Seconds from a program's end to its next start.
const PAUSE: f64 = 1.0;
/// Seconds for an end.
const GOODBYE: f64 = 3.0;
