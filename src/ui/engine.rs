//! The real engine, as the window asks for it.

use std::sync::Arc;

use super::app::Engine;
use crate::{
    engine::{command::Command, event::Event, handle},
    media::frame::I420,
    units::MediaTime,
};

impl Engine for handle::Engine {
    fn send(&self, command: Command) {
        handle::Engine::send(self, command);
    }

    fn try_event(&mut self) -> Option<Event> {
        handle::Engine::try_event(self)
    }

    fn preview(&mut self) -> Option<Arc<I420>> {
        handle::Engine::preview(self)
    }

    fn set_waker(&mut self, wake: Box<dyn Fn() + Send + Sync>) {
        handle::Engine::set_waker(self, wake);
    }

    fn now(&self) -> MediaTime {
        handle::Engine::now(self)
    }
}
