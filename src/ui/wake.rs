//! When news from other threads repaint the window: as seldom as a person does not notice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use eframe::egui::Context;

use crate::engine::event::Arrival;

/// Wakes the window, from any thread; copies share what they know.
#[derive(Clone)]
pub struct Wake {
    ctx: Context,
    hidden: Arc<AtomicBool>,
}

impl Wake {
    /// Wakes the window of `ctx`.
    #[must_use]
    pub fn new(ctx: &Context) -> Self {
        Self {
            ctx: ctx.clone(),
            hidden: Arc::default(),
        }
    }

    /// Whether nobody can see the window.
    pub fn set_hidden(&self, hidden: bool) {
        self.hidden.store(hidden, Ordering::Relaxed);
    }

    /// Repaints for something that has come. A picture is shown at once. All else waits a moment for one to
    /// go along with, and for longer while nobody can see it.
    pub fn on(&self, arrival: Arrival) {
        let delay = match arrival {
            _ if self.hidden.load(Ordering::Relaxed) => WHILE_HIDDEN,
            Arrival::Picture => AT_ONCE,
            Arrival::Event => WITH_THE_NEXT_PICTURE,
        };
        self.ctx.request_repaint_after(delay);
    }

    /// The same for news of the window's own errands.
    pub fn on_news(&self) {
        self.on(Arrival::Event);
    }
}

/// Not quite no delay: that would have egui paint twice, so that layouts settle.
const AT_ONCE: Duration = Duration::from_nanos(1);
/// A little more than a frame at 25 per second.
const WITH_THE_NEXT_PICTURE: Duration = Duration::from_millis(42);
/// As often as there are statistics: the report counts by them.
const WHILE_HIDDEN: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use eframe::egui::RawInput;

    use super::*;

    /// A window that writes down when it was to be painted.
    fn window() -> (Context, Wake, Arc<Mutex<Vec<Duration>>>) {
        let ctx = Context::default();
        // Its first passes are painted anyway.
        for _ in 0..3 {
            paint(&ctx);
        }
        let asked = Arc::<Mutex<Vec<Duration>>>::default();
        let noted = Arc::clone(&asked);
        ctx.set_request_repaint_callback(move |info| noted.lock().unwrap().push(info.delay));
        (ctx.clone(), Wake::new(&ctx), asked)
    }

    fn paint(ctx: &Context) {
        ctx.begin_pass(RawInput::default());
        ctx.end_pass().textures_delta.clear();
    }

    #[test]
    fn a_picture_is_painted_at_once_and_once() {
        let (ctx, wake, asked) = window();
        wake.on(Arrival::Picture);
        paint(&ctx);
        assert_eq!(*asked.lock().unwrap(), [AT_ONCE]);
    }

    #[test]
    fn events_go_along_with_the_next_picture() {
        let (ctx, wake, asked) = window();
        for _ in 0..5 {
            wake.on(Arrival::Event);
        }
        wake.on(Arrival::Picture);
        paint(&ctx);
        assert_eq!(*asked.lock().unwrap(), [WITH_THE_NEXT_PICTURE, AT_ONCE]);
    }

    #[test]
    fn a_hidden_window_is_left_in_peace() {
        let (_, wake, asked) = window();
        wake.set_hidden(true);
        for _ in 0..50 {
            wake.on(Arrival::Event);
            wake.on(Arrival::Picture);
        }
        assert_eq!(*asked.lock().unwrap(), [WHILE_HIDDEN]);
    }
}
