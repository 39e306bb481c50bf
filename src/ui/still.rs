//! What stands still is tessellated once: from one picture to the next hardly anything of the window changes.

use std::{collections::HashMap, sync::Arc};

use eframe::egui::{
    Context, LayerId, Mesh, Rect, Shape, Ui,
    epaint::{ClippedShape, Primitive, TextShape},
    layers::{PaintList, ShapeIdx},
};

/// What each panel painted the last time.
#[derive(Default)]
pub struct Stills {
    panels: HashMap<&'static str, Still>,
    /// What meshes depend on beside their shapes: pixels per point, and the size of the texture with the letters.
    scale: (f32, (usize, usize)),
}

#[derive(Default)]
struct Still {
    shapes: Vec<ClippedShape>,
    /// The same as triangles, each mesh with what it is clipped to; none before the shapes were painted twice.
    meshes: Option<Vec<(Rect, Arc<Mesh>)>>,
}

impl Stills {
    /// Has `show` paint the panel of this name. If it paints what it did the last time, that is not tessellated again.
    pub fn show<R>(
        &mut self,
        ui: &mut Ui,
        name: &'static str,
        show: impl FnOnce(&mut Ui) -> R,
    ) -> R {
        let (ctx, layer) = (ui.ctx().clone(), ui.layer_id());
        let scale = (
            ctx.pixels_per_point(),
            ctx.fonts(|fonts| fonts.font_image_size().into()),
        );
        if self.scale != scale {
            (self.panels, self.scale) = (HashMap::new(), scale);
        }
        let first = ctx.graphics_mut(|graphics| graphics.entry(layer).next_idx());
        let shown = show(ui);
        self.panels.entry(name).or_default().put(&ctx, layer, first);
        shown
    }
}

impl Still {
    /// Puts meshes in place of the shapes that were painted from `first` on, if they are the known ones.
    fn put(&mut self, ctx: &Context, layer: LayerId, first: ShapeIdx) {
        if !ctx.graphics(|graphics| self.is_painted_again(graphics.get(layer), first)) {
            return;
        }
        let meshes = self
            .meshes
            .get_or_insert_with(|| tessellated(ctx, &self.shapes));
        let Some((last_clip, _)) = meshes.last() else {
            return;
        };
        ctx.graphics_mut(|graphics| {
            let painted = graphics.entry(layer);
            // Each mesh comes of one shape at least, so that there is room.
            for index in first.0..painted.next_idx().0 {
                let (clip, shape) = match meshes.get(index - first.0) {
                    Some((clip, mesh)) => (*clip, Shape::Mesh(Arc::clone(mesh))),
                    None => (*last_clip, Shape::Noop),
                };
                painted.set(ShapeIdx(index), clip, shape);
            }
        });
    }

    /// Whether the end of `painted` is what was painted the last time; if it is not, it is learnt.
    fn is_painted_again(&mut self, painted: Option<&PaintList>, first: ShapeIdx) -> bool {
        let Some(painted) = painted else {
            return false;
        };
        let painted = || painted.all_entries().skip(first.0);
        let mut pairs = painted().zip(&self.shapes);
        let is_known =
            painted().len() == self.shapes.len() && pairs.all(|(one, other)| is_same(one, other));
        if !is_known {
            self.meshes = None;
            self.shapes.clear();
            self.shapes.extend(painted().cloned());
        }
        is_known
    }
}

/// The meshes that `shapes` come to; none if that is not all they come to.
fn tessellated(ctx: &Context, shapes: &[ClippedShape]) -> Vec<(Rect, Arc<Mesh>)> {
    let parts = ctx.tessellate(shapes.to_vec(), ctx.pixels_per_point());
    let meshes = parts.into_iter().map(|part| match part.primitive {
        Primitive::Mesh(mesh) => Some((part.clip_rect, Arc::new(mesh))),
        Primitive::Callback(_) => None,
    });
    meshes.collect::<Option<_>>().unwrap_or_default()
}

/// Whether both look the same. Text that looks the same is known by its place in egui's cache: to compare its letters
/// would take longer than to tessellate them.
fn is_same(one: &ClippedShape, other: &ClippedShape) -> bool {
    let (Shape::Text(text), Shape::Text(known)) = (&one.shape, &other.shape) else {
        return one == other;
    };
    let TextShape {
        pos,
        galley,
        underline,
        fallback_color,
        override_text_color,
        opacity_factor,
        angle,
    } = text;
    Arc::ptr_eq(galley, &known.galley)
        && *pos == known.pos
        && *underline == known.underline
        && *fallback_color == known.fallback_color
        && *override_text_color == known.override_text_color
        && opacity_factor.to_bits() == known.opacity_factor.to_bits()
        && angle.to_bits() == known.angle.to_bits()
        && one.clip_rect == other.clip_rect
        && one.transform_after_tessellation == other.transform_after_tessellation
}
