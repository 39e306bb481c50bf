//! The window's life with an engine that writes down what it is asked.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use eframe::{
    App as _,
    egui::{
        FullOutput, Mesh, RawInput, Shape, ViewportId, ViewportInfo,
        epaint::{ClippedShape, Primitive},
        pos2, vec2,
    },
};

use super::*;
use crate::{
    media::level::Levels,
    settings::model::VideoSource,
    units::{Decibels, PixelSize},
};

/// What the engine was asked.
#[derive(Clone, Default)]
struct Asked {
    preview: Rc<RefCell<Vec<bool>>>,
    pictures: Rc<Cell<u32>>,
    events: Rc<RefCell<VecDeque<Event>>>,
}

impl Engine for Asked {
    fn send(&self, command: Command) {
        if let Command::ShowPreview(shown) = command {
            self.preview.borrow_mut().push(shown);
        }
    }

    fn try_event(&mut self) -> Option<Event> {
        self.events.borrow_mut().pop_front()
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
fn paint(ctx: &Context, app: &mut App, seen: &ViewportInfo) -> FullOutput {
    let input = RawInput {
        screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), vec2(1280.0, 800.0))),
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
    painted
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

/// How soon the window wants to be painted again.
fn wanted_again(painted: &FullOutput) -> Duration {
    painted.viewport_output[&ViewportId::ROOT].repaint_delay
}

/// A window without a picture, painted until it has settled.
fn settled_window(ctx: &Context) -> (App, Asked) {
    let settings = Settings {
        video: VideoSource::None,
        ..Settings::default()
    };
    let asked = Asked::default();
    let mut app = App::new(ctx, Box::new(asked.clone()), None, settings, None);
    for _ in 0..10 {
        paint(ctx, &mut app, &ViewportInfo::default());
    }
    (app, asked)
}

#[test]
fn an_idle_window_is_not_painted_again() {
    let ctx = Context::default();
    let (mut app, _) = settled_window(&ctx);
    let painted = paint(&ctx, &mut app, &ViewportInfo::default());
    assert_eq!(wanted_again(&painted), Duration::MAX);
}

#[test]
fn the_meter_has_the_window_painted_only_while_it_moves() {
    let ctx = Context::default();
    let (mut app, asked) = settled_window(&ctx);
    let hear = |app: &mut App, peak| {
        let levels = Levels {
            peak: [Decibels(peak); 2],
            ..Levels::SILENT
        };
        asked.events.borrow_mut().push_back(Event::Levels(levels));
        wanted_again(&paint(&ctx, app, &ViewportInfo::default()))
    };
    assert_eq!(hear(&mut app, -20.0), Duration::MAX);
    assert_eq!(hear(&mut app, -20.0), Duration::MAX);
    assert_eq!(hear(&mut app, -50.0), METER_STEP, "bar and mark fall");
}

#[test]
fn what_stands_still_is_tessellated_once_and_looks_the_same() {
    let ctx = Context::default();
    let (mut app, _) = settled_window(&ctx);
    let is_ready = |shape: &&ClippedShape| matches!(shape.shape, Shape::Mesh(_) | Shape::Noop);
    let count = |painted: &FullOutput| painted.shapes.iter().filter(|it| !is_ready(it)).count();

    app.stills = Stills::default();
    let anew = paint(&ctx, &mut app, &ViewportInfo::default());
    let again = paint(&ctx, &mut app, &ViewportInfo::default());
    assert!(count(&anew) > 120, "{}", count(&anew));
    assert!(count(&again) < 40, "{}", count(&again));
    // Wherever one mesh ends and the next begins.
    let triangles = |painted: FullOutput| {
        let mut all = Vec::<(Rect, Mesh)>::new();
        for part in ctx.tessellate(painted.shapes, painted.pixels_per_point) {
            let Primitive::Mesh(mesh) = part.primitive else {
                panic!("nothing but triangles");
            };
            match all.last_mut() {
                Some((clip, last)) if *clip == part.clip_rect => last.append(mesh),
                _ => all.push((part.clip_rect, mesh)),
            }
        }
        all
    };
    assert!(triangles(anew) == triangles(again));
}
