//! The preview's pixels: turned into colours by the graphics card, or in software where that cannot do it.

mod gpu;
mod rgb;

use std::{env, sync::Arc};

use eframe::{
    egui::{Color32, Context, CornerRadius, Rect, Shape, Vec2, epaint::RectShape, pos2, vec2},
    glow,
};

use crate::media::frame::I420;

use gpu::Planes;
use rgb::Rgb;

/// The newest picture. It costs nothing until another one comes.
#[derive(Default)]
pub struct Picture {
    /// Of the picture there is.
    size: Option<Vec2>,
    planes: Option<Planes>,
    /// Where there are no `planes`.
    rgb: Rgb,
}

impl Picture {
    /// Lets the graphics card do the work from now on, if there is one and it can. `SKYWAVE_PREVIEW` may say
    /// that `software` does it all the same, or OpenGL (`opengl`) even where it is software itself.
    pub fn use_gpu(&mut self, gl: &glow::Context) {
        let wish = env::var(SWITCH).unwrap_or_default();
        if wish == "software" {
            return tracing::debug!("{IN_SOFTWARE}: {SWITCH} says so");
        }
        match Planes::new(gl, wish != "opengl") {
            Ok(planes) => {
                tracing::debug!("the preview's colours are made by OpenGL");
                self.planes = Some(planes);
            }
            Err(error) => tracing::debug!("{IN_SOFTWARE}: {error}"),
        }
    }

    /// Shows `frame` from the next paint on. What is converted in software is reduced by a whole factor while
    /// it stays at least `wanted` pixels wide.
    pub fn update(&mut self, ctx: &Context, frame: Arc<I420>, wanted: f32) {
        let size = frame.size();
        self.size = Some(vec2(size.width as f32, size.height as f32));
        if let Some(error) = self.planes.as_ref().and_then(Planes::trouble) {
            tracing::warn!("{IN_SOFTWARE}: {error}");
            self.planes = None;
        }
        match &self.planes {
            Some(planes) => planes.show(frame),
            None => self.rgb.show(ctx, &frame, wanted),
        }
    }

    /// The picture's size in its own pixels, if there is a picture.
    #[must_use]
    pub fn size(&self) -> Option<Vec2> {
        self.size
    }

    /// The picture as a shape that fills `place`; none while there is no picture.
    pub fn shape(&self, place: Rect, radius: CornerRadius) -> Shape {
        if self.size.is_none() {
            return Shape::Noop;
        }
        match (&self.planes, self.rgb.texture()) {
            (Some(planes), _) => planes.shape(place, radius.average()),
            (None, Some(texture)) => {
                let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                RectShape::filled(place, radius, Color32::WHITE)
                    .with_texture(texture, whole)
                    .into()
            }
            (None, None) => Shape::Noop,
        }
    }

    /// Gives back what the graphics card holds; to be called before the window goes.
    pub fn free(&mut self, gl: &glow::Context) {
        if let Some(planes) = self.planes.take() {
            planes.free(gl);
        }
    }
}

/// For graphics cards that claim more than they can.
const SWITCH: &str = "SKYWAVE_PREVIEW";
const IN_SOFTWARE: &str = "the preview's colours are made in software";
