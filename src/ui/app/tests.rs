//! The window's life with an engine that writes down what it is asked.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use eframe::{
    App as _,
    egui::{RawInput, ViewportId, ViewportInfo},
};

use super::*;
use crate::units::PixelSize;

/// What the engine was asked.
#[derive(Clone, Default)]
struct Asked {
    preview: Rc<RefCell<Vec<bool>>>,
    pictures: Rc<Cell<u32>>,
}

impl Engine for Asked {
    fn send(&self, command: Command) {
        if let Command::ShowPreview(shown) = command {
            self.preview.borrow_mut().push(shown);
        }
    }

    fn try_event(&mut self) -> Option<Event> {
        None
    }

    fn preview(&mut self) -> Option<Arc<I420>> {
        self.pictures.set(self.pictures.get() + 1);
        Some(Arc::new(I420::black(PixelSize::MIN)))
    }

    fn set_waker(&mut self, _: Box<dyn Fn(Arrival) + Send + Sync>) {}

    fn now(&self) -> MediaTime {
        MediaTime::ZERO
    }
}

/// Paints the window once, as the system tells that it is `seen`.
fn paint(ctx: &Context, app: &mut App, seen: &ViewportInfo) {
    let input = RawInput {
        viewports: [(ViewportId::ROOT, seen.clone())].into_iter().collect(),
        ..RawInput::default()
    };
    let mut frame = eframe::Frame::_new_kittest();
    let mut painted = ctx.run_ui(input, |ui| {
        let ctx = ui.ctx().clone();
        app.logic(&ctx, &mut frame);
        app.ui(ui, &mut frame);
    });
    painted.textures_delta.clear();
}

#[test]
fn pictures_are_made_before_the_window_is_open() {
    let asked = Asked::default();
    let _app = App::new(
        &Context::default(),
        Box::new(asked.clone()),
        None,
        Settings::default(),
        None,
    );
    assert_eq!(*asked.preview.borrow(), [true]);
}

#[test]
fn a_window_that_nobody_can_see_fetches_no_pictures() {
    let visible = ViewportInfo::default();
    let minimised = ViewportInfo {
        minimized: Some(true),
        ..visible.clone()
    };
    let covered = ViewportInfo {
        occluded: Some(true),
        ..visible.clone()
    };
    for hidden in [minimised, covered] {
        let ctx = Context::default();
        let asked = Asked::default();
        let engine = Box::new(asked.clone());
        let mut app = App::new(&ctx, engine, None, Settings::default(), None);
        paint(&ctx, &mut app, &visible);
        let fetched = asked.pictures.get();
        assert!(fetched > 0);

        for _ in 0..3 {
            paint(&ctx, &mut app, &hidden);
        }
        assert_eq!(asked.pictures.get(), fetched);
        assert_eq!(*asked.preview.borrow(), [true, false]);

        paint(&ctx, &mut app, &visible);
        assert!(asked.pictures.get() > fetched);
        assert_eq!(*asked.preview.borrow(), [true, false, true]);
    }
}
