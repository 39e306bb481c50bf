//! What viewers see while a camera is away: a calm dark card that says so.

use std::sync::Arc;

use crate::{
    media::{
        draw::{self, Area, Colour},
        frame::I420,
    },
    units::PixelSize,
};

/// Why there is no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlateReason {
    /// The camera delivered before and does no more.
    CameraLost,
    /// The camera has not delivered yet.
    WaitingForCamera,
}

/// A card of the even `size` that names the reason. Draw it once and show it as long as needed.
#[must_use]
pub fn slate(size: PixelSize, reason: SlateReason) -> Arc<I420> {
    let title = match reason {
        SlateReason::CameraLost => "CAMERA LOST",
        SlateReason::WaitingForCamera => "WAITING FOR CAMERA",
    };
    let hint = "PLEASE STAND BY";
    let (width, height) = (size.width as usize, size.height as usize);
    let mut picture = I420::black(size);
    draw::fill(&mut picture, Area::new(0, 0, width, height), GROUND);
    let title_dot = dot(title, width * 5 / 8, height / 6);
    let hint_dot = dot(hint, width * 2 / 5, height / 12).min(title_dot.div_ceil(2));
    let title_height = draw::text_height(title_dot);
    let bar_height = (title_height / 5).max(2);
    let text_height = title_height + 2 * bar_height + draw::text_height(hint_dot);
    let title_top = (height - (3 * bar_height + text_height)) / 2 + 3 * bar_height;
    let hint_top = title_top + title_height + 2 * bar_height;
    let bar_width = width / 12;
    let bar = Area::new(
        (width - bar_width) / 2,
        title_top - 3 * bar_height,
        bar_width,
        bar_height,
    );
    draw::fill(&mut picture, bar, ACCENT);
    centred(&mut picture, title_top, title_dot, TITLE, title);
    centred(&mut picture, hint_top, hint_dot, HINT, hint);
    Arc::new(picture)
}

/// The largest dot at which `text` stays within a width and a height.
fn dot(text: &str, width: usize, height: usize) -> usize {
    (width / draw::text_width(text, 1))
        .min(height / draw::text_height(1))
        .max(1)
}

fn centred(picture: &mut I420, top: usize, dot: usize, luma: u8, text: &str) {
    let width = picture.size().width as usize;
    let text_width = draw::text_width(text, dot);
    if let Some(space) = width.checked_sub(text_width) {
        draw::text(picture, space / 2, top, dot, luma, text);
    }
}

const GROUND: Colour = Colour::new(30, 132, 126);
const ACCENT: Colour = Colour::new(140, 140, 115);
const TITLE: u8 = 215;
const HINT: u8 = 125;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slate_is_dark_and_says_something_at_every_size() {
        for size in [
            PixelSize::MIN,
            PixelSize::new(640, 480),
            PixelSize::new(90, 160),
            PixelSize::MAX,
        ] {
            for reason in [SlateReason::CameraLost, SlateReason::WaitingForCamera] {
                let slate = slate(size, reason);
                assert_eq!(slate.size(), size);
                let luma = slate.planes()[0];
                let mean = luma.iter().map(|luma| usize::from(*luma)).sum::<usize>() / luma.len();
                assert!((28..70).contains(&mean), "{mean}");
                if size != PixelSize::new(90, 160) {
                    assert!(luma.contains(&TITLE), "{size}");
                }
            }
        }
    }
}
