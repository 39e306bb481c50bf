//! `skywave` without a command: the window.

use std::{env, sync::Arc, time::Instant};

use super::exit::{Exit, ExitStatus};
use crate::{
    engine::{
        command::Command,
        event::{Arrival, Event},
        handle::Engine,
    },
    media::frame::I420,
    settings::{
        model::Settings,
        store::{Loaded, Store},
    },
    ui::{self, desk::format_of},
    units::MediaTime,
};

/// Opens the window and stays until it is closed; the program was `started` then.
///
/// # Errors
/// When there is no display, or the engine cannot start.
pub fn window(started: Instant) -> Result<(), Exit> {
    if lacks_display() {
        let message = "there is no display here, so no window can open; use `skywave live` or `skywave check`";
        return Err(Exit::new(ExitStatus::Problems, message));
    }
    let (store, loaded) = match Store::of_user() {
        Ok(store) => {
            let loaded = store.load();
            (Some(store), loaded)
        }
        Err(error) => {
            tracing::warn!("settings are not remembered: {error}");
            let settings = Settings::default();
            (
                None,
                Loaded {
                    settings,
                    notice: None,
                },
            )
        }
    };
    let Loaded { settings, notice } = loaded;
    let engine = Engine::start(format_of(&settings.output)).map_err(|error| {
        Exit::new(
            ExitStatus::Problems,
            format!("the engine cannot start: {error}"),
        )
    })?;
    let notice = notice.map(|notice| notice.to_string());
    ui::run(Box::new(engine), store, settings, notice, started).map_err(|error| {
        let message = format!("the window cannot open: {error}; use `skywave live` or `skywave check` without a display");
        Exit::new(ExitStatus::Problems, message)
    })
}

/// Where the system tells how to find its display, it must have told.
fn lacks_display() -> bool {
    cfg!(target_os = "linux")
        && ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"]
            .iter()
            .all(|variable| env::var_os(variable).is_none_or(|value| value.is_empty()))
}

impl ui::Engine for Engine {
    fn send(&self, command: Command) {
        Engine::send(self, command);
    }

    fn try_event(&mut self) -> Option<Event> {
        Engine::try_event(self)
    }

    fn preview(&mut self) -> Option<Arc<I420>> {
        Engine::preview(self)
    }

    fn set_waker(&mut self, wake: Box<dyn Fn(Arrival) + Send + Sync>) {
        Engine::set_waker(self, wake);
    }

    fn now(&self) -> MediaTime {
        Engine::now(self)
    }
}
