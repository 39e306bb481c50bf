//! Streams as the engine would tell of them, and what their report makes of them.

use std::time::Duration;

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    Journal, Plan, Report,
    fault::{Fault, Loss},
    html::to_html,
    incident, json, timeline,
    words::loss_name,
};
use crate::{
    capture::source::{CaptureError, DeviceKind, SourceEvent},
    engine::{
        command::{Broadcast, Destination, Follow, OutputFormat, RateControl},
        event::{
            Cause, Decision, DestinationState, Event, Latency, RecordingStatus, Severity, Stats,
            StreamStatus,
        },
    },
    media::packet::{AudioFormat, VideoFormat},
    rtmp::refusal::{Failure, Peer},
    secret::Secret,
    units::{Bitrate, FrameRate, MediaTime, PixelSize},
};

/// An engine that does as it is told, on a clock of its own.
struct Rehearsal {
    journal: Journal,
    now: MediaTime,
    stats: Stats,
    names: Vec<String>,
    states: Vec<DestinationState>,
}

const TICK: Duration = Duration::from_millis(250);
const CEILING: Bitrate = Bitrate::from_kbps(2_628);
const LATENCY: Latency = Latency {
    p50: Duration::from_micros(18_500),
    p95: Duration::from_millis(31),
    max: Duration::from_millis(1_288),
};
const SECRETS: [&str; 3] = ["k3y-SECRET", "pa55word", "t0ken"];

impl Rehearsal {
    /// Going live was asked for a while after the program started.
    fn to(names: &[&str]) -> Self {
        let destinations = names.iter().map(|name| Destination {
            name: (*name).to_owned(),
            ..Destination::new(
                "rtmps://me:pa55word@live.example.org/app?t=t0ken",
                Secret::new(SECRETS[0]),
            )
        });
        let broadcast = Broadcast {
            destinations: destinations.collect(),
            follow: Follow::Primary,
        };
        let plan = Plan::of(&broadcast, format());
        let now = MediaTime::from_millis(7_777);
        let began = DateTime::parse_from_rfc3339("2026-11-23T14:00:02+01:00").unwrap();
        Self {
            journal: Journal::new(plan, began, now),
            now,
            stats: Stats {
                target: CEILING,
                ceiling: CEILING,
                captured_fps: 30.0,
                stream_latency: Some(LATENCY),
                ..Stats::default()
            },
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            states: Vec::new(),
        }
    }

    fn hear(&mut self, event: &Event) {
        self.journal.hear(event, self.now);
    }

    fn status(&mut self, status: StreamStatus) {
        if self.states.is_empty() && self.names.len() > 1 {
            self.states = self.names.iter().map(|name| state(name)).collect();
        }
        if let Some(primary) = self.states.first_mut() {
            primary.status = status.clone();
        }
        self.hear(&Event::Status(status));
        self.tell_destinations();
    }

    fn tell_destinations(&mut self) {
        if !self.states.is_empty() {
            let event = Event::Destinations(self.states.clone());
            self.hear(&event);
        }
    }

    fn live(&mut self) {
        let since = self.now;
        let text = "Live: the server confirms that the stream arrives";
        self.say(Severity::Good, Cause::Server, text);
        self.status(StreamStatus::Live {
            host: "live.example.org".into(),
            since,
        });
    }

    fn lose(&mut self, because: Failure) {
        let text = format!("{because} Trying again now.");
        let cause = super::fault::culprit(&because);
        self.say(Severity::Error, cause, &text);
        self.reconnect(1, because);
    }

    /// It is noticed only now that nothing arrived for `down` milliseconds.
    fn lose_late(&mut self, because: Failure, down: u64) {
        let cause = super::fault::culprit(&because);
        let told = Decision::new(self.now, Severity::Error, cause, because.to_string());
        let figures = [("attempt", 1.0), ("down_s", down as f64 / 1000.0)];
        self.hear(&Event::Decision(told.with_figures(figures)));
        self.reconnect(1, because);
    }

    fn reconnect(&mut self, attempt: u32, because: Failure) {
        self.status(StreamStatus::Reconnecting {
            host: "live.example.org".into(),
            attempt,
            retry_at: self.now,
            because,
        });
    }

    fn say(&mut self, severity: Severity, cause: Cause, text: &str) {
        self.hear(&Event::Decision(Decision {
            at: self.now,
            severity,
            cause,
            text: text.to_owned(),
            figures: Vec::new(),
            destination: None,
        }));
    }

    /// Time goes by; `each` may change the figures before every tick.
    fn run(&mut self, millis: u64, mut each: impl FnMut(&mut Stats)) {
        let mut left = Duration::from_millis(millis);
        while left > Duration::ZERO {
            let step = left.min(TICK);
            left -= step;
            self.now = self.now + step;
            self.stats.frames_encoded += 7;
            self.stats.sent = self.stats.target;
            self.stats.bytes_sent += self.stats.target.bytes_in(step);
            each(&mut self.stats);
            let stats = self.stats;
            self.hear(&Event::Stats(stats));
            self.tell_destinations();
        }
    }

    fn wait(&mut self, millis: u64) {
        self.run(millis, |_| ());
    }

    fn stop(mut self) -> Report {
        for state in &mut self.states {
            state.status = StreamStatus::Stopping;
        }
        self.status(StreamStatus::Stopping);
        self.now = self.now + Duration::from_millis(120);
        self.say(Severity::Info, Cause::User, "Stopped");
        self.status(StreamStatus::Offline { because: None });
        self.hear(&Event::Destinations(Vec::new()));
        self.journal.finish(self.now)
    }
}

fn state(name: &str) -> DestinationState {
    DestinationState {
        name: name.to_owned(),
        status: StreamStatus::Connecting {
            host: name.to_owned(),
        },
        on_backup: false,
        backup_ready: None,
        sent: CEILING,
        advised: CEILING,
        queue: Duration::from_millis(40),
        latency: None,
        stream_latency: Some(LATENCY),
        round_trip: None,
        frames_sent: 0,
        frames_dropped: 0,
        acknowledged: 0,
        disconnects: 0,
    }
}

fn format() -> OutputFormat {
    OutputFormat {
        video: VideoFormat {
            size: PixelSize::new(1280, 720),
            frame_rate: FrameRate::new(30),
            bitrate: Bitrate::from_kbps(2_500),
            key_frame_interval: 60,
        },
        audio: AudioFormat {
            sample_rate: 48_000,
            channels: 2,
            bitrate: Bitrate::from_kbps(128),
        },
        rate: RateControl::for_ceiling(Bitrate::from_kbps(2_500)),
    }
}

fn peer() -> Peer {
    Peer {
        host: "live.example.org".into(),
        port: 443,
        app: "app".into(),
    }
}

fn stalled() -> Failure {
    Failure::stalled(&peer(), Duration::from_secs(3))
}

fn closed() -> Failure {
    Failure::closed(&peer(), crate::rtmp::refusal::Step::Publishing, true)
}

fn unplugged() -> CaptureError {
    CaptureError::Missing {
        kind: DeviceKind::Camera,
        wanted: "HD Webcam C920".into(),
    }
}

/// Five minutes with six different faults.
pub(crate) fn evening() -> Report {
    let mut it = Rehearsal::to(&["YouTube"]);
    it.say(
        Severity::Good,
        Cause::Source,
        "Ready: HD Webcam C920, 1280×720 at 30 fps, MJPEG",
    );
    it.wait(410);
    it.live();
    it.wait(40_000);
    // The uplink slows down.
    let text = "The uplink carries 1,180 kb/s: 2,500 → 1,050 kb/s (480 ms waiting)";
    it.say(Severity::Warning, Cause::Uplink, text);
    let mut tick = 0;
    it.run(22_000, |stats| {
        tick += 1;
        let target = if tick < 60 {
            1_178
        } else {
            1_178 + (tick - 60) * 45
        };
        stats.target = Bitrate::from_kbps(target);
        stats.sent = Bitrate::from_kbps(target - target / 40 * (tick % 3));
        stats.queue = Duration::from_millis(if tick < 8 { 480 } else { 60 });
    });
    it.say(
        Severity::Good,
        Cause::Uplink,
        "The uplink recovered: back to 2,500 kb/s",
    );
    it.run(30_000, |stats| stats.target = CEILING);
    // The server closes.
    it.lose(closed());
    it.run(2_100, |stats| stats.sent = Bitrate::ZERO);
    it.live();
    it.wait(31_000);
    // The camera is pulled out.
    let text = format!("{}", unplugged());
    it.say(Severity::Warning, Cause::Source, &text);
    it.hear(&Event::VideoSource(SourceEvent::Lost(unplugged())));
    it.wait(11_400);
    it.say(
        Severity::Good,
        Cause::Source,
        "Ready: HD Webcam C920, 1280×720 at 30 fps, MJPEG",
    );
    it.hear(&Event::VideoSource(SourceEvent::Ready {
        description: "HD Webcam C920".into(),
    }));
    it.wait(38_000);
    // This computer is busy.
    let text = "This computer is too slow for 1280×720 at 30 fps: 41 frames left out in the last 5 s. Choose a \
                smaller size or frame rate, or close other programs.";
    it.run(2_500, |stats| stats.frames_skipped += 3);
    it.say(Severity::Warning, Cause::Encoder, text);
    it.run(4_000, |stats| stats.frames_skipped += 2);
    it.wait(24_000);
    // The link is gone, then the server thinks we are still there.
    it.lose(stalled());
    for attempt in 2..10 {
        it.run(1_000, |stats| stats.sent = Bitrate::ZERO);
        let failure = Failure::offline(&peer(), "Network is unreachable");
        it.reconnect(attempt, failure);
    }
    it.lose(Failure::name_in_use(&peer(), "NetStream.Publish.BadName"));
    it.run(3_600, |stats| stats.sent = Bitrate::ZERO);
    it.live();
    it.wait(33_000);
    // The way jams so suddenly that frames are dropped.
    it.say(
        Severity::Warning,
        Cause::Uplink,
        "14 pictures left out: 2.1 s of media were waiting",
    );
    it.run(1_750, |stats| {
        stats.frames_dropped += 2;
        stats.target = Bitrate::from_kbps(700);
        stats.queue = Duration::from_millis(2_100);
    });
    it.run(14_000, |stats| {
        stats.target = Bitrate::from_kbps(stats.target.kbps() + 40).min(CEILING);
        stats.queue = Duration::from_millis(30);
    });
    it.run(50_000, |stats| stats.target = CEILING);
    it.stop()
}

/// Two destinations, of which the second is lost for good.
pub(crate) fn two_destinations() -> Report {
    let mut it = Rehearsal::to(&["YouTube", "Village <hall>"]);
    it.status(StreamStatus::Connecting { host: "a".into() });
    it.wait(500);
    it.live();
    it.states[1].status = StreamStatus::Live {
        host: "b".into(),
        since: it.now,
    };
    it.wait(20_000);
    it.states[1].frames_dropped += 12;
    it.wait(250);
    it.wait(9_750);
    it.states[1].status = StreamStatus::Reconnecting {
        host: "b".into(),
        attempt: 1,
        retry_at: it.now,
        because: closed(),
    };
    it.tell_destinations();
    it.wait(30_000);
    it.stop()
}

fn faults(report: &Report) -> Vec<(Loss, Cause, u64)> {
    let incidents = report.incidents.iter();
    incidents
        .map(|it| (it.fault.loss, it.fault.cause, it.lost))
        .collect()
}

/// Of each fault the incidents' time is the account's.
fn assert_sums(report: &Report) {
    assert_eq!(report.account.whole(), report.length);
    for (fault, millis) in report.account.faults() {
        let told = report.incidents.iter().filter(|it| it.fault == fault);
        let told: u64 = told.map(|it| it.lost).sum();
        let omitted = report.omitted.time.of(fault.loss, fault.cause);
        assert_eq!(told + omitted, millis, "{fault:?}");
    }
    let slices = report.timeline.slices().iter();
    let (perfect, lost) = slices.fold((0, 0), |(perfect, lost), slice| {
        (perfect + slice.perfect, lost + slice.lost)
    });
    assert_eq!(perfect, report.account.perfect);
    assert_eq!(lost, report.account.lost(|_| true));
}

#[test]
fn a_stream_without_trouble_is_all_as_it_should_be() {
    let mut it = Rehearsal::to(&["YouTube"]);
    it.wait(400);
    it.live();
    it.wait(60_000);
    let report = it.stop();
    assert_sums(&report);
    assert_eq!(report.verdict(), "All of 1 min 00 s arrived as it should.");
    assert_eq!(report.live_at, Some(400));
    assert_eq!((report.account.starting, report.account.ending), (400, 120));
    assert!(report.story().is_empty());
}

#[test]
fn each_fault_is_put_down_to_its_cause_with_its_time() {
    use Cause::{Encoder, Server, Source, Uplink};
    let report = evening();
    assert_sums(&report);
    let expected = [
        (Loss::Detail, Uplink, 22_000),
        (Loss::Dark, Server, 2_100),
        (Loss::Source, Source, 11_400),
        (Loss::Frames, Encoder, 6_500),
        (Loss::Dark, Uplink, 8_000),
        (Loss::Dark, Server, 3_600),
        (Loss::Frames, Uplink, 1_750),
    ];
    let faults = faults(&report);
    assert_eq!(faults[..7], expected, "{faults:?}");
    assert_eq!((faults[7].0, faults[7].1), (Loss::Detail, Uplink));
    let verdict = report.verdict();
    for words in [
        "14 s dark (uplink, server)",
        "without camera or microphone (source)",
    ] {
        assert!(verdict.contains(words), "{verdict}");
    }
    assert_eq!(report.disconnects, 2);
}

#[test]
fn an_incident_has_the_words_that_explained_it() {
    let report = evening();
    let why = |index: usize| report.incidents[index].why.as_deref().unwrap_or_default();
    for (index, words) in [
        (0, "The uplink carries 1,180 kb/s"),
        (1, "closed the connection"),
        (2, "HD Webcam C920"),
        (3, "This computer is too slow"),
        (4, "arrived in the last 3 seconds"),
        (5, "is in use"),
        (6, "14 pictures left out"),
    ] {
        assert!(why(index).contains(words), "{index}: {}", why(index));
    }
    assert_eq!(report.incidents[4].figures.attempts, 8);
    assert_eq!(report.incidents[6].figures.dropped, 14);
    assert_eq!(report.incidents[0].figures.lowest_kbps, Some(1_178));
}

#[test]
fn what_an_outage_cost_belongs_to_it_though_it_shows_only_when_it_is_over() {
    let mut it = Rehearsal::to(&["YouTube"]);
    it.live();
    it.wait(2_000);
    it.lose(closed());
    it.run(1_000, |stats| stats.frames_dropped += 7);
    it.live();
    it.run(250, |stats| stats.frames_dropped += 4);
    it.wait(2_000);
    let report = it.stop();
    assert_sums(&report);
    assert_eq!(faults(&report), [(Loss::Dark, Cause::Server, 1_000)]);
    assert_eq!(report.incidents[0].figures.dropped, 4 * 7 + 4);
}

#[test]
fn darkness_begins_when_nothing_arrived_any_more_not_when_that_was_noticed() {
    for names in [&["YouTube"][..], &["YouTube", "b"]] {
        let mut it = Rehearsal::to(names);
        it.live();
        it.wait(10_000);
        it.run(2_000, |stats| {
            stats.target = Bitrate::from_kbps(800);
            stats.frames_dropped += 1;
        });
        it.lose_late(stalled(), 2_700);
        it.wait(1_000);
        it.live();
        it.run(5_000, |stats| stats.target = CEILING);
        let report = it.stop();
        assert_sums(&report);
        assert_eq!(faults(&report), [(Loss::Dark, Cause::Uplink, 3_700)]);
        let dark = &report.incidents[0];
        assert_eq!((dark.begin, dark.figures.dropped), (9_300, 8));
        assert!(dark.why.is_some());
    }
}

#[test]
fn words_about_frames_do_not_explain_a_bitrate() {
    let mut it = Rehearsal::to(&["YouTube"]);
    it.live();
    it.wait(1_000);
    let at = it.now;
    let text = "12 pictures left out: The connection was down.".to_owned();
    let dropped = Decision::new(at, Severity::Warning, Cause::Uplink, text);
    it.hear(&Event::Decision(dropped.with_figures([("frames", 12.0)])));
    it.run(3_000, |stats| stats.target = Bitrate::from_kbps(800));
    let report = it.stop();
    assert_eq!(faults(&report), [(Loss::Detail, Cause::Uplink, 3_000)]);
    assert_eq!(report.incidents[0].why, None);
}

#[test]
fn several_faults_at_once_count_for_the_worst() {
    let mut it = Rehearsal::to(&["YouTube"]);
    it.live();
    it.wait(1_000);
    it.hear(&Event::VideoSource(SourceEvent::Lost(unplugged())));
    it.run(1_000, |stats| {
        stats.target = Bitrate::from_kbps(500);
        stats.frames_dropped += 1;
    });
    it.lose(closed());
    it.wait(1_000);
    it.live();
    it.wait(1_000);
    it.hear(&Event::VideoSource(SourceEvent::Ready {
        description: String::new(),
    }));
    it.run(1_000, |stats| stats.frames_dropped += 1);
    it.wait(1_000);
    let report = it.stop();
    assert_sums(&report);
    let (account, uplink) = (&report.account, Cause::Uplink);
    assert_eq!(account.of(Loss::Source, Cause::Source), 2_000);
    assert_eq!(account.of(Loss::Dark, Cause::Server), 1_000);
    assert_eq!(account.of(Loss::Frames, uplink), 1_000);
    assert_eq!(account.of(Loss::Detail, uplink), 1_000);
    assert_eq!(account.perfect, 1_000);
}

#[test]
fn an_encoder_that_brings_forth_nothing_is_noticed() {
    let mut it = Rehearsal::to(&["YouTube"]);
    it.live();
    it.wait(1_000);
    it.run(10_000, |stats| stats.frames_encoded -= 7);
    let report = it.stop();
    // What is late is not lost yet.
    assert_eq!(report.account.of(Loss::Frames, Cause::Encoder), 7_000);
}

#[test]
fn a_picture_that_stands_still_so_that_the_sound_stays_is_put_down_to_the_uplink() {
    let mut it = Rehearsal::to(&["YouTube", "b"]);
    it.live();
    it.states[1].status = it.states[0].status.clone();
    it.wait(1_000);
    it.say(
        Severity::Warning,
        Cause::Uplink,
        "Even the lowest bitrate is too much",
    );
    it.run(4_000, |stats| {
        stats.target = Bitrate::from_kbps(428);
        stats.frames_encoded -= 7;
        stats.frames_thinned += 7;
    });
    let report = it.stop();
    assert_eq!(faults(&report), [(Loss::Frames, Cause::Uplink, 4_000)]);
    assert_eq!(report.incidents[0].figures.missing(), 16 * 7);
    let second = &report.destinations[1].account;
    assert_eq!(second.of(Loss::Frames, Cause::Uplink), 4_000);
}

#[test]
fn a_deaf_encoder_is_blamed_for_the_bitrate_that_fell_because_of_it() {
    let mut it = Rehearsal::to(&["YouTube"]);
    it.live();
    it.wait(1_000);
    it.say(
        Severity::Warning,
        Cause::Encoder,
        "The encoder does not obey",
    );
    it.run(5_000, |stats| stats.target = Bitrate::from_kbps(500));
    let report = it.stop();
    assert_eq!(faults(&report), [(Loss::Detail, Cause::Encoder, 5_000)]);
    let why = report.incidents[0].why.as_deref();
    assert_eq!(why, Some("The encoder does not obey"));
}

#[test]
fn a_stream_that_never_was_live_says_why() {
    let mut it = Rehearsal::to(&["YouTube"]);
    it.wait(700);
    let because = Some(Failure::publish_denied(&peer(), "NetStream.Publish.Denied"));
    it.status(StreamStatus::Offline { because });
    let report = it.journal.finish(it.now);
    assert!(report.verdict().starts_with("It never went live. "));
    assert_eq!(report.account.starting, 700);
    assert_eq!(report.account.perfect_permille(), 0);
    assert!(to_html(&report).contains("It never went live."));
}

#[test]
fn what_only_the_recording_missed_is_told_and_not_counted() {
    let mut it = Rehearsal::to(&["YouTube"]);
    it.live();
    it.hear(&Event::Recording(RecordingStatus::Recording {
        path: "/home/somebody/talk.flv".into(),
        bytes: 1_000_000,
        duration: Duration::from_secs(3),
    }));
    it.wait(10_000);
    it.hear(&Event::Recording(RecordingStatus::Failed {
        path: "/home/somebody/talk.flv".into(),
        message: "The disk is full".into(),
    }));
    it.wait(5_000);
    let report = it.stop();
    assert_eq!(report.account.perfect_permille(), 1000);
    assert_eq!(faults(&report), [(Loss::Recording, Cause::Disk, 5_120)]);
    let page = to_html(&report);
    assert!(page.contains("The disk is full") && page.contains("talk.flv"));
    assert!(!page.contains("somebody"));
}

#[test]
fn each_destination_has_an_account_of_its_own() {
    let report = two_destinations();
    assert_sums(&report);
    assert_eq!(report.account.perfect_permille(), 1000);
    let [first, second] = &report.destinations[..] else {
        panic!("{:?}", report.destinations);
    };
    assert_eq!(first.account, report.account);
    assert_eq!(second.account.whole(), report.length);
    assert_eq!(second.account.of(Loss::Dark, Cause::Server), 30_000);
    assert_eq!(second.account.of(Loss::Frames, Cause::Uplink), 250);
    assert_eq!(second.disconnects, 1);
    assert_eq!(
        report.verdict(),
        "All of 1 min 00 s arrived as it should at YouTube. Village <hall>: 49.3 %."
    );
    let told: Vec<_> = report.story().iter().map(|it| it.destination).collect();
    assert_eq!(told, [Some("Village <hall>"); 2]);
}

#[test]
fn two_days_of_trouble_stay_bounded() {
    let mut it = Rehearsal::to(&["YouTube"]);
    it.live();
    for minute in 0..48 * 60 {
        it.wait(50_000);
        it.run(5_000, |stats| stats.frames_dropped += minute % 2);
        it.say(Severity::Warning, Cause::Uplink, "Pictures left out");
        it.lose(closed());
        it.wait(5_000);
        it.live();
    }
    let report = it.stop();
    assert_sums(&report);
    assert!(report.incidents.len() <= incident::MOST + 1);
    assert!(report.timeline.slices().len() <= timeline::MOST);
    assert!(report.log.omitted() > 0);
    assert_eq!(
        report.account.of(Loss::Dark, Cause::Server),
        48 * 60 * 5_000
    );
    assert!(to_html(&report).len() < 2_000_000);
    assert!(json::to_json(&report).to_string().len() < 2_000_000);
}

#[test]
fn json_says_the_same_and_its_parts_are_the_whole() {
    for report in [evening(), two_destinations()] {
        let text = json::to_json(&report).to_string();
        let value: Value = serde_json::from_str(&text).unwrap();
        let number = |value: &Value| value.as_u64().unwrap();
        let accounts = value["destinations"].as_array().unwrap().iter();
        for holder in accounts.chain([&value]) {
            let account = &holder["account"];
            let faults = account["faults"].as_array().unwrap();
            let lost: u64 = faults.iter().map(|fault| number(&fault["ms"])).sum();
            let parts =
                ["starting_ms", "perfect_ms", "ending_ms"].map(|name| number(&account[name]));
            let whole = number(&account["whole_ms"]);
            assert_eq!(parts.iter().sum::<u64>() + lost, whole);
            assert_eq!(whole, number(&value["length_ms"]));
            let incidents = holder["incidents"].as_array().unwrap();
            let told: u64 = incidents.iter().map(|it| number(&it["lost_ms"])).sum();
            assert_eq!(told + number(&holder["incidents_omitted"]["lost_ms"]), lost);
        }
        let columns = value["timeline"].as_object().unwrap();
        let lengths = columns.values().filter_map(Value::as_array).map(Vec::len);
        let expected = report.timeline.slices().len();
        assert!(lengths.clone().count() == 10 && lengths.clone().all(|it| it == expected));
        let lost: u64 = value["timeline"]["lost_ms"]
            .as_array()
            .unwrap()
            .iter()
            .map(number)
            .sum();
        assert_eq!(lost, report.account.lost(|_| true));
    }
}

#[test]
fn both_forms_tell_how_long_pictures_took_to_the_wire() {
    let report = two_destinations();
    let value = json::to_json(&report);
    let expected = json!({ "p50": 18.5, "p95": 31.0, "max": 1288.0 });
    assert_eq!(value["latency_ms"], expected);
    assert_eq!(value["destinations"][1]["latency_ms"], expected);
    let page = to_html(&report);
    assert!(page.contains("19 ms for half of the pictures, 31 ms for 95 of 100, 1,288 ms at most"));
    assert!(page.contains("<td>19 ms</td>"));
}

#[test]
fn neither_form_shows_a_secret_or_more_of_an_address_than_its_host() {
    let report = evening();
    for text in [to_html(&report), json::to_json(&report).to_string()] {
        for secret in SECRETS.iter().chain(&["/app"]) {
            assert!(!text.contains(secret), "{secret}");
        }
        assert!(text.contains("rtmps://live.example.org"));
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = to_html(&evening());
    for outside in [
        "http:", "https:", "<script", "<link", "src=", "@import", "<img",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    for loss in [Loss::Dark, Loss::Source, Loss::Frames, Loss::Detail] {
        assert!(page.contains(&format!("<li class=\"{}\">", loss_name(loss))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_from_outside_becomes_markup(text in "[<>&\"'a/=\\x00-\\x1f]{1,40}") {
        let nasty = format!("<script>{text}");
        let mut it = Rehearsal::to(&[&nasty, &nasty]);
        it.live();
        it.say(Severity::Warning, Cause::Uplink, &nasty);
        it.run(1_000, |stats| stats.frames_dropped += 1);
        it.lose(Failure::of_ours(closed().cause, &nasty, &nasty).with_server_words(&nasty, &Secret::default()));
        it.wait(1_000);
        it.hear(&Event::Recording(RecordingStatus::Failed { path: (&nasty).into(), message: nasty.clone() }));
        let page = to_html(&it.stop());
        prop_assert!(!page.contains("<script"));
        // Whatever came in, the page has the tags of a page without it.
        let tags = |page: &str| page.matches('<').count();
        let mut calm = Rehearsal::to(&["a", "a"]);
        calm.live();
        calm.say(Severity::Warning, Cause::Uplink, "a");
        calm.run(1_000, |stats| stats.frames_dropped += 1);
        calm.lose(Failure::of_ours(closed().cause, "a", "a").with_server_words("a", &Secret::default()));
        calm.wait(1_000);
        calm.hear(&Event::Recording(RecordingStatus::Failed { path: "a".into(), message: "a".into() }));
        prop_assert_eq!(tags(&page), tags(&to_html(&calm.stop())));
    }

    #[test]
    fn the_parts_are_the_whole_whatever_happens(
        steps in prop::collection::vec((0u8..7, 0u64..9_000, 0u64..3), 1..60)
    ) {
        let mut it = Rehearsal::to(&["YouTube", "b"]);
        for (what, millis, missing) in steps {
            match what {
                0 => it.live(),
                1 => it.lose(closed()),
                2 => it.lose_late(stalled(), millis / 2),
                3 => it.hear(&Event::VideoSource(SourceEvent::Lost(unplugged()))),
                4 => it.hear(&Event::VideoSource(SourceEvent::Ready { description: String::new() })),
                5 => it.stats.target = Bitrate::from_kbps(800),
                _ => it.stats.target = CEILING,
            }
            it.run(millis, |stats| stats.frames_dropped += missing);
        }
        let report = it.stop();
        assert_sums(&report);
        for destination in &report.destinations {
            prop_assert_eq!(destination.account.whole(), report.length);
        }
        let unknown = |fault: Fault| fault.loss == Loss::Recording;
        prop_assert_eq!(report.account.lost(unknown), 0);
    }
}
