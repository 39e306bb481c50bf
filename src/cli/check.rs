//! `skywave check`: publishes to a receiver inside this program, over a real loopback connection, and
//! judges what arrives there.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::json;

use super::{
    args::CheckArgs,
    exit::{Exit, ExitStatus},
    output::print_line,
    sources::Sources,
};
use crate::{
    capture::source::{AudioChoice, VideoChoice},
    check::{Analysis, Expected, Report, Verdict},
    engine::{
        command::{Command, Destination},
        event::{Event, Stats, StreamStatus},
        handle::Engine,
    },
    flv::{
        avc,
        tag::{AudioTag, VideoTag},
    },
    media::packet::StreamFormat,
    net::receiver::Receiver,
    rtmp::receive::Received,
    secret::Secret,
};

/// Runs the check and prints its report.
///
/// # Errors
/// When it cannot be made, or viewers would not get what they should.
pub fn check(args: &CheckArgs) -> Result<(), Exit> {
    let usage = |message: String| Exit::new(ExitStatus::Usage, message);
    if !(SHORTEST..=LONGEST).contains(&args.duration) {
        return Err(usage(format!(
            "a check of {} is not possible; choose 3s to 10m",
            humantime::format_duration(args.duration)
        )));
    }
    let format = args.format.output_format().map_err(usage)?;
    let sources = Sources::or_test(&args.sources)?;
    let expected = Expected {
        format: StreamFormat {
            video: (sources.video != VideoChoice::None).then_some(format.video),
            audio: format.audio,
        },
        silence: sources.audio == AudioChoice::Silence,
    };
    let failed = |what: &str| {
        Exit::new(
            ExitStatus::Problems,
            format!("the check cannot be made: {what}"),
        )
    };
    let received = Arc::new(Mutex::new(Tape::default()));
    let tape = Arc::clone(&received);
    let receiver = Receiver::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), move |media| {
        tape.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(media);
    })
    .map_err(|error| failed(&error.to_string()))?;
    let engine = Engine::start(format).map_err(|error| failed(&error.to_string()))?;
    sources.open(&engine, || false, |_| {})?;
    if !args.json {
        print_line(format_args!(
            "Publishing to a receiver in this program for {}…",
            humantime::format_duration(args.duration)
        ))?;
    }
    let destination = Destination {
        give_up_after: Some(CONNECT_PATIENCE),
        ..Destination::new(
            format!("rtmp://{}/check", receiver.local_addr()),
            Secret::new("check"),
        )
    };
    engine.send(Command::GoLive(Box::new(destination.into())));
    let stats = publish(&engine, args.duration).map_err(|failure| failed(&failure))?;
    drop(engine);
    drop(receiver);
    let tape = std::mem::take(&mut *received.lock().unwrap_or_else(PoisonError::into_inner));
    let mut report = tape.judge(expected).report();
    add_own_troubles(&mut report, &stats);
    print(&report, &stats, args.json)?;
    match report.verdict {
        Verdict::Good => Ok(()),
        Verdict::Problems(problems) => {
            let count = problems.len();
            let message = format!(
                "the check found {count} problem{}",
                if count == 1 { "" } else { "s" }
            );
            Err(Exit::new(ExitStatus::Problems, message))
        }
    }
}

/// Follows the stream for `duration` from being live on, then stops it. The error says why there is none.
fn publish(engine: &Engine, duration: Duration) -> Result<Stats, String> {
    let mut stats = Stats::default();
    let mut until = None;
    loop {
        if until.is_some_and(|until| engine.now() >= until) {
            engine.send(Command::Stop);
            until = None;
        }
        match engine.next_event(Duration::from_millis(20)) {
            Some(Event::Status(StreamStatus::Live { .. })) => until = Some(engine.now() + duration),
            Some(Event::Status(StreamStatus::Offline { because: None })) => return Ok(stats),
            Some(Event::Status(StreamStatus::Offline {
                because: Some(failure),
            })) => {
                return Err(failure.to_string());
            }
            Some(Event::Stats(now)) => stats = now,
            _ => {}
        }
    }
}

/// A stream that arrives whole may still have been thinned on the way.
fn add_own_troubles(report: &mut Report, stats: &Stats) {
    if stats.frames_skipped == 0 {
        return;
    }
    let problem = format!(
        "{} of {} frames were left out before they were sent: this computer is too slow, or the bitrate too low. \
         Choose a smaller size or frame rate, or a higher bitrate.",
        stats.frames_skipped, stats.frames_captured
    );
    match &mut report.verdict {
        Verdict::Problems(problems) => problems.push(problem),
        verdict @ Verdict::Good => *verdict = Verdict::Problems(vec![problem]),
    }
}

fn print(report: &Report, stats: &Stats, as_json: bool) -> Result<(), Exit> {
    if as_json {
        let mut value = json!(report);
        value["event"] = json!("report");
        value["frames_skipped"] = json!(stats.frames_skipped);
        print_line(value)
    } else {
        print_line(report.to_string().trim_end())
    }
}

/// What arrived, in order; taken apart only afterwards, so that decoding does not slow the stream down.
#[derive(Default)]
struct Tape {
    media: Vec<Received>,
    bytes: usize,
}

impl Tape {
    fn push(&mut self, media: Received) {
        if let Received::Audio { body, .. } | Received::Video { body, .. } = &media {
            self.bytes += body.len();
            if self.bytes <= LARGEST_TAPE {
                self.media.push(media);
            }
        }
    }

    fn judge(self, expected: Expected) -> Analysis {
        let mut analysis = Analysis::new(expected);
        for media in self.media {
            match media {
                Received::Video { timestamp, body } => match VideoTag::parse(&body) {
                    Ok(VideoTag::SequenceHeader(record)) => {
                        if let Ok(config) = avc::parse_configuration(&record) {
                            analysis.push_video_config(config);
                        }
                    }
                    Ok(VideoTag::Frame {
                        key_frame, data, ..
                    }) => {
                        analysis.push_video(timestamp, key_frame, &data);
                    }
                    _ => {}
                },
                Received::Audio { timestamp, body } => match AudioTag::parse(&body) {
                    Ok(AudioTag::SequenceHeader(config)) => analysis.push_audio_config(&config),
                    Ok(AudioTag::Frame(data)) => analysis.push_audio(timestamp, &data),
                    _ => {}
                },
                Received::Began { .. }
                | Received::Joined { .. }
                | Received::Metadata(_)
                | Received::Ended { .. } => {}
            }
        }
        analysis
    }
}

/// Shortest and longest check: two key frames at least, and a tape that fits in memory.
const SHORTEST: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_mins(10);

/// How much is kept at most.
const LARGEST_TAPE: usize = 512 << 20;

/// How long the program's own receiver may take to answer.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
