//! I420 to RGB in software, no larger than can be seen: for graphics cards that cannot do it themselves.

#![expect(
    clippy::inline_always,
    reason = "what is inlined takes over its caller's vector instructions"
)]

use std::sync::Arc;

use eframe::egui::{Color32, ColorImage, Context, TextureHandle, TextureId, TextureOptions, vec2};
use fearless_simd::{Level, dispatch};

use crate::media::frame::I420;

/// A picture converted for the screen; image and texture are used again for every frame.
pub(super) struct Rgb {
    /// The vector instructions that this processor has.
    level: Level,
    image: Arc<ColorImage>,
    texture: Option<TextureHandle>,
}

impl Default for Rgb {
    fn default() -> Self {
        Self {
            level: Level::new(),
            image: Arc::default(),
            texture: None,
        }
    }
}

impl Rgb {
    /// Shows `frame`, reduced by a whole factor while it stays at least `wanted` pixels wide.
    pub(super) fn show(&mut self, ctx: &Context, frame: &I420, wanted: f32) {
        if Arc::get_mut(&mut self.image).is_none() {
            self.image = Arc::default(); // The one before has not been painted yet.
        }
        if let Some(image) = Arc::get_mut(&mut self.image) {
            convert(self.level, frame, factor(frame.size().width, wanted), image);
        }
        let image = Arc::clone(&self.image);
        match &mut self.texture {
            Some(texture) => texture.set(image, TextureOptions::LINEAR),
            None => self.texture = Some(ctx.load_texture("preview", image, TextureOptions::LINEAR)),
        }
    }

    /// The texture, once there is a picture.
    pub(super) fn texture(&self) -> Option<TextureId> {
        self.texture.as_ref().map(TextureHandle::id)
    }
}

/// By which whole factor a picture `width` wide can be reduced without being coarser than `wanted` pixels.
fn factor(width: u32, wanted: f32) -> usize {
    let ratio = width as f32 / wanted.max(1.0);
    match ratio {
        ratio if ratio >= 4.0 => 4,
        ratio if ratio >= 2.0 => 2,
        _ => 1,
    }
}

/// BT.709 limited range to RGB (ITU-R BT.709-6, 3). A picture that is reduced takes the average of 2 by 2 pixels from
/// each `step` by `step` of them.
fn convert(level: Level, frame: &I420, step: usize, image: &mut ColorImage) {
    let (width, height) = (frame.size().width as usize, frame.size().height as usize);
    let chroma_width = width / 2;
    let [luma, blue, red] = frame.planes();
    let (columns, rows) = (width / step, height / step);
    image.size = [columns, rows];
    image.source_size = vec2(columns as f32, rows as f32);
    image.pixels.resize(columns * rows, Color32::BLACK);
    for (row, pixels) in image.pixels.chunks_exact_mut(columns).enumerate() {
        let line = row * step;
        let (luma, below) = luma[line * width..].split_at(width);
        let chroma = line / 2 * chroma_width..;
        let (blue, red) = (&blue[chroma.clone()], &red[chroma]);
        match step {
            1 => dispatch!(level, _ => shade(pixels, luma, blue, red)),
            2 => dispatch!(level, _ => reduce::<2, 1>(pixels, [luma, below], blue, red)),
            _ => dispatch!(level, _ => reduce::<4, 2>(pixels, [luma, below], blue, red)),
        }
    }
}

/// A row of pixels, two of which share their chroma.
#[inline(always)]
fn shade(pixels: &mut [Color32], luma: &[u8], blue: &[u8], red: &[u8]) {
    let pairs = pixels.as_chunks_mut::<2>().0.iter_mut();
    let pairs = pairs.zip(luma.as_chunks::<2>().0);
    for (((pixels, luma), &u), &v) in pairs.zip(blue).zip(red) {
        let tint = Tint::new(u, v);
        // Not `luma.map`: the compiler finds no vector instructions for that.
        for (pixel, y) in pixels.iter_mut().zip(luma) {
            *pixel = tint.shade(*y);
        }
    }
}

/// A row of pixels from two rows in steps of `STEP`, and of `HALF` that in the chroma: that has half the size already,
/// no finer than what is asked for.
#[inline(always)]
fn reduce<const STEP: usize, const HALF: usize>(
    pixels: &mut [Color32],
    luma: [&[u8]; 2],
    blue: &[u8],
    red: &[u8],
) {
    let [upper, lower] = luma.map(|row| row.as_chunks::<STEP>().0);
    let chroma = blue
        .as_chunks::<HALF>()
        .0
        .iter()
        .zip(red.as_chunks::<HALF>().0);
    for (((pixel, upper), lower), (u, v)) in pixels.iter_mut().zip(upper).zip(lower).zip(chroma) {
        let four = [upper[0], upper[1], lower[0], lower[1]].map(u16::from);
        let [average, _] = (four.iter().sum::<u16>() / 4).to_le_bytes();
        *pixel = Tint::new(u[0], v[0]).shade(average);
    }
}

/// What samples of chroma add to red, green and blue, in 1/32, with what black is above zero and a half to round.
struct Tint {
    red: i16,
    green: i16,
    blue: i16,
}

impl Tint {
    #[inline(always)]
    fn new(u: u8, v: u8) -> Self {
        let chroma = |sample: u8| (i16::from(sample) - 128) << 8;
        let (u, v) = (chroma(u), chroma(v));
        Self {
            red: TO_BLACK.wrapping_add(part(v, 14_686)),
            green: TO_BLACK
                .wrapping_add(part(u, -1_747))
                .wrapping_add(part(v, -4_366)),
            blue: TO_BLACK.wrapping_add(part(u, 17_305)),
        }
    }

    #[inline(always)]
    fn shade(&self, y: u8) -> Color32 {
        let grey = part(i16::from(y) << 7, 19_077);
        let channel = |tint: i16| {
            #[expect(clippy::cast_sign_loss, reason = "clamped")]
            let value = (grey.saturating_add(tint) >> 5).clamp(0, 255) as u8;
            u32::from(value)
        };
        // As one word: so the compiler finds vector instructions for it.
        let word = channel(self.red) | channel(self.green) << 8 | channel(self.blue) << 16;
        let [red, green, blue, _] = word.to_le_bytes();
        Color32::from_rgba_premultiplied(red, green, blue, u8::MAX)
    }
}

/// The upper half of a product.
#[inline(always)]
fn part(sample: i16, weight: i16) -> i16 {
    ((i32::from(sample) * i32::from(weight)) >> 16) as i16
}

/// Black is 16 of 219 steps up to white.
const TO_BLACK: i16 = 16 - 596;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::PixelSize;

    fn converted(frame: &I420, step: usize) -> ColorImage {
        let [image, without] = [Level::new(), Level::baseline()].map(|level| {
            let mut image = ColorImage::default();
            convert(level, frame, step, &mut image);
            image
        });
        assert!(image == without, "the same with and without AVX2");
        image
    }

    fn filled(size: PixelSize, y: u8, u: u8, v: u8) -> I420 {
        let mut frame = I420::black(size);
        let [luma, blue, red] = frame.planes_mut();
        luma.fill(y);
        blue.fill(u);
        red.fill(v);
        frame
    }

    #[test]
    fn bt709_colours_come_out_right() {
        for ((y, u, v), expected) in [
            ((16, 128, 128), [0, 0, 0]),
            ((235, 128, 128), [255, 255, 255]),
            ((63, 102, 240), [255, 0, 0]),
            ((173, 42, 26), [0, 255, 0]),
            ((32, 240, 118), [0, 0, 255]),
        ] {
            let image = converted(&filled(PixelSize::new(4, 2), y, u, v), 1);
            let [red, green, blue, _] = image.pixels[0].to_array();
            for (got, want) in [red, green, blue].into_iter().zip(expected) {
                assert!(i32::from(got).abs_diff(want) <= 2, "{:?}", image.pixels[0]);
            }
        }
    }

    #[test]
    fn pictures_are_reduced_only_while_they_stay_fine_enough() {
        assert_eq!(factor(1280, 864.0), 1);
        assert_eq!(factor(1920, 864.0), 2);
        assert_eq!(factor(3840, 864.0), 4);
        assert_eq!(factor(160, 864.0), 1);
    }

    #[test]
    fn a_reduced_picture_has_the_reduced_size() {
        for (size, step) in [
            ((1920, 1080), 2),
            ((3840, 2160), 4),
            ((162, 90), 4),
            ((160, 90), 1),
        ] {
            let frame = filled(PixelSize::new(size.0, size.1), 81, 90, 240);
            let image = converted(&frame, step);
            assert_eq!(image.size, [size.0 as usize / step, size.1 as usize / step]);
            assert_eq!(image.pixels.len(), image.size[0] * image.size[1]);
        }
    }

    #[test]
    fn fine_detail_is_averaged_where_a_picture_is_reduced() {
        let mut frame = filled(PixelSize::new(64, 36), 16, 128, 128);
        let [luma, ..] = frame.planes_mut();
        for line in luma.chunks_exact_mut(64).step_by(2) {
            line.fill(236);
        }
        let grey = Tint::new(128, 128).shade(126);
        let image = converted(&frame, 2);
        assert!(image.pixels.iter().all(|pixel| *pixel == grey));
    }

    #[test]
    fn the_same_memory_serves_every_frame_that_was_painted() {
        let ctx = Context::default();
        let mut rgb = Rgb::default();
        let frame = filled(PixelSize::new(64, 36), 81, 90, 240);
        let mut places = Vec::new();
        for _ in 0..5 {
            rgb.show(&ctx, &frame, 864.0);
            places.push(rgb.image.pixels.as_ptr());
            ctx.begin_pass(eframe::egui::RawInput::default());
            let mut painted = ctx.end_pass();
            painted.textures_delta.clear();
        }
        assert!(places.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
