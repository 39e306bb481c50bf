//! Short jobs off the window's thread: a disk or another program may take seconds, and the window shall not.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// Jobs of one kind, each on a thread of its own, and what comes of them.
pub struct Errands<T> {
    outbox: SyncSender<T>,
    inbox: Receiver<T>,
    /// How many have not told yet what came of them.
    awaited: usize,
}

impl<T: Send + 'static> Errands<T> {
    /// Runs `job` on a thread called `name`, and calls `wake` when its news are there.
    pub fn run(
        &mut self,
        name: &str,
        wake: impl FnOnce() + Send + 'static,
        job: impl FnOnce() -> T + Send + 'static,
    ) {
        let outbox = self.outbox.clone();
        let started = thread::Builder::new().name(name.into()).spawn(move || {
            if outbox.try_send(job()).is_ok() {
                wake();
            }
        });
        match started {
            Ok(_) => self.awaited += 1,
            Err(cause) => tracing::warn!("no thread for the {name}: {cause}"),
        }
    }

    /// What came of one, if there is news.
    pub fn try_news(&mut self) -> Option<T> {
        let news = self.inbox.try_recv().ok()?;
        self.awaited = self.awaited.saturating_sub(1);
        Some(news)
    }

    /// What came of one; waits for it at most `within`.
    pub fn news(&mut self, within: Duration) -> Option<T> {
        let news = self.inbox.recv_timeout(within).ok()?;
        self.awaited = self.awaited.saturating_sub(1);
        Some(news)
    }

    /// Whether one is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.awaited > 0
    }

    /// Lets those under way be done, but waits no longer than `within`.
    pub fn finish(&mut self, within: Duration) {
        let deadline = Instant::now() + within;
        while self.is_busy() {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.news(left).is_none() {
                return;
            }
        }
    }
}

impl<T> Default for Errands<T> {
    fn default() -> Self {
        let (outbox, inbox) = sync_channel(MAX_WAITING);
        Self {
            outbox,
            inbox,
            awaited: 0,
        }
    }
}

/// More news than ever wait; what does not fit is dropped.
const MAX_WAITING: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn a_job_that_hangs_holds_nobody_up() {
        let (_hold, held) = sync_channel::<()>(0);
        let mut errands = Errands::default();
        errands.run("hanging disk", || (), move || held.recv().is_ok());
        assert_eq!(errands.try_news(), None);
        errands.finish(Duration::ZERO);
        assert!(errands.is_busy());
    }

    #[test]
    fn news_come_once_and_wake() {
        let (woken, wakes) = sync_channel(1);
        let mut errands = Errands::default();
        errands.run("disk", move || woken.send(()).unwrap(), || 7);
        wakes.recv_timeout(PATIENCE).unwrap();
        assert_eq!(errands.try_news(), Some(7));
        assert_eq!(errands.try_news(), None);
        assert!(!errands.is_busy());
    }

    #[test]
    fn finishing_waits_for_what_is_under_way() {
        let (done, seen) = sync_channel(1);
        let mut errands = Errands::default();
        errands.run("disk", || (), move || done.send(()).unwrap());
        errands.finish(PATIENCE);
        assert!(!errands.is_busy());
        assert!(seen.try_recv().is_ok());
    }
}
