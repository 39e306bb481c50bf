//! What may be typed. The texts here are the command line's whole documentation.

use std::{path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::receive::args::ReceiveArgs;
use crate::{
    engine::command::{Follow, OutputFormat, RateControl},
    media::packet::{AudioFormat, VideoFormat},
    units::{Bitrate, FrameRate, PixelSize},
};

/// Pick camera and microphone, paste an RTMP address, press Go Live.
///
/// Without a command the window opens.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_STATUSES)]
pub struct Arguments {
    /// What to do instead of opening the window
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What can be done without a window.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Publish to a server, or record, or both, until stopped with Ctrl-C
    #[command(after_help = EXIT_STATUSES)]
    Live(Box<LiveArgs>),
    /// Show what viewers would get: publish to a receiver inside this program and judge what arrives
    Check(CheckArgs),
    /// Be a small server: take streams, save them, and let players on this computer watch
    #[command(after_help = EXIT_STATUSES)]
    Receive(ReceiveArgs),
    /// List cameras with their formats, and microphones
    Devices(DevicesArgs),
}

/// `skywave live`.
#[derive(Debug, Args)]
pub struct LiveArgs {
    /// Server address, rtmp:// or rtmps://, such as `rtmp://live.example.org/app`; give it again for each further destination, the most important first
    #[arg(long, value_name = "URL", required_unless_present = "record")]
    pub to: Vec<String>,
    /// What to call a destination instead of its server's name; with several, one for each --to in the same order
    #[arg(long, value_name = "NAME", requires = "to")]
    pub name: Vec<String>,
    /// Where the stream keys come from
    #[command(flatten)]
    pub key: KeysArgs,
    /// With several destinations, whose uplink decides on the bitrate that all share
    #[arg(
        long,
        value_name = "WHOSE",
        value_enum,
        default_value_t,
        requires = "to"
    )]
    pub follow: FollowChoice,
    /// Picture and sound
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Size, rates and intervals
    #[command(flatten)]
    pub format: FormatArgs,
    /// How the video bitrate follows the uplink
    #[command(flatten)]
    pub rate: RateArgs,
    /// Write a report to this HTML file at the end, and its figures beside it as JSON; neither must exist yet
    #[arg(long, value_name = "FILE", requires = "to")]
    pub report: Option<PathBuf>,
    /// Record to this FLV file; it must not exist yet
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Stop after being live for so long, such as 30s or 1h (without --to: after recording for so long)
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// Give up when not live for so long; without it, what waiting may mend is retried without end
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub give_up_after: Option<Duration>,
    /// Tell what happens as JSON, one object per line
    #[arg(long)]
    pub json: bool,
    /// Where to go when the first server fails
    #[command(flatten)]
    pub backup: BackupArgs,
    /// For servers and networks that want more than address and key; the same for every destination
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// Where the stream key comes from.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct KeyArgs {
    /// Take the stream key from this environment variable
    #[arg(long, value_name = "VAR")]
    pub key_env: Option<String>,
    /// Take the stream key from the first line of this file
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// The stream key itself; other users of this computer can see it, prefer --key-env or --key-file
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub key: Option<String>,
}

/// Where the stream keys of `skywave live` come from.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct KeysArgs {
    /// Take the stream key from this environment variable; with several --to, give it once for each in the same order, or only for those that do not end in their key
    #[arg(long, value_name = "VAR")]
    pub key_env: Vec<String>,
    /// Take the stream key from the first line of this file; with several --to, as --key-env
    #[arg(long, value_name = "FILE")]
    pub key_file: Vec<PathBuf>,
    /// The stream key itself; other users of this computer can see it, prefer --key-env or --key-file
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub key: Vec<String>,
}

impl KeysArgs {
    /// One by one, in their order.
    #[must_use]
    pub fn each(&self) -> Vec<KeyArgs> {
        let none = || KeyArgs {
            key_env: None,
            key_file: None,
            key: None,
        };
        let variables = self.key_env.iter().map(|variable| KeyArgs {
            key_env: Some(variable.clone()),
            ..none()
        });
        let files = self.key_file.iter().map(|file| KeyArgs {
            key_file: Some(file.clone()),
            ..none()
        });
        let keys = self.key.iter().map(|key| KeyArgs {
            key: Some(key.clone()),
            ..none()
        });
        variables.chain(files).chain(keys).collect()
    }
}

/// Where to go when the first server fails.
#[derive(Debug, Args)]
#[command(next_help_heading = "Backup server")]
#[group(requires = "to")]
pub struct BackupArgs {
    /// Publish here when the server of the first --to fails
    #[arg(long, value_name = "URL")]
    pub backup: Option<String>,
    /// Take its stream key from this environment variable; without a key, and where the address does not end in one, the first destination's is used
    #[arg(long, value_name = "VAR", requires = "backup")]
    pub backup_key_env: Option<String>,
    /// Take its stream key from the first line of this file
    #[arg(
        long,
        value_name = "FILE",
        requires = "backup",
        conflicts_with = "backup_key_env"
    )]
    pub backup_key_file: Option<PathBuf>,
    /// Keep a connection to it ready, so that a switch takes no longer than a key frame interval
    #[arg(long, requires = "backup")]
    pub backup_warm: bool,
    /// Stay there; without this, the stream returns once the first server has been well for a while
    #[arg(long, requires = "backup")]
    pub backup_stay: bool,
}

impl BackupArgs {
    /// Where its key comes from.
    #[must_use]
    pub fn key(&self) -> KeyArgs {
        KeyArgs {
            key_env: self.backup_key_env.clone(),
            key_file: self.backup_key_file.clone(),
            key: None,
        }
    }
}

/// Whose uplink decides on the bitrate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FollowChoice {
    /// The first destination's; frames are left out for those that cannot keep up
    #[default]
    First,
    /// That of the slowest that is live
    Slowest,
}

impl From<FollowChoice> for Follow {
    fn from(choice: FollowChoice) -> Self {
        match choice {
            FollowChoice::First => Self::Primary,
            FollowChoice::Slowest => Self::Slowest,
        }
    }
}

/// How the video bitrate follows the uplink.
#[derive(Clone, Copy, Debug, Args)]
#[group(requires = "to")]
pub struct RateArgs {
    /// Do not go below this video bitrate on a slow uplink; without it, a tenth of --video-bitrate, at least 300k
    #[arg(long, value_name = "RATE", conflicts_with = "fixed_bitrate")]
    pub min_video_bitrate: Option<Bitrate>,
    /// Always encode with --video-bitrate; what the uplink does not carry is left out, frame by frame
    #[arg(long)]
    pub fixed_bitrate: bool,
}

/// For servers and networks that want more than address and key; the same for every --to, and for --backup.
#[derive(Debug, Args)]
#[command(next_help_heading = "Advanced connection (the same for every --to, and for --backup)")]
#[group(requires = "to")]
pub struct ConnectionArgs {
    /// Log in as this user where the server asks for it (it may also stand in the address)
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Take the user's password from this environment variable
    #[arg(long, value_name = "VAR")]
    pub password_env: Option<String>,
    /// Take the user's password from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "password_env")]
    pub password_file: Option<PathBuf>,
    /// For rtmps://, trust the issuers in this PEM file besides the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// For rtmps://, trust only the certificate with this SHA-256 fingerprint, whatever name it bears
    #[arg(long, value_name = "SHA256", conflicts_with = "ca_file")]
    pub pin: Option<String>,
    /// Leave this computer through this address of its own, or through this network interface
    #[arg(long, value_name = "ADDRESS|INTERFACE")]
    pub from: Option<String>,
    /// Reach rtmps:// servers through this HTTP proxy, such as `http://user@proxy.example.org:3128`
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Take the proxy's password from this environment variable
    #[arg(long, value_name = "VAR", requires = "proxy")]
    pub proxy_password_env: Option<String>,
    /// How to greet the server; some old Adobe servers insist on digests
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub handshake: HandshakeChoice,
    /// Do not tell the server what Enhanced RTMP this program knows
    #[arg(long)]
    pub no_enhanced: bool,
    /// Give the server a further connect argument, as rtmpdump's --conn: B:1, N:1.5, S:text, Z:, and O:1, NS:name:text, O:0 for an object; once for each
    #[arg(long, value_name = "TYPE:VALUE", allow_hyphen_values = true)]
    pub connect_arg: Vec<String>,
}

/// How to greet the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum HandshakeChoice {
    /// As the specification has it
    #[default]
    Simple,
    /// With digests, as Flash Player did
    Digest,
}

/// Picture and sound; without any, the first camera and the default microphone, else test picture and beep.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that can be typed"
)]
pub struct SourceArgs {
    /// Camera, by name, part of a name, or number in `skywave devices`
    #[arg(long, value_name = "NAME|INDEX", group = "picture")]
    pub camera: Option<String>,
    /// Moving bars with clock and frame number, and a flash each second
    #[arg(long, group = "picture")]
    pub test_picture: bool,
    /// Sound only
    #[arg(long, group = "picture")]
    pub no_video: bool,
    /// Microphone, by name, part of a name, or number in `skywave devices`
    #[arg(long, value_name = "NAME|INDEX", group = "sound")]
    pub mic: Option<String>,
    /// A 1 kHz beep with each flash of the test picture
    #[arg(long, group = "sound")]
    pub tone: bool,
    /// Silence
    #[arg(long, group = "sound")]
    pub silence: bool,
}

/// How picture and sound are encoded.
#[derive(Clone, Copy, Debug, Args)]
pub struct FormatArgs {
    /// Picture size: even sides, 160x90 to 3840x2160
    #[arg(long, value_name = "WxH", default_value = "1280x720")]
    pub size: PixelSize,
    /// Frames per second, 1 to 60
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub fps: u32,
    /// Video bitrate, the highest when it follows the uplink
    #[arg(long, value_name = "RATE", default_value = "2500k")]
    pub video_bitrate: Bitrate,
    /// Audio bitrate, 32k to 320k
    #[arg(long, value_name = "RATE", default_value = "128k")]
    pub audio_bitrate: Bitrate,
    /// Time from one key frame to the next, 500ms to 10s
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    pub keyframe_interval: Duration,
}

/// `skywave check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Picture and sound
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Size, rates and intervals
    #[command(flatten)]
    pub format: FormatArgs,
    /// How long to publish, at least 3s
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// Print the report as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `skywave devices`.
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl LiveArgs {
    /// The format asked for, checked.
    ///
    /// # Errors
    /// One line naming the value that cannot be.
    pub fn output_format(&self) -> Result<OutputFormat, String> {
        let mut format = self.format.output_format()?;
        let highest = format.video.bitrate;
        if let Some(floor) = self.rate.min_video_bitrate {
            if floor > highest {
                return Err(format!(
                    "the lowest video bitrate of {floor} is above the highest, {highest}; choose a lower \
                     --min-video-bitrate or a higher --video-bitrate"
                ));
            }
            let lowest = VideoFormat {
                bitrate: floor,
                ..format.video
            };
            lowest
                .check()
                .map_err(|error| format!("--min-video-bitrate: {error}"))?;
            format.rate.floor = floor;
        }
        format.rate.adaptive = !self.rate.fixed_bitrate;
        Ok(format)
    }
}

impl FormatArgs {
    /// The format asked for, checked.
    ///
    /// # Errors
    /// One line naming the value that cannot be.
    pub fn output_format(&self) -> Result<OutputFormat, String> {
        if self.fps == 0 {
            return Err("the frame rate 0 fps is not possible; choose 1 to 60".into());
        }
        let interval = self.keyframe_interval;
        if !(KEY_FRAME_INTERVALS.0..=KEY_FRAME_INTERVALS.1).contains(&interval) {
            return Err(format!(
                "a key frame interval of {} is not possible; choose 500ms to 10s",
                humantime::format_duration(interval)
            ));
        }
        let frame_rate = FrameRate::new(self.fps);
        let frames = (interval.as_secs_f64() * f64::from(self.fps))
            .round()
            .max(1.0);
        let format = OutputFormat {
            video: VideoFormat {
                size: self.size,
                frame_rate,
                bitrate: self.video_bitrate,
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "1 to 600"
                )]
                key_frame_interval: frames as u32,
            },
            audio: AudioFormat {
                sample_rate: 48_000,
                channels: 2,
                bitrate: self.audio_bitrate,
            },
            rate: RateControl::for_ceiling(self.video_bitrate),
        };
        format.video.check().map_err(|error| error.to_string())?;
        format.audio.check().map_err(|error| error.to_string())?;
        Ok(format)
    }
}

/// What is wrong with the arguments, in one line: without the usage that Clap adds, with its suggestions. A word
/// that stands alone is not repeated: it may be a stream key, or an address with one in it.
#[must_use]
pub fn in_one_line(error: &clap::Error) -> String {
    let text = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word)))
            if !word.starts_with('-') =>
        {
            "a word stands alone where an option is expected; write --to before a server's address"
                .to_owned()
        }
        (ErrorKind::InvalidSubcommand, _)
            if error.get(ContextKind::SuggestedSubcommand).is_none() =>
        {
            "the first word is no command; write live, check, receive or devices".to_owned()
        }
        _ => error.to_string(),
    };
    let paragraphs = text
        .trim_start_matches("error: ")
        .split("\n\n")
        .filter(|part| !part.starts_with("Usage:") && !part.starts_with("For more information"));
    let words: Vec<&str> = paragraphs.flat_map(str::split_whitespace).collect();
    format!("{}; see `skywave --help`", words.join(" "))
}

/// Shortest and longest time from one key frame to the next.
const KEY_FRAME_INTERVALS: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_secs(10));

const EXIT_STATUSES: &str = "\
Exit statuses:
  0  all went as asked
  1  the check found problems, or this computer failed
  2  what was typed cannot be right
  3  a camera or microphone cannot be used
  4  the server refused; trying again will not help (of several: when none was left)
  5  the network did not come (back) in the time allowed (of several: when none was left)
  6  the recording could not be written (the stream was not affected)";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn live(arguments: &[&str]) -> Result<LiveArgs, clap::Error> {
        let all = ["skywave", "live", "--to", "rtmp://localhost/live"]
            .iter()
            .chain(arguments);
        match Arguments::try_parse_from(all)?.command {
            Some(Command::Live(live)) => Ok(*live),
            _ => unreachable!("the arguments ask for live"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn only_what_belongs_to_a_backup_stands_under_its_heading() {
        let command = Arguments::command();
        let live = command.find_subcommand("live").unwrap();
        let under_backup = live
            .get_arguments()
            .filter(|it| it.get_help_heading() == Some("Backup server"));
        assert!(
            under_backup
                .map(|it| it.get_id().as_str())
                .all(|id| id.starts_with("backup"))
        );
    }

    #[test]
    fn defaults_work_without_any_setting() {
        let format = live(&[]).unwrap().format.output_format().unwrap();
        assert_eq!(format.video.size, PixelSize::new(1280, 720));
        assert_eq!(format.video.key_frame_interval, 60);
    }

    #[test]
    fn values_that_cannot_be_are_named() {
        for (arguments, named) in [
            (["--size", "321x180"], "321×180"),
            (["--size", "80x60"], "80×60"),
            (["--fps", "0"], "0 fps"),
            (["--fps", "61"], "61 fps"),
            (["--video-bitrate", "1k"], "1 kb/s"),
            (["--audio-bitrate", "1M"], "1,000 kb/s"),
            (["--keyframe-interval", "11s"], "11s"),
        ] {
            let error = live(&arguments)
                .unwrap()
                .format
                .output_format()
                .unwrap_err();
            assert!(error.contains(named), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn what_is_wrong_fits_in_one_line() {
        let told = |arguments: &[&str]| in_one_line(&live(arguments).unwrap_err());
        assert_eq!(
            told(&["--size", "abc"]),
            "invalid value 'abc' for '--size <WxH>': \"abc\" is not a size such as 1280x720; \
             see `skywave --help`"
        );
        assert_eq!(
            told(&["--test-pictur"]),
            "unexpected argument '--test-pictur' found tip: a similar argument exists: '--test-picture'; \
             see `skywave --help`"
        );
    }

    #[test]
    fn a_key_in_the_wrong_place_is_not_repeated() {
        const KEY: &str = "s3cretKEY";
        let address = format!("rtmp://a.example/live/{KEY}");
        for arguments in [
            &["skywave", KEY][..],
            &["skywave", &address],
            &["skywave", "live", KEY],
            &["skywave", "live", &address],
            &["skywave", "live", "--to", &address, KEY],
            &["skywave", "live", "--kye", KEY],
            &["skywave", "check", &address],
            &["skywave", "receive", KEY],
        ] {
            let error = Arguments::try_parse_from(arguments).unwrap_err();
            let told = in_one_line(&error);
            assert!(!told.contains(KEY), "{told}");
            assert!(told.ends_with("; see `skywave --help`"), "{told}");
        }
        let error = Arguments::try_parse_from(["skywave", "lvie"]).unwrap_err();
        assert!(in_one_line(&error).contains("'live'"));
    }

    #[test]
    fn one_picture_one_sound_and_one_key_can_be_chosen() {
        assert!(live(&["--test-picture", "--no-video"]).is_err());
        assert!(live(&["--tone", "--mic", "x"]).is_err());
        assert!(live(&["--key", "a", "--key-env", "B"]).is_err());
    }

    #[test]
    fn certificates_are_trusted_in_one_way_and_passwords_come_from_one_place() {
        assert!(live(&["--ca-file", "a.pem", "--pin", "AB"]).is_err());
        assert!(live(&["--password-env", "A", "--password-file", "b"]).is_err());
        assert!(live(&["--proxy-password-env", "A"]).is_err());
        assert!(live(&["--password", "s3cret"]).is_err());
    }

    #[test]
    fn a_way_to_a_server_wants_a_server() {
        let recording = ["skywave", "live", "--record", "a.flv"];
        assert!(Arguments::try_parse_from(recording).is_ok());
        for way in [["--pin", "AB"], ["--handshake", "digest"], ["--user", "me"]] {
            let error = Arguments::try_parse_from(recording.iter().chain(&way)).unwrap_err();
            let told = in_one_line(&error);
            assert!(told.contains("were not provided: --to <URL>"), "{told}");
            assert!(live(&way).is_ok());
        }
    }

    #[test]
    fn the_bitrate_follows_the_uplink_as_asked() {
        let format = |arguments: &[&str]| live(arguments).unwrap().output_format();
        let usual = format(&[]).unwrap();
        assert_eq!(usual.rate, RateControl::for_ceiling(usual.video.bitrate));
        let floor = format(&["--min-video-bitrate", "800k"]).unwrap().rate;
        assert_eq!((floor.adaptive, floor.floor.kbps()), (true, 800));
        assert!(!format(&["--fixed-bitrate"]).unwrap().rate.adaptive);
        for (rate, named) in [("3M", "above the highest, 2,500 kb/s"), ("1k", "1 kb/s")] {
            let error = format(&["--min-video-bitrate", rate]).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
        assert!(live(&["--fixed-bitrate", "--min-video-bitrate", "800k"]).is_err());
    }

    #[test]
    fn what_belongs_to_a_stream_or_a_backup_wants_one() {
        let recording = ["skywave", "live", "--record", "a.flv"];
        for option in [
            &["--report", "a.html"][..],
            &["--name", "a"],
            &["--follow", "slowest"],
            &["--fixed-bitrate"],
            &["--backup", "rtmp://b.example/live/k"],
        ] {
            assert!(Arguments::try_parse_from(recording.iter().chain(option)).is_err());
            assert!(live(option).is_ok(), "{option:?}");
        }
        for option in [
            &["--backup-warm"][..],
            &["--backup-stay"],
            &["--backup-key-env", "A"],
        ] {
            let error = in_one_line(&live(option).unwrap_err());
            assert!(error.contains("--backup <URL>"), "{error}");
        }
    }

    #[test]
    fn several_destinations_have_their_keys_in_order() {
        let asked = live(&["--to", "b", "--key-env", "A", "--key-env", "B"]).unwrap();
        assert_eq!(asked.to, ["rtmp://localhost/live", "b"]);
        let keys = asked.key.each();
        let variables: Vec<_> = keys.iter().map(|key| key.key_env.as_deref()).collect();
        assert_eq!(variables, [Some("A"), Some("B")]);
        assert!(live(&["--key-env", "A", "--key-file", "b"]).is_err());
    }

    #[test]
    fn connect_arguments_keep_their_order() {
        let asked = live(&["--connect-arg", "N:-1", "--connect-arg", "S:a b"]).unwrap();
        assert_eq!(asked.connection.connect_arg, ["N:-1", "S:a b"]);
    }
}
