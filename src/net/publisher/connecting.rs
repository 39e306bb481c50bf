//! From having no connection to a stream that a server accepted: attempts that overlap, as
//! [`Attempts`](crate::control::attempts::Attempts) decides.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use tokio::time::sleep;

use super::{
    PublisherEvent,
    approach::{Approach, Goal, Step},
    course::{Course, End},
    link::Link,
    task::Context,
};
use crate::{
    control::{
        attempts::{Action, AttemptId, Quiet},
        failover::Place,
    },
    rtmp::refusal::Failure,
    units::MediaTime,
};

/// Makes attempts until one of them is accepted.
///
/// # Errors
/// The end that was reached before.
pub(super) async fn connecting(context: &Context, course: &mut Course) -> Result<Link, End> {
    let mut crowd = Crowd {
        context,
        course,
        approaches: Vec::new(),
    };
    let clock = context.config.clock;
    let stop_signal = context.stop_signal();
    tokio::pin!(stop_signal);
    let mut changes = context.network.changes();
    loop {
        let now = clock.now();
        if changes.take_improvement() | changes.take_sleep().is_some() {
            crowd.hurry(now);
        }
        crowd.look(now);
        crowd.act(now)?;
        let wake_at = crowd.wake_at(now);
        tokio::select! {
            (id, step) = crowd.step() => {
                if let Some(link) = crowd.on_step(id, step)? {
                    return Ok(link);
                }
            }
            () = context.nudged() => crowd.hurry(clock.now()),
            () = changes.changed() => {}
            () = &mut stop_signal => return Err(End::Asked),
            () = until(context, wake_at) => {}
        }
    }
}

/// The attempts under way.
struct Crowd<'a> {
    context: &'a Context,
    course: &'a mut Course,
    approaches: Vec<(AttemptId, Approach<'a>)>,
}

impl<'a> Crowd<'a> {
    /// Does what is to be done now.
    fn act(&mut self, now: MediaTime) -> Result<(), End> {
        while let Some(action) = self.course.attempts.poll(now, fastrand::f64()) {
            match action {
                Action::Start { id, number } => {
                    self.context
                        .tell(PublisherEvent::Connecting { attempt: number });
                    let approach = self.approach(now);
                    self.approaches.push((id, approach));
                    // Nothing may fail for long where attempts overlap.
                    if self.approaches.len() > 1 {
                        self.course.tell_next(self.context);
                    }
                }
                Action::Speak(id) => {
                    for (_, approach) in self.approaches.iter_mut().filter(|(one, _)| *one == id) {
                        approach.speak();
                    }
                }
                Action::Abandon(id) => self.abandon(id),
                Action::GiveUp => return Err(End::Failed(self.course.out_of_time(self.context))),
            }
        }
        Ok(())
    }

    /// Looks at whether the way of the attempt that speaks is alive.
    fn look(&mut self, now: MediaTime) {
        let speaking = self
            .approaches
            .iter_mut()
            .find_map(|(_, one)| one.speaking());
        if let Some(link) = speaking {
            let mut quiet = link.look_while_opening(now);
            if (self.course.failover).is_impatient(now, link.place, link.opened_at) {
                // Then it gives way to an attempt at the other server.
                quiet = Quiet::Unacknowledged(Duration::MAX);
            }
            self.course.attempts.on_look(quiet);
        }
    }

    /// The next attempt, at one of the servers.
    fn approach(&mut self, now: MediaTime) -> Approach<'a> {
        let place = self.course.failover.next_attempt(now);
        let goal = Goal {
            place,
            was_live: self.course.failover.was_live_at(place),
            hold: false,
        };
        let (server, _) = self.context.server_at(place);
        Approach::new(self.context, server.clone(), goal)
    }

    fn wake_at(&mut self, now: MediaTime) -> Option<MediaTime> {
        let speaks = self
            .approaches
            .iter_mut()
            .any(|(_, one)| one.speaking().is_some());
        let next_look = speaks.then_some(now + LOOK_INTERVAL);
        [self.course.attempts.wake_at(), next_look]
            .into_iter()
            .flatten()
            .min()
    }

    /// Waits until one of them came to something; for ever if there is none.
    async fn step(&mut self) -> (AttemptId, Step) {
        let mut steps: Steps<'_> = self
            .approaches
            .iter_mut()
            .map(|(id, approach)| (*id, Box::pin(approach.step()) as _))
            .collect();
        poll_fn(|context| {
            for (id, step) in &mut steps {
                if let Poll::Ready(step) = step.as_mut().poll(context) {
                    return Poll::Ready((*id, step));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Takes note of what an attempt came to; gives the connection on which the stream was accepted.
    fn on_step(&mut self, id: AttemptId, step: Step) -> Result<Option<Link>, End> {
        match step {
            Step::Connected => {
                self.course.attempts.on_connected(id);
                let reached = self.approaches.iter().find(|(one, _)| *one == id);
                if let Some((_, approach)) = reached {
                    self.course.reached(approach.place());
                }
            }
            Step::SentOn => self.course.attempts.on_sent_on(id),
            Step::Accepted(link) => {
                self.course.attempts.on_accepted();
                return Ok(Some(*link));
            }
            Step::Failed(failure) => self.on_failed(id, failure)?,
        }
        Ok(None)
    }

    fn hurry(&mut self, now: MediaTime) {
        self.course.attempts.hurry(now);
        self.course.tell_next(self.context);
    }

    fn on_failed(&mut self, id: AttemptId, failure: Failure) -> Result<(), End> {
        let index = self.approaches.iter().position(|(other, _)| *other == id);
        let failed = index.map(|index| self.approaches.swap_remove(index));
        let place = failed.map_or(Place::Primary, |(_, approach)| approach.place());
        let after = (self.course).on_failed(self.context, (id, place), failure.into());
        // Those that would be told the same are gone.
        let attempts = &self.course.attempts;
        self.approaches.retain(|(id, _)| attempts.is_running(*id));
        after
    }

    /// Closes an attempt. Where it spoke, the server may know the stream by now: a reset has it let go at once.
    fn abandon(&mut self, id: AttemptId) {
        let Some(index) = self.approaches.iter().position(|(other, _)| *other == id) else {
            return;
        };
        let (_, mut approach) = self.approaches.swap_remove(index);
        if let Some(link) = approach.speaking() {
            link.break_off();
        }
    }
}

/// What several attempts come to next.
type Steps<'a> = Vec<(AttemptId, Pin<Box<dyn Future<Output = Step> + 'a>>)>;

/// Waits until `time`, for ever if there is none.
async fn until(context: &Context, time: Option<MediaTime>) {
    match time {
        Some(time) => sleep(context.config.clock.until(time)).await,
        None => pending().await,
    }
}

/// How often is looked at whether the way of the attempt that speaks is alive.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
