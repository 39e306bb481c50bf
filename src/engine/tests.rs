//! The whole pipeline in real time: test picture and beep, published to a receiver in this process.

mod encoders;
mod resting;
mod several;
mod stopping;
mod way;

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{
    command::{Command, Destination, OutputFormat, RateControl, RecordingTarget},
    event::{Decision, Event, RecordingStatus, Stats, StreamStatus},
    handle::Engine,
    parts::Parts,
};
use crate::{
    capture::source::{AudioChoice, VideoChoice},
    flv::{
        file::{FlvReader, FlvTag, TagKind},
        tag::{AudioTag, VideoTag},
    },
    media::packet::{AudioFormat, VideoFormat},
    net::receiver::Receiver,
    rtmp::receive::Received,
    secret::Secret,
    units::{Bitrate, FrameRate, PixelSize},
};

#[test]
fn a_stream_begins_with_a_key_frame_and_misses_nothing_also_the_second_time() {
    let server = Server::start();
    let mut viewer = Viewer::start(VideoChoice::TestPicture);
    for _ in 0..2 {
        viewer.go_live(server.address());
        viewer.wait_for_frames(20);
        viewer.stop();
        let stream = server.take();
        stream.assert_whole(viewer.skipped);
        assert!(stream.pictures.len() >= 15, "{:?}", stream.pictures.len());
        assert!(viewer.stats.frames_sent >= stream.pictures.len() as u64);
    }
}

#[test]
fn a_recording_goes_on_from_before_the_stream_to_after_it() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.flv");
    let mut viewer = Viewer::start(VideoChoice::TestPicture);
    viewer.send(Command::StartRecording(RecordingTarget::File(path.clone())));
    viewer.follow(Duration::from_millis(500));
    viewer.go_live(server.address());
    let mut format = FORMAT;
    format.video.size = PixelSize::new(320, 180);
    viewer.send(Command::SetFormat(format)); // waits for the encoders' end
    viewer.follow(Duration::from_secs(1));
    viewer.stop();
    viewer.follow(Duration::from_millis(300));
    viewer.send(Command::StopRecording);
    viewer.wait_for(|event| matches!(event, Event::Recording(RecordingStatus::Finished { .. })));

    server.take().assert_whole(viewer.skipped);
    let mut recorded = Stream::default();
    let mut file = FlvReader::new(File::open(&path).unwrap()).unwrap();
    while let Some(FlvTag {
        kind,
        timestamp,
        body,
    }) = file.next_tag().unwrap()
    {
        match kind {
            TagKind::Video => recorded.take(Received::Video { timestamp, body }),
            TagKind::Audio => recorded.take(Received::Audio { timestamp, body }),
            TagKind::Script => {}
        }
    }
    recorded.assert_whole(viewer.skipped);
    assert!(recorded.pictures.len() >= 15, "{}", recorded.pictures.len());

    viewer.go_live(server.address());
    viewer.follow(Duration::from_millis(500));
    viewer.stop();
    server.take().assert_whole(viewer.skipped);
}

#[test]
fn a_server_that_returns_gets_the_stream_again_from_a_key_frame_on() {
    let server = Server::start();
    let address = server.address();
    let mut viewer = Viewer::start(VideoChoice::TestPicture);
    viewer.go_live(address);
    drop(server);
    viewer.wait_for(|event| matches!(event, Event::Status(StreamStatus::Reconnecting { .. })));
    let server = Server::start_at(address);
    viewer.wait_for(|event| matches!(event, Event::Status(StreamStatus::Live { .. })));
    viewer.follow(Duration::from_millis(500));
    viewer.stop();
    server.take().assert_whole(viewer.skipped);
}

#[test]
fn sound_alone_is_a_stream() {
    let server = Server::start();
    let mut viewer = Viewer::start(VideoChoice::None);
    viewer.go_live(server.address());
    viewer.follow(Duration::from_millis(500));
    viewer.stop();
    let stream = server.take();
    stream.assert_sound_whole();
    assert!(stream.pictures.is_empty());
}

const FORMAT: OutputFormat = OutputFormat {
    video: VideoFormat {
        size: PixelSize::new(160, 90),
        frame_rate: FrameRate::new(15),
        bitrate: Bitrate::from_kbps(200),
        key_frame_interval: 15,
    },
    audio: AudioFormat {
        sample_rate: 48_000,
        channels: 2,
        bitrate: Bitrate::from_kbps(64),
    },
    rate: RateControl {
        adaptive: false,
        floor: Bitrate::from_kbps(100),
    },
};

/// A stop takes a second; the machine that tests may take a moment longer.
const STOPPED_WITHIN: Duration = Duration::from_millis(1500);

/// A hang is a failure, not a long wait.
const PATIENCE: Duration = Duration::from_secs(10);

fn destination(address: SocketAddr) -> Destination {
    Destination::new(format!("rtmp://{address}/live"), Secret::new("studio"))
}

/// An engine with test sources, and somebody who follows its events.
struct Viewer {
    engine: Engine,
    stats: Stats,
    /// Pictures told as skipped since the start.
    skipped: u64,
}

impl Viewer {
    fn start(video: VideoChoice) -> Self {
        Self::start_with(Parts::default(), video)
    }

    fn start_with(parts: Parts, video: VideoChoice) -> Self {
        let engine = Engine::start_with(parts, FORMAT).unwrap();
        engine.send(Command::SelectVideo(video));
        engine.send(Command::SelectAudio(AudioChoice::Beep));
        Self {
            engine,
            stats: Stats::default(),
            skipped: 0,
        }
    }

    fn send(&self, command: Command) {
        self.engine.send(command);
    }

    fn go_live(&mut self, address: SocketAddr) {
        self.send(Command::GoLive(Box::new(destination(address).into())));
        self.wait_for(|event| matches!(event, Event::Status(StreamStatus::Live { .. })));
    }

    /// Stops, which is over within a second.
    fn stop(&mut self) {
        let asked = Instant::now();
        self.send(Command::Stop);
        self.wait_for(|event| matches!(event, Event::Status(StreamStatus::Offline { .. })));
        assert!(asked.elapsed() < STOPPED_WITHIN, "{:?}", asked.elapsed());
    }

    /// Waits for words that contain `part`.
    fn wait_for_words(&mut self, part: &str) -> Decision {
        let mut found = None;
        let deadline = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        while found.is_none() {
            assert!(Instant::now() < deadline, "no \"{part}\" in {heard:#?}");
            if let Some(Event::Decision(decision)) = self.next() {
                heard.push(decision.text.clone());
                found = decision.text.contains(part).then_some(decision);
            }
        }
        found.expect("the loop ended")
    }

    fn wait_for(&mut self, wanted: impl Fn(&Event) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.next().is_some_and(|event| wanted(&event)) {
                return;
            }
        }
        panic!("it did not come");
    }

    /// Waits until so many pictures of this stream were sent.
    fn wait_for_frames(&mut self, count: u64) {
        self.wait_for(|event| matches!(event, Event::Stats(stats) if stats.frames_sent >= count));
    }

    fn follow(&mut self, duration: Duration) {
        let until = Instant::now() + duration;
        while Instant::now() < until {
            self.next();
        }
    }

    fn next(&mut self) -> Option<Event> {
        let event = self.engine.next_event(Duration::from_millis(10))?;
        if let Event::Stats(stats) = &event {
            // The count begins anew with each stream.
            let new = stats.frames_skipped;
            self.skipped += new.checked_sub(self.stats.frames_skipped).unwrap_or(new);
            self.stats = *stats;
        }
        Some(event)
    }
}

/// A receiver and what it received.
struct Server {
    receiver: Receiver,
    stream: Arc<Mutex<Stream>>,
}

impl Server {
    fn start() -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    fn start_at(address: SocketAddr) -> Self {
        let stream = Arc::new(Mutex::new(Stream::default()));
        let sink = Arc::clone(&stream);
        let receiver =
            Receiver::start(address, move |media| sink.lock().unwrap().take(media)).unwrap();
        Self { receiver, stream }
    }

    fn address(&self) -> SocketAddr {
        self.receiver.local_addr()
    }

    /// What came since the last call, once the stream has ended: that may be heard of after the viewer's side is
    /// done.
    fn take_ended(&self) -> Stream {
        let deadline = Instant::now() + PATIENCE;
        while self.stream.lock().unwrap().ends.is_empty() {
            assert!(Instant::now() < deadline, "it did not end");
            std::thread::yield_now();
        }
        self.take()
    }

    /// What came since the last call.
    fn take(&self) -> Stream {
        std::mem::take(&mut self.stream.lock().unwrap())
    }
}

/// What a viewer got.
#[derive(Default)]
struct Stream {
    pictures: Vec<Picture>,
    sound: Vec<u32>,
    /// Why streams ended; `None` with a goodbye.
    ends: Vec<Option<String>>,
    /// Times of everything, in order of arrival.
    times: Vec<u32>,
}

struct Picture {
    time: u32,
    is_key: bool,
}

impl Stream {
    fn take(&mut self, media: Received) {
        match media {
            Received::Video { timestamp, body } => {
                if let Ok(VideoTag::Frame { key_frame, .. }) = VideoTag::parse(&body) {
                    self.times.push(timestamp);
                    self.pictures.push(Picture {
                        time: timestamp,
                        is_key: key_frame,
                    });
                }
            }
            Received::Audio { timestamp, body } => {
                if let Ok(AudioTag::Frame(_)) = AudioTag::parse(&body) {
                    self.times.push(timestamp);
                    self.sound.push(timestamp);
                }
            }
            Received::Ended { because } => self.ends.push(because),
            _ => {}
        }
    }

    /// Pictures stand on the grid of 15 a second, whole sound between them. A busy machine may have left
    /// `skipped` pictures out before they were encoded.
    fn assert_whole(&self, skipped: u64) {
        assert!(self.pictures[0].is_key);
        let mut missing = 0;
        for pair in self.pictures.windows(2) {
            let step = pair[1].time - pair[0].time;
            let frames = (step * 15 + 500) / 1000;
            assert!(
                frames > 0 && step.abs_diff(frames * 1000 / 15) <= 1,
                "pictures {step} ms apart"
            );
            missing += u64::from(frames - 1);
        }
        assert!(
            missing <= skipped,
            "{missing} missing, {skipped} told as skipped"
        );
        self.assert_sound_whole();
        assert!(self.times.is_sorted(), "{:?}", self.times);
    }

    /// AAC's access units of 1024 samples last 21.3 ms.
    fn assert_sound_whole(&self) {
        assert!(self.sound.len() >= 10);
        for pair in self.sound.windows(2) {
            let step = pair[1] - pair[0];
            assert!((21..=22).contains(&step), "sound {step} ms apart");
        }
    }
}
