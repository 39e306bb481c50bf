//! I420 to RGB in software, no larger than can be seen: for graphics cards that cannot do it themselves.

use std::sync::Arc;

use eframe::egui::{Color32, ColorImage, Context, TextureHandle, TextureId, TextureOptions, vec2};

use crate::media::frame::I420;

/// A picture converted for the screen; image and texture are used again for every frame.
#[derive(Default)]
pub(super) struct Rgb {
    image: Arc<ColorImage>,
    texture: Option<TextureHandle>,
}

impl Rgb {
    /// Shows `frame`, reduced by a whole factor while it stays at least `wanted` pixels wide.
    pub(super) fn show(&mut self, ctx: &Context, frame: &I420, wanted: f32) {
        if Arc::get_mut(&mut self.image).is_none() {
            self.image = Arc::default(); // The one before has not been painted yet.
        }
        if let Some(image) = Arc::get_mut(&mut self.image) {
            convert(frame, factor(frame.size().width, wanted), image);
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
fn convert(frame: &I420, step: usize, image: &mut ColorImage) {
    let (width, height) = (frame.size().width as usize, frame.size().height as usize);
    let chroma_width = width / 2;
    let [luma, blue, red] = frame.planes();
    let (columns, rows) = (width / step, height / step);
    image.size = [columns, rows];
    image.source_size = vec2(columns as f32, rows as f32);
    image.pixels.resize(columns * rows, Color32::BLACK);
    for (row, pixels) in image.pixels.chunks_exact_mut(columns).enumerate() {
        let line = row * step;
        let luma = &luma[line * width..];
        let (luma, below) = luma.split_at(width);
        let start = line / 2 * chroma_width;
        let blue = &blue[start..][..chroma_width];
        let red = &red[start..][..chroma_width];
        if step == 1 {
            let pairs = pixels.chunks_exact_mut(2).zip(luma.chunks_exact(2));
            for (((pixels, pair), &u), &v) in pairs.zip(blue).zip(red) {
                let tint = Tint::new(u, v);
                pixels[0] = tint.shade(pair[0]);
                pixels[1] = tint.shade(pair[1]);
            }
        } else {
            // Chroma is already at half size: no finer than what is asked for.
            for (column, pixel) in pixels.iter_mut().enumerate() {
                let at = column * step;
                let four = [luma[at], luma[at + 1], below[at], below[at + 1]];
                let y = four.into_iter().map(u16::from).sum::<u16>() / 4;
                let tint = Tint::new(blue[at / 2], red[at / 2]);
                *pixel = tint.shade(u8::try_from(y).unwrap_or(u8::MAX));
            }
        }
    }
}

/// What a pair of chroma samples adds to red, green and blue, in 1/65536.
struct Tint {
    red: i32,
    green: i32,
    blue: i32,
}

impl Tint {
    #[inline]
    fn new(u: u8, v: u8) -> Self {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        Self {
            red: 117_489 * v,
            green: -13_975 * u - 34_925 * v,
            blue: 138_438 * u,
        }
    }

    #[inline]
    fn shade(&self, y: u8) -> Color32 {
        let grey = 76_309 * (i32::from(y) - 16) + 32_768;
        let channel = |tint: i32| {
            #[expect(clippy::cast_sign_loss, reason = "clamped")]
            let value = ((grey + tint) >> 16).clamp(0, 255) as u8;
            value
        };
        Color32::from_rgba_premultiplied(
            channel(self.red),
            channel(self.green),
            channel(self.blue),
            u8::MAX,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::PixelSize;

    fn converted(frame: &I420, step: usize) -> ColorImage {
        let mut image = ColorImage::default();
        convert(frame, step, &mut image);
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
