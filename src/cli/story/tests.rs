//! What people and programs get to read.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use super::*;
use crate::{
    control::bitrate::Figure,
    engine::event::{Cause, Latency, Severity},
    rtmp::refusal::{Failure, Peer, Step},
    units::Bitrate,
};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Without the time before them.
    fn texts(&self) -> Vec<String> {
        let lines = self.lines();
        lines.iter().map(|line| line[10..].to_owned()).collect()
    }

    fn values(&self) -> Vec<Value> {
        let lines = self.lines();
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn story(json: bool) -> (Story, Page) {
    let page = Page::default();
    (Story::on(Box::new(page.clone()), json), page)
}

fn closed() -> Failure {
    let peer = Peer {
        host: "a.example".into(),
        port: 1935,
        app: "live".into(),
    };
    Failure::closed(&peer, Step::Publishing, true)
}

fn decision(severity: Severity, text: &str, destination: Option<&str>) -> Event {
    Event::Decision(Decision {
        at: MediaTime::ZERO,
        severity,
        cause: Cause::Uplink,
        text: text.to_owned(),
        figures: vec![Figure {
            name: "queue_ms",
            value: 480.0,
        }],
        destination: destination.map(str::to_owned),
    })
}

fn live() -> StreamStatus {
    StreamStatus::Live {
        host: "a.example".into(),
        since: MediaTime::ZERO,
    }
}

fn reconnecting(attempt: u32) -> StreamStatus {
    StreamStatus::Reconnecting {
        host: "a.example".into(),
        attempt,
        retry_at: MediaTime::from_millis(90_000),
        because: closed(),
    }
}

fn destination(name: &str, status: StreamStatus) -> DestinationState {
    DestinationState {
        name: name.into(),
        status,
        on_backup: false,
        backup_ready: Some(true),
        sent: Bitrate::from_kbps(2_400),
        advised: Bitrate::from_kbps(2_500),
        queue: Duration::from_millis(42),
        latency: Some(Latency {
            p50: Duration::from_millis(19),
            p95: Duration::from_micros(30_500),
            max: Duration::from_millis(88),
        }),
        stream_latency: None,
        round_trip: Some(Duration::from_millis(38)),
        frames_sent: 300,
        frames_dropped: 2,
        acknowledged: 1_000_000,
        disconnects: 1,
    }
}

#[test]
fn attempts_each_second_do_not_flood() {
    let (mut story, page) = story(false);
    let mut lines = Vec::new();
    for second in 0..35u32 {
        let now = MediaTime::from_millis(u64::from(second) * 1_000);
        let cause = if second < 5 {
            "Closed."
        } else {
            "No way, 3 s."
        };
        let text = format!("{cause} Trying again in {} s.", second % 3);
        story.tell(&decision(Severity::Error, &text, None), now);
        story.tell(&Event::Status(reconnecting(second + 1)), now);
        let told = page.texts();
        if told.len() > lines.len() {
            lines = told;
        }
    }
    let what = closed().what;
    assert_eq!(
        lines,
        [
            "Error: Closed. Trying again in 0 s.".to_owned(),
            "Error: No way, 3 s. Trying again in 2 s.".to_owned(),
            format!("Still reconnecting, attempt 16: {what}"),
            format!("Still reconnecting, attempt 26: {what}"),
        ]
    );
    // The next outage is news again.
    let later = MediaTime::from_millis(60_000);
    story.tell(&Event::Status(live()), later);
    story.tell(
        &decision(Severity::Error, "Closed. Trying again now.", None),
        later,
    );
    assert_eq!(page.texts().len(), 5);
}

#[test]
fn several_destinations_are_told_by_their_names() {
    let (mut story, page) = story(false);
    let now = MediaTime::from_millis(1_000);
    let one = |name, status| Event::Destinations(vec![destination(name, status)]);
    story.tell(&one("A", live()), now);
    story.tell(&decision(Severity::Warning, "Slow", Some("A")), now);
    let two = vec![destination("A", live()), destination("B", reconnecting(3))];
    story.tell(&Event::Destinations(two), now);
    story.tell(&decision(Severity::Error, "Closed.", Some("B")), now);
    story.tell(&decision(Severity::Error, "Closed.", Some("A")), now);
    story.tell(&decision(Severity::Info, "Bitrate", None), now);
    story.tell(&Event::Status(live()), now);
    story.tell(&Event::Stats(Stats::default()), now);
    let told = page.texts();
    assert_eq!(
        told[..4],
        [
            "Warning: Slow",
            "B: Error: Closed.",
            "A: Error: Closed.",
            "Bitrate"
        ]
    );
    assert!(told[4].ends_with("A live, B reconnecting"), "{told:?}");
}

#[test]
fn programs_get_every_field() {
    let (mut story, page) = story(true);
    let now = MediaTime::from_millis(88_000);
    let mut states = vec![destination("A", live()), destination("B", reconnecting(3))];
    story.tell(&Event::Destinations(states.clone()), now);
    // The same again at once is not news, another state is.
    story.tell(&Event::Destinations(states.clone()), now);
    states[1].on_backup = true;
    story.tell(&Event::Destinations(states), now);
    story.tell(&decision(Severity::Warning, "Slow", Some("A")), now);
    let stats = Stats {
        ceiling: Bitrate::from_kbps(2_628),
        delivered: Bitrate::from_kbps(2_100),
        ..Stats::default()
    };
    story.tell(&Event::Stats(stats), now);
    story.tell(&Event::Destinations(Vec::new()), now);
    let told = page.values();
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told.iter().all(|value| value["at_ms"] == 88_000));
    let second = &told[0]["destinations"][1];
    let because = closed().to_string();
    assert_eq!(
        *second,
        json!({
            "name": "B", "state": "reconnecting", "host": "a.example", "attempt": 3, "retry_in_ms": 2_000,
            "because": because, "on_backup": false, "backup_ready": true, "sent_kbps": 2_400,
            "advised_kbps": 2_500, "queue_ms": 42,
            "latency_ms": { "p50": 19.0, "p95": 30.5, "max": 88.0 }, "stream_latency_ms": null,
            "round_trip_ms": 38.0, "frames_sent": 300,
            "frames_dropped": 2, "acknowledged_bytes": 1_000_000, "disconnects": 1,
        })
    );
    assert_eq!(told[1]["destinations"][1]["on_backup"], true);
    assert_eq!(told[2]["figures"], json!({ "queue_ms": 480.0 }));
    assert_eq!(told[2]["destination"], "A");
    assert_eq!(told[3]["ceiling_kbps"], 2_628);
    assert_eq!(told[3]["delivered_kbps"], 2_100);
    assert_eq!(told[4]["destinations"], json!([]));
}

#[test]
fn programs_are_told_each_attempt() {
    let (mut story, page) = story(true);
    for attempt in 1..4 {
        story.tell(&Event::Status(reconnecting(attempt)), MediaTime::ZERO);
    }
    let attempts: Vec<_> = page
        .values()
        .iter()
        .map(|it| it["attempt"].clone())
        .collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert!(page.values().iter().all(|it| it["event"] == "state"));
}
