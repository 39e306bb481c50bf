//! Everything that one program is published to, each destination a world of its own.

use std::{sync::Arc, time::Duration};

use super::{
    command::{Broadcast, Destination, Follow},
    event::{Cause, Decision, DestinationState, Severity, StreamStatus},
    outputs::Output,
    publishing::{Program, Publishing},
};
use crate::{
    control::bitrate::{Advice, RateLimits},
    media::packet::StreamFormat,
    net::publisher::{PublisherEvent, PublisherStats},
    rtmp::refusal::Failure,
    units::MediaTime,
};

/// Destinations that were asked for together, in that order, until all are over.
pub struct Broadcasting {
    destinations: Vec<Publishing>,
    follow: Follow,
    since: MediaTime,
    told: Option<StreamStatus>,
    key_frames: KeyFrames,
}

/// Wishes for key frames, which all destinations get and pay for.
#[derive(Default)]
struct KeyFrames {
    granted_at: Option<MediaTime>,
    wanted: bool,
}

impl Broadcasting {
    /// Begins to publish to all of them; the publishers are numbered from `first_generation` on, and
    /// `on_event`, called with that number from their threads, must not block. With those that cannot begin
    /// beside others that can come their explanations.
    ///
    /// # Errors
    /// When none can begin: why each of them cannot, the primary first.
    pub fn start(
        broadcast: &Broadcast,
        program: &Program,
        first_generation: u64,
        on_event: impl Fn(u64, PublisherEvent) + Clone + Send + 'static,
    ) -> Result<(Self, Vec<Decision>), Vec<Failure>> {
        let now = program.clock.now();
        let mut running = Self {
            destinations: Vec::new(),
            follow: broadcast.follow,
            since: now,
            told: None,
            key_frames: KeyFrames::default(),
        };
        let mut failures = Vec::new();
        for (generation, destination) in (first_generation..).zip(&broadcast.destinations) {
            let on_event = on_event.clone();
            let tell = move |event| on_event(generation, event);
            let begun = Publishing::start(destination, program, generation, tell);
            running.destinations.push(begun.unwrap_or_else(|failure| {
                failures.push((destination, failure.clone()));
                Publishing::refused(destination, program, failure)
            }));
        }
        if running.is_over() {
            return Err(failures.into_iter().map(|(_, failure)| failure).collect());
        }
        let told = running.explain(&failures, now);
        Ok((running, told))
    }

    fn explain(&self, failures: &[(&Destination, Failure)], now: MediaTime) -> Vec<Decision> {
        let refused = self.destinations.iter().filter(|it| it.is_over());
        let told = refused.zip(failures).map(|(refused, (_, failure))| {
            let text = format!("{failure} {OTHERS_GO_ON}");
            Decision {
                destination: Some(refused.name().to_owned()),
                ..Decision::new(now, Severity::Error, Cause::User, text)
            }
        });
        told.collect()
    }

    /// When publishing was asked for.
    #[must_use]
    pub fn since(&self) -> MediaTime {
        self.since
    }

    /// Whether there is nothing left of it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.destinations.iter().all(Publishing::is_over)
    }

    /// Where packets go.
    pub fn outputs(&self) -> impl Iterator<Item = Arc<dyn Output>> {
        self.destinations.iter().filter_map(Publishing::output)
    }

    /// Where the packets go of the publisher with this number.
    #[must_use]
    pub fn output_of(&self, generation: u64) -> Option<Arc<dyn Output>> {
        let mut destinations = self.destinations.iter();
        destinations
            .find(|it| it.generation() == generation)?
            .output()
    }

    /// The figures of the destination whose status is told.
    #[must_use]
    pub fn stats(&self) -> PublisherStats {
        self.shown()
            .map_or_else(PublisherStats::default, Publishing::stats)
    }

    /// Every destination's state.
    #[must_use]
    pub fn states(&self) -> Vec<DestinationState> {
        self.destinations.iter().map(Publishing::state).collect()
    }

    /// The status, if it was not told yet: the primary's, or that of the first that is left.
    pub fn new_status(&mut self) -> Option<StreamStatus> {
        let status = self.shown()?.status().clone();
        if self.told.as_ref() == Some(&status) {
            return None;
        }
        if let (Some(StreamStatus::Connecting { .. }), StreamStatus::Live { since, .. }) =
            (&self.told, &status)
        {
            let millis = since.since(self.since).as_millis();
            tracing::debug!("media is acknowledged {millis} ms after Go Live");
        }
        self.told = Some(status);
        self.told.clone()
    }

    /// What the shared encoder would be told if it followed nobody but these; `None` when none is left. Those
    /// that are live decide: what a dead one advised last shall not hold the others down.
    #[must_use]
    pub fn advice(&self) -> Option<Advice> {
        let is_any_live = self.left().any(Publishing::is_live);
        let deciding = self.left().filter(|it| it.is_live() || !is_any_live);
        let mut advice = deciding.map(Publishing::advice);
        match self.follow {
            Follow::Primary => advice.next(),
            Follow::Slowest => advice.reduce(|one, other| Advice {
                video: one.video.min(other.video),
                pace: one.pace.max(other.pace),
            }),
        }
    }

    /// Whether any server takes the stream.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.left().any(Publishing::is_accepted)
    }

    /// Looks at what arrived; to be called at regular intervals.
    pub fn look(&mut self, now: MediaTime) {
        for destination in &mut self.destinations {
            destination.look(now);
        }
    }

    /// Follows what the publisher with this number reports; what a person would want to know comes back.
    pub fn apply(
        &mut self,
        generation: u64,
        event: &PublisherEvent,
        now: MediaTime,
    ) -> Option<Decision> {
        let mut destinations = self.destinations.iter_mut();
        let destination = destinations.find(|it| it.generation() == generation)?;
        let mut told = destination.apply(event, now);
        let failed = matches!(event, PublisherEvent::Ended { because: Some(_) });
        if failed
            && !self.is_over()
            && let Some(decision) = &mut told
        {
            decision.text = format!("{} {OTHERS_GO_ON}", decision.text);
        }
        told.map(|decision| self.named(generation, decision))
    }

    /// With the destination's name, where there are several.
    #[must_use]
    pub fn named(&self, generation: u64, decision: Decision) -> Decision {
        if self.destinations.len() < 2 {
            return decision;
        }
        let mut destinations = self.destinations.iter();
        let destination = destinations.find(|it| it.generation() == generation);
        Decision {
            destination: destination.map(|it| it.name().to_owned()),
            ..decision
        }
    }

    /// A destination can go on only with a key frame.
    pub fn want_key_frame(&mut self) {
        self.key_frames.wanted = true;
    }

    /// Whether a key frame is to be made now. One destination gets it at once; several share what it costs, and
    /// one that comes and goes shall not make it often.
    pub fn takes_key_frame(&mut self, now: MediaTime) -> bool {
        let KeyFrames { granted_at, wanted } = &mut self.key_frames;
        let soon = granted_at.is_some_and(|at| now.since(at) < KEY_FRAME_PAUSE);
        if !*wanted || (soon && self.destinations.len() > 1) {
            return false;
        }
        (*granted_at, *wanted) = (Some(now), false);
        true
    }

    /// Starts the next attempts now.
    pub fn retry_now(&self) {
        self.left().for_each(Publishing::retry_now);
    }

    /// The user changed what is allowed for the picture's bitrate.
    pub fn set_limits(&self, limits: RateLimits) {
        self.left().for_each(|it| it.set_limits(limits));
    }

    /// Tells the stream's new format to viewers.
    pub fn set_format(&self, format: &StreamFormat) {
        self.left().for_each(|it| it.set_format(format.clone()));
    }

    /// Asks all publishers to say goodbye.
    pub fn stop(&mut self, now: MediaTime) {
        for destination in &mut self.destinations {
            destination.stop(now);
        }
    }

    /// When the goodbyes must be over; `None` while nobody asked to stop.
    #[must_use]
    pub fn deadline(&self) -> Option<MediaTime> {
        self.destinations
            .iter()
            .filter_map(Publishing::deadline)
            .min()
    }

    /// Leaves those to themselves that take longer to end than promised.
    pub fn abandon_overdue(&mut self, now: MediaTime) {
        for destination in &mut self.destinations {
            if destination.deadline().is_some_and(|at| now >= at) {
                destination.abandon();
            }
        }
    }

    fn left(&self) -> impl Iterator<Item = &Publishing> {
        self.destinations.iter().filter(|it| !it.is_over())
    }

    /// The one whose status is told. When all are over: one that the user stopped, otherwise the primary.
    fn shown(&self) -> Option<&Publishing> {
        let stopped = StreamStatus::default();
        let mut destinations = self.destinations.iter();
        self.left()
            .next()
            .or_else(|| destinations.find(|it| *it.status() == stopped))
            .or(self.destinations.first())
    }
}

/// How often key frames are made beside those of the interval, where several destinations share them.
const KEY_FRAME_PAUSE: Duration = Duration::from_secs(2);

const OTHERS_GO_ON: &str = "The stream to the other destinations goes on.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        control::bitrate::Pace, media::clock::Clock, media::packet::AudioFormat, secret::Secret,
        units::Bitrate,
    };

    /// Destinations that never began, in these states and with this advice in kb/s.
    fn broadcasting(follow: Follow, destinations: Vec<(StreamStatus, u32)>) -> Broadcasting {
        let program = Program {
            format: StreamFormat {
                video: None,
                audio: AudioFormat {
                    sample_rate: 48_000,
                    channels: 2,
                    bitrate: Bitrate::from_kbps(128),
                },
            },
            limits: RateLimits::fixed(Bitrate::from_kbps(6000)),
            clock: Clock::start(),
        };
        let stand_in = |(status, kbps)| {
            let destination = Destination::new("rtmp://a.example/live", Secret::default());
            Publishing::stand_in(&destination, &program, status, Bitrate::from_kbps(kbps))
        };
        Broadcasting {
            destinations: destinations.into_iter().map(stand_in).collect(),
            follow,
            since: MediaTime::ZERO,
            told: None,
            key_frames: KeyFrames::default(),
        }
    }

    fn live() -> StreamStatus {
        StreamStatus::Live {
            host: "a.example".into(),
            since: MediaTime::ZERO,
        }
    }

    fn connecting() -> StreamStatus {
        StreamStatus::Connecting {
            host: "a.example".into(),
        }
    }

    fn over() -> StreamStatus {
        StreamStatus::default()
    }

    #[test]
    fn the_encoder_follows_the_first_or_the_slowest_of_those_that_are_live() {
        let advised = |follow, destinations| {
            let advice = broadcasting(follow, destinations).advice()?;
            assert_eq!(advice.pace, Pace::Full);
            Some(advice.video.kbps())
        };
        let three = |first| vec![(first, 5000), (live(), 900), (connecting(), 300)];
        assert_eq!(advised(Follow::Primary, three(live())), Some(5000));
        assert_eq!(advised(Follow::Primary, three(over())), Some(900));
        assert_eq!(advised(Follow::Primary, three(connecting())), Some(900));
        assert_eq!(advised(Follow::Slowest, three(live())), Some(900));
        let none_live = vec![(connecting(), 5000), (connecting(), 300), (over(), 100)];
        assert_eq!(advised(Follow::Primary, none_live.clone()), Some(5000));
        assert_eq!(advised(Follow::Slowest, none_live), Some(300));
        assert_eq!(advised(Follow::Primary, vec![(over(), 900)]), None);
    }

    #[test]
    fn the_status_is_that_of_the_first_that_is_left() {
        let status = |states: Vec<StreamStatus>| {
            let with_advice = states.into_iter().map(|status| (status, 900)).collect();
            broadcasting(Follow::Primary, with_advice).new_status()
        };
        assert_eq!(status(vec![connecting(), live()]), Some(connecting()));
        assert_eq!(status(vec![over(), live()]), Some(live()));
        assert_eq!(status(vec![over(), over()]), Some(over()));
    }

    #[test]
    fn a_destination_that_comes_and_goes_makes_the_others_few_key_frames() {
        let made = |count: usize| {
            let mut broadcasting = broadcasting(Follow::Primary, vec![(live(), 900); count]);
            let wishes = (0..10_000).step_by(500).filter(|&millis| {
                broadcasting.want_key_frame();
                broadcasting.takes_key_frame(MediaTime::from_millis(millis))
            });
            wishes.count()
        };
        assert_eq!((made(1), made(2)), (20, 5));
    }

    #[test]
    fn a_status_is_told_once() {
        let mut broadcasting = broadcasting(Follow::Primary, vec![(live(), 900)]);
        assert_eq!(broadcasting.new_status(), Some(live()));
        assert_eq!(broadcasting.new_status(), None);
    }
}
