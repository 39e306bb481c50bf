//! The engine as its users hold it: commands in, events and preview pictures out.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    command::{Command, OutputFormat},
    director::Director,
    event::Event,
    event_queue::{EventQueue, Waker},
    inbox::{Input, Reports},
    parts::Parts,
    preview::Preview,
};
use crate::{
    media::{clock::Clock, frame::I420},
    units::MediaTime,
};

/// A running engine. Dropping it stops everything, in at most about a second.
pub struct Engine {
    inputs: SyncSender<Input>,
    events: EventQueue,
    preview: Arc<Preview>,
    clock: Clock,
    director: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts an engine without sources and outputs.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(format: OutputFormat) -> io::Result<Self> {
        Self::start_with(Parts::default(), format)
    }

    /// Starts an engine that is put together from `parts`.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start_with(parts: Parts, format: OutputFormat) -> io::Result<Self> {
        let clock = Clock::start();
        let events = EventQueue::default();
        let preview = Arc::new(Preview::default());
        let (inputs, inbox) = sync_channel(INPUT_CAPACITY);
        let director = Director::new(
            parts,
            format,
            clock,
            events.clone(),
            Arc::clone(&preview),
            Reports::new(inputs.clone()),
        )?;
        let director = thread::Builder::new()
            .name("director".into())
            .spawn(move || director.run(&inbox))?;
        Ok(Self {
            inputs,
            events,
            preview,
            clock,
            director: Some(director),
        })
    }

    /// Asks for something. Never blocks for longer than the engine takes to read a command.
    pub fn send(&self, command: Command) {
        // The director is gone only after a panic, which was already reported.
        let _ = self.inputs.send(Input::Command(command));
    }

    /// The oldest event not read yet.
    #[must_use]
    pub fn try_event(&self) -> Option<Event> {
        self.events.try_next()
    }

    /// The oldest event not read yet; waits for one at most `timeout`.
    #[must_use]
    pub fn next_event(&self, timeout: Duration) -> Option<Event> {
        self.events.next(timeout)
    }

    /// The newest preview picture, if it changed since the last call.
    #[must_use]
    pub fn preview(&self) -> Option<Arc<I420>> {
        self.preview.take()
    }

    /// Calls `waker`, from the engine's threads, whenever there is an event or a preview picture to fetch.
    pub fn set_waker(&self, waker: Waker) {
        self.events.set_waker(waker);
    }

    /// The time on the engine's clock.
    #[must_use]
    pub fn now(&self) -> MediaTime {
        self.clock.now()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.inputs.send(Input::Quit);
        if let Some(director) = self.director.take() {
            let _ = director.join();
        }
    }
}

/// Inputs are read at once; a full channel means that the director is busy starting a device.
const INPUT_CAPACITY: usize = 1024;
