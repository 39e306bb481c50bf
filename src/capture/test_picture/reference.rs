//! What every test picture shows, sample by sample, in plain words. The drawn one is held against it.

use super::{BARS, BARS_PASS_SECONDS, BRIGHT, DIM, GRAIN, Layout, PANEL, SQUARES, draw, squares};
use crate::{
    media::{
        draw::{Area, Colour},
        frame::I420,
    },
    units::PixelSize,
};

/// The picture that [`super::TestPicture::render`] draws.
pub(super) fn picture(size: PixelSize, fps: u32, number: u64) -> I420 {
    let scene = Scene::of(size, u64::from(fps), number);
    let width = size.width as usize;
    let mut picture = I420::black(size);
    let [y, u, v] = picture.planes_mut();
    for (index, sample) in y.iter_mut().enumerate() {
        *sample = scene.luma(index % width, index / width);
    }
    for (index, (u, v)) in u.iter_mut().zip(v).enumerate() {
        [*u, *v] = scene.chroma(index % (width / 2), index / (width / 2));
    }
    picture
}

struct Scene {
    layout: Layout,
    width: usize,
    is_flash: bool,
    /// How far the bars have moved, in samples of chroma.
    shift: usize,
    grain: Vec<u8>,
    squares: [bool; SQUARES],
    texts: [Text; 3],
}

struct Text {
    words: String,
    left: usize,
    top: usize,
    dot: usize,
    luma: u8,
}

impl Scene {
    fn of(size: PixelSize, fps: u64, number: u64) -> Self {
        let layout = Layout::of(size);
        let width = size.width as usize;
        let pass = fps * BARS_PASS_SECONDS;
        let shift = number % pass * u64::from(size.width) / 2 / pass;
        let seconds = number / fps;
        Self {
            layout,
            width,
            is_flash: number % fps * 10 < fps,
            shift: usize::try_from(shift).expect("less than the width"),
            grain: grain(layout.grain, number),
            squares: squares(number),
            texts: texts(
                layout,
                size,
                fps,
                [
                    format!("{:06}", number % 1_000_000),
                    format!(
                        "{:02}:{:02}.{:02}",
                        seconds / 60 % 100,
                        seconds % 60,
                        number % fps
                    ),
                ],
            ),
        }
    }

    fn luma(&self, column: usize, row: usize) -> u8 {
        let Self { layout, texts, .. } = self;
        if row < layout.bars.height {
            return self.bar(column + 2 * self.shift, self.width).y;
        }
        if row < layout.panel.top {
            return self.grain[(row - layout.bars.height) * self.width + column];
        }
        let lit = texts.iter().find(|text| {
            (column >= text.left && row >= text.top)
                && draw::is_lit(&text.words, text.dot, column - text.left, row - text.top)
        });
        lit.map_or_else(|| self.ground(column, row).y, |text| text.luma)
    }

    fn chroma(&self, column: usize, row: usize) -> [u8; 2] {
        let Self { layout, .. } = self;
        let colour = if 2 * row < layout.bars.height {
            self.bar(column + self.shift, self.width / 2)
        } else if 2 * row < layout.panel.top {
            Colour::BLACK // as all greys
        } else {
            self.ground(2 * column, 2 * row)
        };
        [colour.u, colour.v]
    }

    /// The bars' colour, of which all are `width` samples wide.
    fn bar(&self, column: usize, width: usize) -> Colour {
        if self.is_flash {
            Colour::WHITE
        } else {
            BARS[column % width * BARS.len() / width]
        }
    }

    /// What the texts are written on.
    fn ground(&self, column: usize, row: usize) -> Colour {
        let square = self.layout.first_square;
        let is_beside =
            column < square.left || row < square.top || row >= square.top + square.height;
        let square = column.saturating_sub(square.left) / square.width;
        match self.squares.get(square) {
            Some(true) if !is_beside => Colour::WHITE,
            Some(false) if !is_beside => Colour::BLACK,
            _ => PANEL,
        }
    }
}

/// Noise of twice the area's size, of which each frame shows another part.
fn grain(area: Area, number: u64) -> Vec<u8> {
    let samples = area.width * area.height;
    let mut random = fastrand::Rng::with_seed(0);
    let noise: Vec<u8> = (0..2 * samples).map(|_| random.u8(GRAIN)).collect();
    let start = fastrand::Rng::with_seed(number).usize(..=samples);
    noise[start..start + samples].to_vec()
}

/// Number and clock, each with the same gap at its sides and standing on the same line, and the label in the
/// middle, if there is room.
fn texts(layout: Layout, size: PixelSize, fps: u64, [number, clock]: [String; 2]) -> [Text; 3] {
    let width = size.width as usize;
    let number_width = draw::text_width(&number, layout.number_dot);
    let clock_width = draw::text_width(&clock, layout.clock_dot);
    let gap = (width - number_width - clock_width) / 3;
    let foot = layout.text_top + 7 * layout.number_dot;
    let label = format!(
        "SKYWAVE TEST PICTURE {}X{} {fps} FPS",
        size.width, size.height
    );
    let label_width = draw::text_width(&label, layout.label_dot);
    let is_shown = layout.label_fits && label_width <= width;
    [
        Text {
            words: number,
            left: gap,
            top: layout.text_top,
            dot: layout.number_dot,
            luma: BRIGHT,
        },
        Text {
            words: clock,
            left: width - gap - clock_width,
            top: foot - 7 * layout.clock_dot,
            dot: layout.clock_dot,
            luma: DIM,
        },
        Text {
            words: if is_shown { label } else { String::new() },
            left: width.saturating_sub(label_width) / 2,
            top: layout.label_top,
            dot: layout.label_dot,
            luma: DIM,
        },
    ]
}
