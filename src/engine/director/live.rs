//! The director's part in publishing: beginning, following what the publishers report, ending.

use super::Director;
use crate::{
    control::bitrate::Change,
    engine::{
        broadcast::Broadcasting,
        command::Broadcast,
        event::{Cause, Event, Severity, StreamStatus},
        inbox::Input,
        publishing::{Program, explained},
    },
    net::publisher::PublisherEvent,
    rtmp::refusal::{self, Failure},
    units::MediaTime,
};

impl Director {
    pub(super) fn go_live(&mut self, broadcast: &Broadcast) {
        if broadcast.destinations.is_empty() {
            return;
        }
        if let Some(running) = &self.broadcast {
            if running.deadline().is_some() {
                let text = "Still stopping; go live again in a moment";
                self.decide(Severity::Info, Cause::User, text);
            }
            return;
        }
        let (clock, limits) = (self.clock, self.format.limits());
        let program = match self.ensure_encoders() {
            Err(message) => {
                let failure = explained(refusal::Cause::ThisComputer, &message);
                return self.refuse_to_go_live(vec![failure]);
            }
            Ok(encoders) => Program {
                format: encoders.format().clone(),
                limits,
                clock,
            },
        };
        let reports = self.reports.clone();
        let first = self.generation + 1;
        self.generation += broadcast.destinations.len() as u64;
        let started = Broadcasting::start(broadcast, &program, first, move |generation, event| {
            reports.send(Input::Publisher(generation, event));
        });
        match started {
            Ok((running, told)) => {
                if let Some(encoders) = &self.encoders {
                    running
                        .outputs()
                        .for_each(|it| encoders.outputs().attach(it));
                }
                self.statistics.begin(clock.now(), &self.counters);
                self.broadcast = Some(running);
                self.tell_all(told);
                self.publish_status();
            }
            Err(failures) => self.refuse_to_go_live(failures),
        }
    }

    fn refuse_to_go_live(&mut self, failures: Vec<Failure>) {
        self.end_idle_encoders();
        for failure in &failures {
            self.decide(Severity::Error, Cause::User, failure.to_string());
        }
        self.events.push(Event::Status(StreamStatus::Offline {
            because: failures.into_iter().next(),
        }));
    }

    pub(super) fn stop_publishing(&mut self) {
        if let Some(broadcast) = &mut self.broadcast {
            broadcast.stop(self.clock.now());
            self.publish_status();
        }
    }

    pub(super) fn handle_publisher(&mut self, generation: u64, event: &PublisherEvent) {
        let now = self.clock.now();
        let Some(broadcast) = &mut self.broadcast else {
            return;
        };
        let Some(output) = broadcast.output_of(generation) else {
            return; // one of an earlier broadcast
        };
        if matches!(event, PublisherEvent::KeyFrameWanted) {
            broadcast.want_key_frame();
            return self.grant_key_frame();
        }
        let mut told = broadcast.apply(generation, event, now);
        let is_over = broadcast.is_over();
        if let (PublisherEvent::Dropped { .. }, Some(decision)) = (event, &mut told)
            && self.oversight.is_deaf()
        {
            decision.cause = Cause::Encoder;
        }
        self.tell_all(told);
        if matches!(event, PublisherEvent::Ended { .. })
            && let Some(encoders) = &self.encoders
        {
            encoders.outputs().detach(&output);
        }
        if is_over {
            return self.end_broadcast();
        }
        let change = match event {
            PublisherEvent::Advice(change) => Some((generation, change)),
            _ => None,
        };
        self.follow_uplinks(change);
        self.publish_status();
    }

    /// Makes a key frame, if one is wanted and its time has come.
    fn grant_key_frame(&mut self) {
        let now = self.clock.now();
        if let (Some(broadcast), Some(encoders)) = (&mut self.broadcast, &self.encoders)
            && broadcast.takes_key_frame(now)
        {
            encoders.want_key_frame();
        }
    }

    /// Publishers that take longer to end than promised are left to themselves.
    pub(super) fn abandon_overdue(&mut self, now: MediaTime) {
        if let Some(broadcast) = &mut self.broadcast {
            broadcast.abandon_overdue(now);
            if broadcast.is_over() {
                self.end_broadcast();
            }
        }
    }

    /// Tells the last figures, then that it is over.
    fn end_broadcast(&mut self) {
        self.tell_statistics();
        self.publish_status();
        if let (Some(broadcast), Some(encoders)) = (self.broadcast.take(), &self.encoders) {
            for output in broadcast.outputs() {
                encoders.outputs().detach(&output);
            }
        }
        self.events.push(Event::Destinations(Vec::new()));
        // A recording that goes on gets the full quality.
        self.follow_uplinks(None);
        self.orders.end_story();
        self.end_idle_encoders();
    }

    /// Tells the destinations' states, and the status if it is news.
    fn publish_status(&mut self) {
        let Some(broadcast) = &mut self.broadcast else {
            return;
        };
        self.events.push(Event::Destinations(broadcast.states()));
        if let Some(status) = broadcast.new_status() {
            self.events.push(Event::Status(status));
        }
    }

    /// What is due four times a second.
    pub(super) fn attend_to_broadcast(&mut self) {
        self.grant_key_frame();
        let now = self.clock.now();
        let Some(broadcast) = &mut self.broadcast else {
            return;
        };
        broadcast.look(now);
        self.events.push(Event::Destinations(broadcast.states()));
        if self.orders.announcement(now).is_some()
            && let Some(encoders) = &self.encoders
        {
            broadcast.set_format(encoders.format());
        }
        // While no server takes the stream, what was said of it waits.
        let told = broadcast.is_accepted().then(|| self.orders.tick(now));
        self.tell_all(told.flatten());
    }

    /// Tells the encoder what the followed uplink wants; `change` is the news that it may come from.
    fn follow_uplinks(&mut self, change: Option<(u64, &Change)>) {
        let Some(encoders) = &mut self.encoders else {
            return;
        };
        if encoders.format().video.is_none() {
            return;
        }
        // While no server takes the stream, no uplink holds a recording down.
        let heeded = self
            .broadcast
            .as_ref()
            .filter(|broadcast| broadcast.is_accepted() || self.recording.is_none());
        let advice = heeded.and_then(Broadcasting::advice);
        if !self.orders.follow(advice) {
            return;
        }
        encoders.order(self.orders.current());
        let Some(broadcast) = heeded else {
            return; // no news for viewers
        };
        let now = self.clock.now();
        // Else another one decides from now on.
        let change = change.filter(|(_, change)| advice == Some(change.advice));
        let told = self.orders.tell(change.map(|(_, change)| change), now);
        let told = told.map(|decision| match change {
            Some((generation, _)) => broadcast.named(generation, decision),
            None => decision,
        });
        self.tell_all(told);
    }
}
