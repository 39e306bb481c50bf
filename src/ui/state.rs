//! What the engine has told, as plain data for the panels: no engine, no widgets, testable by itself.

use std::{collections::VecDeque, time::Duration};

use crate::{
    capture::source::{CameraInfo, MicrophoneInfo, SourceEvent},
    engine::event::{
        Acceleration, Cause, Decision, DestinationState, Event, RecordingStatus, Severity, Stats,
        StreamStatus,
    },
    media::level::Levels,
    rtmp::refusal::Failure,
    units::{Bitrate, Decibels, MediaTime},
};

/// The engine's last word on everything the window shows.
#[derive(Clone, Debug, Default)]
pub struct ViewState {
    /// Whether viewers get anything.
    pub status: StreamStatus,
    /// Every destination of the broadcast, in the order they were asked for; after it, those that failed.
    pub destinations: Vec<DestinationState>,
    /// The present loss of the connection; `None` unless reconnecting.
    pub outage: Option<Outage>,
    /// Why the last stream ended by itself, until it is dismissed or the next one starts.
    pub failure: Option<Failure>,
    /// The newest figures; `None` before the first.
    pub stats: Option<Stats>,
    /// The picture's source.
    pub video: SourceState,
    /// The sound's source.
    pub audio: SourceState,
    /// The recording.
    pub recording: RecordingStatus,
    /// Cameras connected; `None` before the first answer.
    pub cameras: Option<Vec<CameraInfo>>,
    /// Microphones connected; `None` before the first answer.
    pub microphones: Option<Vec<MicrophoneInfo>>,
    /// How well the video encoder was built for this processor; `None` before it was told.
    pub acceleration: Option<Acceleration>,
    /// The level meter.
    pub meter: Meter,
    /// What happened, newest first.
    pub story: Story,
    /// Target and sent bitrate over the last minutes.
    pub bitrates: History,
}

/// A loss of the connection that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Since when.
    pub since: MediaTime,
    /// How long the wait for the next attempt is, from when it was told.
    pub wait: Duration,
}

/// What is known of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceState {
    /// Nothing yet.
    #[default]
    Waiting,
    /// It delivers, as described.
    Ready(String),
    /// It does not deliver, for this reason.
    Lost(String),
}

/// What happened, in plain words: newest first, the oldest forgotten.
#[derive(Clone, Debug, Default)]
pub struct Story(VecDeque<Decision>);

/// Target and sent bitrate over the last [`History::SPAN_SECS`] seconds.
#[derive(Clone, Debug, Default)]
pub struct History(VecDeque<Sample>);

/// Bitrates at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: MediaTime,
    /// What the encoders would be told to produce if the uplink carried everything.
    pub ceiling: Bitrate,
    /// What the encoders were told to produce.
    pub target: Bitrate,
    /// What went out.
    pub sent: Bitrate,
}

/// Levels with a peak mark that stays for a while and then falls, as meters do.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    /// Highest sample of late, left and right.
    pub peak: [Decibels; 2],
    /// Root mean square, left and right.
    pub rms: [Decibels; 2],
    /// The peak mark, left and right.
    pub hold: [Decibels; 2],
    /// The highest samples of the last moment.
    heard: [Decibels; 2],
    held_since: [MediaTime; 2],
    clipped_at: Option<MediaTime>,
    updated_at: MediaTime,
}

impl ViewState {
    /// Takes in one event at `now`.
    pub fn apply(&mut self, event: Event, now: MediaTime) {
        match event {
            Event::Status(status) => self.set_status(status, now),
            Event::Stats(stats) => {
                if !matches!(self.status, StreamStatus::Offline { .. }) {
                    self.bitrates.push(Sample {
                        at: now,
                        ceiling: stats.ceiling,
                        target: stats.target,
                        sent: stats.sent,
                    });
                }
                self.stats = Some(stats);
            }
            Event::Destinations(destinations) => self.set_destinations(destinations),
            Event::Decision(decision) => self.story.push(decision),
            Event::VideoSource(event) => self.video = event.into(),
            Event::AudioSource(event) => self.audio = event.into(),
            Event::Levels(levels) => self.meter.update(levels, now),
            Event::Recording(recording) => self.recording = recording,
            Event::Encoder(acceleration) => self.acceleration = Some(acceleration),
            Event::Devices {
                cameras,
                microphones,
            } => {
                self.cameras = Some(cameras);
                self.microphones = Some(microphones);
            }
        }
    }

    /// Adds a line of the window's own to the story.
    pub fn note(&mut self, at: MediaTime, severity: Severity, text: String) {
        self.story.push(Decision {
            at,
            severity,
            cause: Cause::User,
            text,
            figures: Vec::new(),
            destination: None,
        });
    }

    /// Whether nothing is being published, nor about to be.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        matches!(self.status, StreamStatus::Offline { .. })
    }

    /// Whether the server acknowledges what is sent.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.status, StreamStatus::Live { .. })
    }

    /// Whether a recording is being written.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        matches!(self.recording, RecordingStatus::Recording { .. })
    }

    /// Whether the encoders are at work, so that only the video bitrate can change.
    #[must_use]
    pub fn is_encoding(&self) -> bool {
        !self.is_offline() || self.is_recording()
    }

    /// Whether the broadcast goes, or went, to several destinations.
    #[must_use]
    pub fn is_several(&self) -> bool {
        self.destinations.len() > 1
    }

    fn set_status(&mut self, status: StreamStatus, now: MediaTime) {
        self.outage = match &status {
            StreamStatus::Reconnecting { retry_at, .. } => Some(Outage {
                since: self.outage.map_or(now, |outage| outage.since),
                wait: retry_at.since(now),
            }),
            _ => None,
        };
        match &status {
            StreamStatus::Offline { because } => self.failure.clone_from(because),
            StreamStatus::Connecting { .. } => {
                self.failure = None;
                if self.is_offline() {
                    self.bitrates = History::default();
                    self.destinations.clear();
                }
            }
            StreamStatus::Live { .. }
            | StreamStatus::Reconnecting { .. }
            | StreamStatus::Stopping => {}
        }
        self.status = status;
    }

    fn set_destinations(&mut self, destinations: Vec<DestinationState>) {
        if !destinations.is_empty() {
            self.destinations = destinations;
            return;
        }
        // It is over. Why one of them failed can still be read until the next stream.
        for state in &mut self.destinations {
            if !matches!(state.status, StreamStatus::Offline { .. }) {
                state.status = StreamStatus::default();
            }
        }
    }
}

impl From<SourceEvent> for SourceState {
    fn from(event: SourceEvent) -> Self {
        match event {
            SourceEvent::Ready { description } => Self::Ready(description),
            SourceEvent::Lost(error) => Self::Lost(error.to_string()),
        }
    }
}

impl Story {
    /// How many entries are kept.
    pub const CAPACITY: usize = 500;

    /// Entries, newest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Decision> {
        self.0.iter()
    }

    fn push(&mut self, decision: Decision) {
        self.0.truncate(Self::CAPACITY - 1);
        self.0.push_front(decision);
    }
}

impl History {
    /// How far back it reaches, in seconds.
    pub const SPAN_SECS: u16 = 300;
    /// How many samples are kept: four a second.
    pub const CAPACITY: usize = Self::SPAN_SECS as usize * 4;

    /// Samples, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Sample> + ExactSizeIterator {
        self.0.iter()
    }

    fn push(&mut self, sample: Sample) {
        if self.0.len() == Self::CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }
}

impl Meter {
    /// Whether a sample reached full scale not long before `now`.
    #[must_use]
    pub fn is_clipped(&self, now: MediaTime) -> bool {
        self.clipped_at
            .is_some_and(|at| now.since(at).as_secs_f32() < CLIP_SECS)
    }

    /// Whether bars and marks stay where they are until something else is heard.
    #[must_use]
    pub fn is_still(&self, now: MediaTime) -> bool {
        self.peak == self.heard && self.hold == self.heard && !self.is_clipped(now)
    }

    fn update(&mut self, levels: Levels, now: MediaTime) {
        let fall = FALL_DB_PER_SEC * now.since(self.updated_at).as_secs_f32();
        self.updated_at = now;
        if levels.clipped {
            self.clipped_at = Some(now);
        }
        for channel in 0..2 {
            let peak = louder(levels.peak[channel], Decibels::SILENCE);
            self.heard[channel] = peak;
            self.rms[channel] = levels.rms[channel];
            self.peak[channel] = louder(peak, Decibels(self.peak[channel].0 - fall));
            if peak >= self.hold[channel] {
                self.hold[channel] = peak;
                self.held_since[channel] = now;
            } else if now.since(self.held_since[channel]).as_secs_f32() > HOLD_SECS {
                self.hold[channel] = louder(peak, Decibels(self.hold[channel].0 - fall));
            }
        }
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            peak: [Decibels::SILENCE; 2],
            rms: [Decibels::SILENCE; 2],
            hold: [Decibels::SILENCE; 2],
            heard: [Decibels::SILENCE; 2],
            held_since: [MediaTime::ZERO; 2],
            clipped_at: None,
            updated_at: MediaTime::ZERO,
        }
    }
}

fn louder(one: Decibels, other: Decibels) -> Decibels {
    Decibels(one.0.max(other.0).max(Decibels::SILENCE.0))
}

/// How long the peak mark stays.
const HOLD_SECS: f32 = 1.5;
/// How fast bar and mark fall.
const FALL_DB_PER_SEC: f32 = 26.0;
/// How long the clip light stays on.
const CLIP_SECS: f32 = 2.0;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rtmp::refusal::Cause;

    fn at(millis: u64) -> MediaTime {
        MediaTime::from_millis(millis)
    }

    fn failure() -> Failure {
        Failure::of_ours(
            Cause::StreamDenied,
            "The server refused the stream key.",
            "Check the key.",
        )
    }

    fn levels(peak: f32, clipped: bool) -> Event {
        Event::Levels(Levels {
            peak: [Decibels(peak); 2],
            rms: [Decibels(peak - 10.0); 2],
            clipped,
        })
    }

    fn connecting() -> Event {
        Event::Status(StreamStatus::Connecting { host: "h".into() })
    }

    #[test]
    fn a_failure_is_kept_until_the_next_attempt() {
        let mut state = ViewState::default();
        state.apply(
            Event::Status(StreamStatus::Offline {
                because: Some(failure()),
            }),
            at(0),
        );
        assert_eq!(state.failure, Some(failure()));
        state.apply(connecting(), at(1));
        assert_eq!(state.failure, None);
    }

    #[test]
    fn bitrates_are_kept_only_while_publishing_and_start_anew_with_each_stream() {
        let mut state = ViewState::default();
        let measure = |state: &mut ViewState| state.apply(Event::Stats(Stats::default()), at(5));
        measure(&mut state);
        assert_eq!(state.bitrates.iter().len(), 0);
        state.apply(connecting(), at(1));
        measure(&mut state);
        state.apply(Event::Status(StreamStatus::default()), at(6));
        assert_eq!(
            state.bitrates.iter().len(),
            1,
            "still to be seen afterwards"
        );
        state.apply(connecting(), at(7));
        assert_eq!(state.bitrates.iter().len(), 0);
    }

    #[test]
    fn story_and_history_are_bounded_and_forget_the_oldest() {
        let mut state = ViewState::default();
        state.apply(connecting(), at(0));
        for index in 0..2_000 {
            state.apply(Event::Stats(Stats::default()), at(index));
            state.note(at(index), Severity::Info, index.to_string());
        }
        assert_eq!(state.bitrates.iter().len(), History::CAPACITY);
        assert_eq!(state.bitrates.iter().next_back().unwrap().at, at(1_999));
        assert_eq!(state.story.iter().len(), Story::CAPACITY);
        assert_eq!(state.story.iter().next().unwrap().text, "1999");
    }

    #[test]
    fn the_peak_mark_stays_then_falls() {
        let mut state = ViewState::default();
        state.apply(levels(-6.0, false), at(0));
        state.apply(levels(-50.0, false), at(1_000));
        assert_eq!(state.meter.hold, [Decibels(-6.0); 2]);
        assert!(state.meter.peak[0].0 < -30.0, "the bar falls at once");
        for step in 0..20 {
            state.apply(levels(-50.0, false), at(1_600 + step * 100));
        }
        assert_eq!(state.meter.hold, [Decibels(-50.0); 2]);
    }

    #[test]
    fn a_meter_moves_until_bar_and_mark_have_fallen() {
        let mut state = ViewState::default();
        assert!(state.meter.is_still(at(0)));
        state.apply(levels(-20.0, false), at(0));
        state.apply(levels(-20.0, false), at(50));
        assert!(state.meter.is_still(at(50)), "a tone that stays");
        let fallen = (2..1_000).find(|step| {
            state.apply(levels(-90.0, false), at(step * 50));
            state.meter.is_still(at(step * 50))
        });
        assert_eq!(state.meter.hold, [Decibels::SILENCE; 2]);
        assert!((60..=70).contains(&fallen.unwrap()), "{fallen:?}");
    }

    #[test]
    fn the_clip_light_goes_out_by_itself() {
        let mut state = ViewState::default();
        state.apply(levels(0.0, true), at(1_000));
        assert!(state.meter.is_clipped(at(2_500)));
        assert!(!state.meter.is_clipped(at(3_100)));
    }

    #[test]
    fn a_lost_source_keeps_its_reason() {
        use crate::capture::source::{CaptureError, DeviceKind};
        let mut state = ViewState::default();
        state.apply(
            Event::VideoSource(SourceEvent::Lost(CaptureError::Unplugged {
                kind: DeviceKind::Camera,
                name: "Cam".into(),
            })),
            at(0),
        );
        assert!(matches!(&state.video, SourceState::Lost(why) if why.contains("unplugged")));
    }

    #[test]
    fn encoding_means_publishing_or_recording() {
        let mut state = ViewState::default();
        assert!(!state.is_encoding());
        state.apply(
            Event::Recording(RecordingStatus::Recording {
                path: "a.flv".into(),
                bytes: 1,
                duration: Duration::ZERO,
            }),
            at(0),
        );
        assert!(state.is_encoding());
    }
}
