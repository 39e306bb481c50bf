//! Hears the engine's events while a stream lasts, and judges each moment.

use chrono::{DateTime, FixedOffset};

use super::{
    fault::{Fault, Judgement, Loss, Phase, Signs, is_reduced},
    finished::{DestinationReport, RecordingReport, Report},
    incident::{Figures, Incident},
    lane::{Lane, Moment},
    log::Log,
    plan::Plan,
    timeline::{Timeline, millis},
};
use crate::{
    capture::source::SourceEvent,
    engine::event::{
        Cause, Decision, DestinationState, Event, RecordingStatus, Severity, Stats, StreamStatus,
    },
    units::{Bitrate, MediaTime},
};

/// What a report needs of a stream, from the moment going live was asked for. Its size is bounded, however long
/// the stream lasts.
#[derive(Clone, Debug)]
pub struct Journal {
    plan: Plan,
    began: DateTime<FixedOffset>,
    since: MediaTime,
    /// The stream as the status tells of it: the primary destination.
    stream: Lane,
    destinations: Vec<Tracked>,
    timeline: Timeline,
    log: Log,
    recording: Option<RecordingReport>,
    stats: Option<Stats>,
    is_video_lost: bool,
    is_audio_lost: bool,
    /// When pictures last came from the encoder.
    encoded_at: u64,
    /// Who was last blamed for lost frames, and when.
    blamed: Option<(u64, Cause)>,
    rate_blamed: Cause,
}

/// A destination and the counters it was last seen with.
#[derive(Clone, Debug)]
struct Tracked {
    state: DestinationState,
    skipped: u64,
    thinned: u64,
    on_backup: u64,
    lane: Lane,
}

impl Journal {
    /// Going live as planned was asked for at `now`, which is `began` on the wall.
    #[must_use]
    pub fn new(plan: Plan, began: DateTime<FixedOffset>, now: MediaTime) -> Self {
        Self {
            plan,
            began,
            since: now,
            stream: Lane::default(),
            destinations: Vec::new(),
            timeline: Timeline::default(),
            log: Log::default(),
            recording: None,
            stats: None,
            is_video_lost: false,
            is_audio_lost: false,
            encoded_at: 0,
            blamed: None,
            rate_blamed: Cause::Uplink,
        }
    }

    /// Takes in what happened at `now`.
    pub fn hear(&mut self, event: &Event, now: MediaTime) {
        let at = self.at(now);
        match event {
            Event::Status(status) => self.hear_status(status, at),
            Event::Destinations(states) => self.hear_destinations(states, at),
            Event::Stats(stats) => self.hear_stats(stats, at),
            Event::Decision(decision) => self.hear_decision(decision, at),
            Event::VideoSource(event) => {
                self.settle(at, &Figures::default());
                self.is_video_lost = matches!(event, SourceEvent::Lost(_));
            }
            Event::AudioSource(event) => {
                self.settle(at, &Figures::default());
                self.is_audio_lost = matches!(event, SourceEvent::Lost(_));
            }
            Event::Recording(status) => self.hear_recording(status, at),
            Event::Levels(_) | Event::Devices { .. } | Event::Encoder(_) => {}
        }
    }

    /// It is over at `now`.
    #[must_use]
    pub fn finish(mut self, now: MediaTime) -> Report {
        let end = self.at(now);
        self.settle(end, &Figures::default());
        let (mut incidents, omitted) = self.stream.incidents.finish();
        incidents.extend(self.recording.as_ref().and_then(|it| it.incident(end)));
        let signs = signs_of(self.stats.as_ref(), self.rate_blamed);
        let destinations = self.destinations.into_iter().map(|mut tracked| {
            tracked.lane.settle(end, &signs, &Figures::default());
            let (incidents, omitted) = tracked.lane.incidents.finish();
            DestinationReport {
                name: tracked.state.name,
                account: tracked.lane.account,
                incidents,
                omitted,
                live_at: tracked.lane.live_at,
                ended: tracked.lane.ended,
                disconnects: tracked.lane.disconnects,
                on_backup: tracked.on_backup,
                frames_sent: tracked.state.frames_sent,
                frames_dropped: tracked.state.frames_dropped,
                latency: tracked.state.stream_latency,
                acknowledged: tracked.state.acknowledged,
            }
        });
        Report {
            destinations: destinations.collect(),
            plan: self.plan,
            began: self.began,
            length: end,
            live_at: self.stream.live_at,
            ended: self.stream.ended,
            disconnects: self.stream.disconnects,
            account: self.stream.account,
            incidents,
            omitted,
            timeline: self.timeline,
            log: self.log,
            recording: self.recording,
            stats: self.stats.unwrap_or_default(),
        }
    }

    /// Milliseconds since going live was asked for.
    fn at(&self, now: MediaTime) -> u64 {
        millis(now.since(self.since)).max(self.stream.settled())
    }

    fn hear_status(&mut self, status: &StreamStatus, at: u64) {
        self.settle(at, &Figures::default());
        self.stream.follow(status, at);
        self.encoded_at = self.encoded_at.max(at);
    }

    fn hear_stats(&mut self, stats: &Stats, at: u64) {
        let last = self.stats.replace(*stats).unwrap_or(*stats);
        if stats.frames_encoded != last.frames_encoded || stats.frames_encoded == 0 {
            self.encoded_at = at;
        }
        if stats.target < last.target {
            self.rate_blamed = self.recently_blamed(at).unwrap_or(Cause::Uplink);
        }
        let figures = Figures {
            dropped: stats.frames_dropped.saturating_sub(last.frames_dropped),
            skipped: stats.frames_skipped.saturating_sub(last.frames_skipped),
            thinned: stats.frames_thinned.saturating_sub(last.frames_thinned),
            lowest_kbps: is_reduced(stats.target, stats.ceiling).then(|| stats.target.kbps()),
            longest_queue: millis(stats.queue),
            attempts: 0,
        };
        self.settle(at, &figures);
        self.timeline.sample(
            at,
            stats,
            figures.dropped,
            figures.skipped + figures.thinned,
        );
    }

    /// Judges the time until `at`; `figures` are what came since the last figures.
    fn settle(&mut self, at: u64, figures: &Figures) {
        let signs = self.signs(at, figures);
        let begin = self.stream.settled();
        let judgement = self.stream.settle(at, &signs, figures);
        self.timeline.judge(begin, at, judgement);
        if matches!(judgement, Judgement::Fault(_)) {
            explain_from(&self.log, &mut self.stream, begin, |_| true);
        }
    }

    fn signs(&self, at: u64, figures: &Figures) -> Signs {
        Signs {
            source_lost: self.is_video_lost || self.is_audio_lost,
            dropped: figures.dropped,
            skipped: figures.skipped,
            thinned: figures.thinned,
            encoder_stuck: at.saturating_sub(self.encoded_at) > self.longest_pause(),
            blamed: self.recently_blamed(at),
            ..signs_of(self.stats.as_ref(), self.rate_blamed)
        }
    }

    /// The longest time without a picture that is as it should be: one that stands still gets key frames only.
    fn longest_pause(&self) -> u64 {
        let video = &self.plan.format.video;
        let interval = video.frame_rate.time_of(video.key_frame_interval.into());
        interval.as_millis() + LATE
    }

    fn recently_blamed(&self, at: u64) -> Option<Cause> {
        let (blamed_at, cause) = self.blamed?;
        (at.saturating_sub(blamed_at) <= BLAME).then_some(cause)
    }

    fn hear_destinations(&mut self, states: &[DestinationState], at: u64) {
        if states.is_empty() {
            self.end_destinations(at);
        }
        let stats = self.stats.unwrap_or_default();
        let (skipped, thinned) = (stats.frames_skipped, stats.frames_thinned);
        for (index, state) in states.iter().take(MOST_DESTINATIONS).enumerate() {
            if index == self.destinations.len() {
                self.destinations.push(Tracked {
                    state: state.clone(),
                    skipped: 0,
                    thinned: 0,
                    on_backup: 0,
                    lane: Lane::default(),
                });
            }
            let tracked = &self.destinations[index];
            let last = &tracked.state;
            let figures = Figures {
                dropped: state.frames_dropped.saturating_sub(last.frames_dropped),
                skipped: skipped.saturating_sub(tracked.skipped),
                thinned: thinned.saturating_sub(tracked.thinned),
                lowest_kbps: None,
                longest_queue: millis(state.queue),
                attempts: 0,
            };
            let signs = self.signs(at, &figures);
            let tracked = &mut self.destinations[index];
            (tracked.skipped, tracked.thinned) = (skipped, thinned);
            tracked.settle(at, &signs, &figures, &self.log);
            tracked.lane.follow(&state.status, at);
            tracked.state.clone_from(state);
        }
    }

    /// None is left: nothing is missed from now on, but by those that ended of themselves.
    fn end_destinations(&mut self, at: u64) {
        let signs = self.signs(at, &Figures::default());
        for tracked in &mut self.destinations {
            tracked.settle(at, &signs, &Figures::default(), &self.log);
            let because = tracked.lane.ended.clone();
            tracked.lane.follow(&StreamStatus::Offline { because }, at);
        }
    }

    fn hear_decision(&mut self, decision: &Decision, at: u64) {
        let destination = decision.destination.as_ref();
        if is_blame(decision) {
            self.blamed = Some((at, decision.cause));
        }
        let concerns = |name: Option<&String>| destination.is_none() || destination == name;
        let lost_at = lost_at(decision, at);
        let dark = Fault {
            loss: Loss::Dark,
            cause: decision.cause,
        };
        if lost_at.is_some() {
            self.settle(at, &Figures::default());
        }
        let signs = self.signs(at, &Figures::default());
        if concerns(self.plan.destinations.first().map(|place| &place.name)) {
            if let Some(since) = lost_at {
                for moment in self.stream.backdate(since, dark) {
                    let Moment {
                        begin,
                        end,
                        judgement,
                    } = moment;
                    self.timeline.rejudge(begin, end, judgement, dark);
                }
            }
            self.stream.explain(decision);
        }
        for tracked in &mut self.destinations {
            if concerns(Some(&tracked.state.name)) {
                if let Some(since) = lost_at {
                    tracked.settle(at, &signs, &Figures::default(), &self.log);
                    tracked.lane.backdate(since, dark);
                }
                tracked.lane.explain(decision);
            }
        }
        self.log.push(at, decision.clone());
    }

    fn hear_recording(&mut self, status: &RecordingStatus, at: u64) {
        if *status == RecordingStatus::Off {
            return;
        }
        let known = self.recording.get_or_insert_default();
        match status {
            RecordingStatus::Off => {}
            RecordingStatus::Recording {
                path,
                bytes,
                duration,
            } => {
                known.file = path.file_name().map(|name| name.display().to_string());
                known.bytes = *bytes;
                known.duration = millis(*duration);
            }
            RecordingStatus::Finished { .. } => known.is_complete = true,
            RecordingStatus::Failed { message, .. } => known.failed = Some((at, message.clone())),
        }
    }
}

impl Tracked {
    fn settle(&mut self, at: u64, signs: &Signs, figures: &Figures, log: &Log) {
        let begin = self.lane.settled();
        if self.state.on_backup && matches!(self.state.status, StreamStatus::Live { .. }) {
            self.on_backup += at.saturating_sub(begin);
        }
        let judgement = self.lane.settle(at, signs, figures);
        if matches!(judgement, Judgement::Fault(_)) {
            let name = &self.state.name;
            explain_from(log, &mut self.lane, begin, |of| of == name);
        }
    }
}

impl RecordingReport {
    /// The time that the recording misses.
    fn incident(&self, end: u64) -> Option<Incident> {
        let (begin, message) = self.failed.clone()?;
        Some(Incident {
            fault: Fault {
                loss: Loss::Recording,
                cause: Cause::Disk,
            },
            begin,
            end,
            lost: end.saturating_sub(begin),
            why: Some(message),
            remedy: None,
            figures: Figures::default(),
        })
    }
}

/// The signs that are in the figures.
fn signs_of(stats: Option<&Stats>, rate_blamed: Cause) -> Signs {
    Signs {
        phase: Phase::Starting,
        source_lost: false,
        dropped: 0,
        skipped: 0,
        thinned: 0,
        encoder_stuck: false,
        target: stats.map_or(Bitrate::ZERO, |stats| stats.target),
        ceiling: stats.map_or(Bitrate::ZERO, |stats| stats.ceiling),
        blamed: None,
        rate_blamed,
    }
}

/// Gives words that were said shortly before `begin` to what has none.
fn explain_from(log: &Log, lane: &mut Lane, begin: u64, is_own: impl Fn(&String) -> bool) {
    if lane.incidents.unexplained().next().is_none() {
        return;
    }
    let recent = log.entries().rev();
    for entry in recent.take_while(|entry| entry.at + FORESHADOW >= begin) {
        if entry.decision.destination.as_ref().is_none_or(&is_own) {
            lane.explain(&entry.decision);
        }
    }
}

/// Since when nothing arrives, if `decision`, told at `at`, is that the connection was lost.
fn lost_at(decision: &Decision, at: u64) -> Option<u64> {
    let figure = |name| {
        let found = decision.figures.iter().find(|figure| figure.name == name);
        found.map(|figure| figure.value)
    };
    let is_first = figure("attempt").is_some_and(|attempt| attempt < 1.5);
    let down = figure("down_s").filter(|_| is_first)?;
    let down = std::time::Duration::try_from_secs_f64(down).ok()?;
    Some(at.saturating_sub(millis(down)))
}

/// Whether somebody is blamed for frames or bitrate. Errors of way and server tell of lost connections instead.
fn is_blame(decision: &Decision) -> bool {
    match decision.severity {
        Severity::Warning => matches!(
            decision.cause,
            Cause::Encoder | Cause::Uplink | Cause::Server
        ),
        Severity::Error => decision.cause == Cause::Encoder,
        Severity::Good | Severity::Info => false,
    }
}

/// Words that blame somebody for lost frames count for this many milliseconds: they come at most every 5 s.
const BLAME: u64 = 6_000;

/// Words come at most this many milliseconds before what they explain is seen in the figures.
const FORESHADOW: u64 = 2_000;

/// A picture that is later than this many milliseconds after the longest pause will not come.
const LATE: u64 = 1_000;

/// More than anybody publishes to at once.
const MOST_DESTINATIONS: usize = 16;
