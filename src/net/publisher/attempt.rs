//! A stream that a server accepted, until it ends or breaks off, over all the servers that it moves to meanwhile.

mod failing;

use std::{future::pending, mem, time::Duration};

use tokio::time::{sleep, timeout};

use super::{
    PublisherEvent,
    approach::{Goal, approach, leaves_security},
    course::{Course, Setback},
    farewell::farewell,
    ground::Ground,
    handover::{Leaving, Next},
    link::Link,
    standby::Standby,
    task::Context,
};
use crate::{
    control::{failover::Place, watchdog::DEAD_AFTER},
    media::packet::Packet,
    rtmp::{
        refusal::{Cause, Failure, FailureKind},
        url::ServerUrl,
    },
    units::MediaTime,
};

/// Carries the stream from where `link` accepted it. `Ok` when it ended because that was asked for.
pub(super) async fn run(context: &Context, course: &mut Course, link: Link) -> Result<(), Setback> {
    Attempt::new(context, course, link).drive().await
}

/// An attempt whose stream was accepted.
struct Attempt<'a> {
    context: &'a Context,
    course: &'a mut Course,
    carrier: Carrier,
    next: Next<'a>,
    leaving: Leaving,
    /// The connection that is kept ready at the other server, where there is one.
    standby: Option<Standby<'a>>,
    /// The server of that one, when it is to carry the stream next.
    releasing: Option<Place>,
    ground: Ground,
    /// Where to, once the connection that held the name is closed.
    move_after_leaving: Option<ServerUrl>,
    told_of_failed_move: bool,
    was_live: bool,
    live: bool,
    /// Up to when the stream is known to have arrived, since it is live.
    arrived_at: MediaTime,
    next_look: MediaTime,
    next_drop_report: MediaTime,
    /// When to ask for another key frame, for those to whom the server passes the stream on: they may be there only
    /// after the first one, and begin with the next.
    second_key_frame_at: Option<MediaTime>,
}

/// What carries the stream.
enum Carrier {
    Link(Box<Link>),
    /// Nothing, for the short while until the next connection is ready.
    Gap {
        until: MediaTime,
        because: Failure,
        /// Whether a key frame for it was asked for already.
        key_frame_asked: bool,
    },
}

impl Carrier {
    async fn step(&mut self) {
        match self {
            Self::Link(link) => link.step().await,
            Self::Gap { .. } => pending().await,
        }
    }
}

impl<'a> Attempt<'a> {
    fn new(context: &'a Context, course: &'a mut Course, link: Link) -> Self {
        let now = context.config.clock.now();
        let was_live = course.attempts.was_live();
        course.advisor.on_connected(context, now);
        context.shared.inbox.open();
        context.tell(PublisherEvent::Accepted);
        context.tell(PublisherEvent::KeyFrameWanted);
        let because = course.because().cloned();
        let reason = because.as_ref().map_or("", |because| &because.what);
        course.moved(context, link.place, reason, because.as_ref());
        Self {
            context,
            course,
            carrier: Carrier::Link(Box::new(link)),
            next: Next::None,
            leaving: Leaving::None,
            standby: None,
            releasing: None,
            ground: Ground::new(&context.network),
            move_after_leaving: None,
            told_of_failed_move: false,
            was_live,
            live: false,
            arrived_at: now,
            next_look: now + LOOK_INTERVAL,
            next_drop_report: now,
            second_key_frame_at: was_live.then_some(now + PASSED_ON_AFTER),
        }
    }

    async fn drive(mut self) -> Result<(), Setback> {
        let context = self.context;
        let clock = context.config.clock;
        let stop_signal = context.stop_signal();
        tokio::pin!(stop_signal);
        loop {
            let now = clock.now();
            self.look(now)?;
            self.hear(now)?;
            self.attend_to_standby(now);
            self.attend_to_move(now)?;
            let late_sound_until = self.leaving.attend(clock);
            if self.send_next(now) {
                continue;
            }
            let wake_at = late_sound_until.map_or(self.next_look, |time| time.min(self.next_look));
            let can_send = matches!(&self.carrier, Carrier::Link(link) if link.is_idle());
            tokio::select! {
                () = self.carrier.step() => {}
                () = self.next.step() => {}
                () = self.leaving.step() => {}
                () = step_standby(&mut self.standby) => {}
                // The look at it comes at once.
                () = self.ground.changed() => self.next_look = now,
                () = context.shared.inbox.filled(), if can_send => {}
                () = context.nudged() => {} // it is connected as it is
                () = &mut stop_signal => {
                    self.stop().await;
                    return Ok(());
                }
                () = sleep(clock.until(wake_at)) => {}
            }
        }
    }

    /// Takes note of what the connections have to tell.
    fn hear(&mut self, now: MediaTime) -> Result<(), Setback> {
        while let Next::Ready(link) = &mut self.next
            && let Some(event) = link.next_event()
        {
            if let Some(failure) = self.context.end_of(&link.peer, event) {
                self.next = Next::Done(Err(failure));
            }
        }
        while let Carrier::Link(link) = &mut self.carrier
            && let Some(event) = link.next_event()
        {
            if let Some(failure) = self.context.end_of(&link.peer, event) {
                self.lost(now, failure)?;
            }
        }
        Ok(())
    }

    /// The connection that carries the stream broke. If another one is on its way it takes over.
    fn lost(&mut self, now: MediaTime, because: Failure) -> Result<(), Setback> {
        self.begin_move(now);
        if matches!(self.next, Next::None | Next::Done(Err(_))) {
            self.release_standby(now);
        }
        let name_held = self.was_let_in_and_out(&because);
        let on_dead_way = matches!(because.cause, Cause::Stalled | Cause::Unplugged);
        let until = now + LONGEST_GAP;
        let gap = Carrier::Gap {
            until,
            because: because.clone(),
            key_frame_asked: true,
        };
        if let Carrier::Link(link) = mem::replace(&mut self.carrier, gap)
            && on_dead_way
        {
            let place = link.place;
            self.course.remains[place as usize] = link.leave_dead();
        }
        if matches!(self.next, Next::None | Next::Done(Err(_))) {
            return Err(Setback {
                name_held,
                ..because.into()
            });
        }
        tracing::debug!(%because, "the next connection takes over");
        self.context.tell(PublisherEvent::KeyFrameWanted);
        Ok(())
    }

    /// Whether a server that carried this stream before accepted it once more and then closed without a word:
    /// so do servers that hold the lost connection.
    fn was_let_in_and_out(&self, failure: &Failure) -> bool {
        let closed = matches!(&self.carrier, Carrier::Link(link) if link.closed_by_server());
        let unexplained = closed && failure.kind == FailureKind::Closed;
        failure.kind == FailureKind::NameInUse || (self.was_live && !self.live && unexplained)
    }

    /// Begins, continues or gives up moving to where the server wants the stream to go.
    fn attend_to_move(&mut self, now: MediaTime) -> Result<(), Setback> {
        match self.next.take_done() {
            Some(Ok(link)) => {
                self.releasing = None;
                self.next = Next::Ready(link);
                if matches!(self.carrier, Carrier::Link(_)) {
                    self.context.tell(PublisherEvent::KeyFrameWanted);
                }
            }
            Some(Err(failure)) => match self.releasing.take() {
                Some(place) => self.release_failed(now, place, &failure)?,
                None => self.move_failed(now, failure)?,
            },
            None => {}
        }
        if let Carrier::Gap {
            until,
            because,
            key_frame_asked,
        } = &self.carrier
        {
            if let Some(link) = self.next.take_ready() {
                (self.course).moved(self.context, link.place, &because.what, Some(because));
                self.course.advisor.on_connected(self.context, now);
                // From the first key frame on that waited meanwhile, or comes.
                self.context.shared.inbox.open();
                if !key_frame_asked {
                    self.context.tell(PublisherEvent::KeyFrameWanted);
                }
                self.course.reached(link.place);
                self.carrier = Carrier::Link(link);
                self.second_key_frame_at = Some(now + PASSED_ON_AFTER);
            } else if now >= *until {
                return Err(because.clone().into());
            }
        }
        self.begin_move(now);
        Ok(())
    }

    fn begin_move(&mut self, now: MediaTime) {
        if !self.next.is_none() || !self.leaving.is_none() {
            return;
        }
        let server = match &mut self.carrier {
            Carrier::Gap { .. } => self.move_after_leaving.take(),
            Carrier::Link(link) => match &link.move_wanted {
                Some(server) if leaves_security(&link.server, server) => {
                    link.move_wanted = None;
                    self.context
                        .warn(Failure::redirect_insecure(&link.peer).what);
                    None
                }
                Some(server) if now >= self.course.moves.allowed_at() => {
                    self.course.moves.on_try(now);
                    Some(server.clone())
                }
                _ => None,
            },
        };
        if let Some(server) = server {
            let goal = Goal {
                place: self.course.place,
                was_live: true,
                hold: false,
            };
            self.next = Next::Approaching(Box::pin(approach(self.context, server, goal)));
        }
    }

    fn move_failed(&mut self, now: MediaTime, failure: Failure) -> Result<(), Setback> {
        let server = match &self.carrier {
            Carrier::Gap { .. } => return Err(failure.into()),
            Carrier::Link(link) => link.move_wanted.clone(),
        };
        let Some(server) = server else {
            return Ok(());
        };
        let host = &server.host;
        if failure.kind == FailureKind::NameInUse {
            // A server that holds the name while we publish: leave first.
            self.context.warn(format!(
                "A new connection to {host} is let in only once this one is closed: viewers may notice a short gap."
            ));
            self.leave_for(server, now, failure);
            return Ok(());
        }
        self.course.moves.on_failure(now);
        if !mem::replace(&mut self.told_of_failed_move, true) {
            self.context.warn(format!(
                "The stream is to move to {host}, which does not work yet. It stays where it is. {failure}"
            ));
        }
        Ok(())
    }

    fn leave_for(&mut self, server: ServerUrl, now: MediaTime, because: Failure) {
        let gap = Carrier::Gap {
            until: now + LONGEST_GAP,
            because,
            key_frame_asked: false,
        };
        if let Carrier::Link(link) = mem::replace(&mut self.carrier, gap) {
            self.leaving = Leaving::at_once(link, self.context.config.clock);
            self.move_after_leaving = Some(server);
        }
    }

    /// Gives the next packet of the queue to the connection that it belongs to; says whether there was one.
    /// One at a time: what is not in the socket yet can still be dropped.
    fn send_next(&mut self, now: MediaTime) -> bool {
        let Carrier::Link(link) = &mut self.carrier else {
            return false;
        };
        if !link.is_idle() || !link.is_publishing() {
            return false;
        }
        let Some(packet) = self.context.shared.inbox.take() else {
            return false;
        };
        if self.can_begin_with(&packet)
            && let Some(next) = self.next.take_ready()
        {
            self.move_to(next, packet.time(), now);
        }
        let Some(packet) = self.leaving.take_in(packet, self.context.config.clock) else {
            return true;
        };
        if let Carrier::Link(link) = &mut self.carrier {
            link.send(&packet);
        }
        true
    }

    /// Whether a connection's stream can begin with `packet`.
    fn can_begin_with(&self, packet: &Packet) -> bool {
        packet.is_key_frame() || self.context.formats.borrow().video.is_none()
    }

    /// From the key frame at `media_time` on, `next` carries the stream.
    fn move_to(&mut self, next: Box<Link>, media_time: MediaTime, now: MediaTime) {
        if next.place == self.course.place {
            self.context
                .inform(format!("The stream goes on at {}.", next.peer));
        } else {
            let well_for = self.course.failover.well_for().as_secs();
            let reason = format!("{} was well again for {well_for} seconds.", next.peer);
            self.course.moved(self.context, next.place, &reason, None);
        }
        self.told_of_failed_move = false;
        self.course.advisor.on_connected(self.context, now);
        if let Carrier::Link(old) = mem::replace(&mut self.carrier, Carrier::Link(next)) {
            self.leaving = Leaving::trailing(old, media_time, now);
        }
    }

    /// Looks, ten times a second, at what arrived: whether the stream is live, or the link dead.
    fn look(&mut self, now: MediaTime) -> Result<(), Setback> {
        if now < self.next_look {
            return Ok(());
        }
        self.next_look = now + LOOK_INTERVAL;
        self.look_for_drops(now);
        let deadline = self.course.attempts.deadline(); // none while live
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Err(self.course.out_of_time(self.context).into());
        }
        let arrived_at = match &mut self.carrier {
            Carrier::Gap { .. } => None,
            Carrier::Link(link) => match link.look(now) {
                Ok(arrived_at) => arrived_at,
                Err(failure) => {
                    let because = self.ground.because().cloned().unwrap_or(failure);
                    self.lost(now, because)?;
                    None
                }
            },
        };
        self.look_at_ground(now)?;
        self.look_for_suspicion(now)?;
        let link = match &self.carrier {
            Carrier::Link(link) => Some(&**link),
            Carrier::Gap { .. } => None,
        };
        self.course.advisor.look(self.context, link, now);
        match arrived_at {
            Some(_) if self.ground.because().is_some() => {}
            Some(arrived_at) => {
                self.arrived_at = arrived_at;
                if let Carrier::Link(link) = &self.carrier {
                    self.course.failover.on_live(now, link.place);
                }
                if !mem::replace(&mut self.live, true) {
                    self.course.attempts.on_live(now);
                    self.context.shared.inbox.set_has_viewers();
                    self.context.tell(PublisherEvent::Live { since: now });
                }
            }
            None => self.look_for_silence(now),
        }
        Ok(())
    }

    /// Between two connections the stream counts as live no longer than on one that is dead; it is live again
    /// when the next one has carried something.
    fn look_for_silence(&mut self, now: MediaTime) {
        let silent_for = now.since(self.arrived_at);
        if silent_for < DEAD_AFTER {
            return;
        }
        let because = match &self.carrier {
            Carrier::Gap { because, .. } => because.clone(),
            Carrier::Link(link) => Failure::stalled(&link.peer, silent_for),
        };
        self.fell_silent(now, because);
    }

    /// The stream is not live any more, for now. Told once.
    fn fell_silent(&mut self, now: MediaTime, because: Failure) {
        if !mem::replace(&mut self.live, false) {
            return;
        }
        self.course.attempts.on_silence(now);
        self.course.failover.on_silence(now);
        self.context.tell(PublisherEvent::Reconnecting {
            attempt: 1,
            retry_at: now,
            because,
        });
    }

    fn look_for_drops(&mut self, now: MediaTime) {
        let inbox = &self.context.shared.inbox;
        let second = self.second_key_frame_at.take_if(|at| now >= *at);
        if inbox.take_key_frame_wanted() || second.is_some() {
            self.context.tell(PublisherEvent::KeyFrameWanted);
        }
        if now < self.next_drop_report {
            return;
        }
        if let Some(dropped) = inbox.take_dropped() {
            self.next_drop_report = now + DROP_REPORT_INTERVAL;
            self.context.tell(PublisherEvent::Dropped {
                frames: dropped.frames,
                reason: dropped.reason,
            });
        }
    }

    /// Sends what is queued, says goodbye to all servers at once, and is over in time whatever they do.
    async fn stop(mut self) {
        let clock = self.context.config.clock;
        self.context.shared.inbox.end();
        let deadline = clock.now() + STOP_TIMEOUT;
        let next = self
            .next
            .take_ready()
            .map(|link| farewell(*link, clock, deadline));
        self.next = Next::None;
        self.leaving.say_goodbye(clock);
        let mut leaving = mem::take(&mut self.leaving);
        let last = async {
            let _ = timeout(DRAIN_TIMEOUT, self.drain()).await;
            self.context.shared.inbox.discard();
            if let Carrier::Link(link) = self.carrier {
                farewell(*link, clock, deadline).await;
            }
        };
        let next = async {
            if let Some(next) = next {
                next.await;
            }
        };
        let leaving = async {
            if !leaving.is_none() {
                leaving.step().await;
            }
        };
        let all = async { tokio::join!(last, next, leaving) };
        let _ = timeout(clock.until(deadline), all).await;
    }

    /// Sends what is in the queue.
    async fn drain(&mut self) {
        let now = self.context.config.clock.now();
        loop {
            let Carrier::Link(link) = &mut self.carrier else {
                return;
            };
            while link.next_event().is_some() {}
            if link.has_ended() || (link.is_idle() && self.context.shared.inbox.is_empty()) {
                return;
            }
            if !self.send_next(now)
                && let Carrier::Link(link) = &mut self.carrier
            {
                link.step().await;
            }
        }
    }
}

/// Waits for something to happen on the connection that is kept ready; for ever if there is none.
async fn step_standby(standby: &mut Option<Standby<'_>>) {
    match standby {
        Some(standby) => standby.step().await,
        None => pending().await,
    }
}

/// How often is looked at what arrived.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How often is told what was dropped.
const DROP_REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How long a live stream may be without connection while another one is being made: as long as a dead link
/// goes unnoticed, and as the queue holds what viewers would miss.
const LONGEST_GAP: Duration = Duration::from_secs(2);
/// How long a server takes to pass on a stream that it has accepted: it connects to others itself (nginx-rtmp's
/// `push`), which takes six round trips. A first stream does without: nobody watches yet.
pub(super) const PASSED_ON_AFTER: Duration = Duration::from_millis(600);
/// How long a stop still sends what is queued.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(300);
/// How long a stop takes at most.
const STOP_TIMEOUT: Duration = Duration::from_millis(800);
