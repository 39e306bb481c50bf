//! The built-in picture: moving bars, a running clock, the frame's number and a flash each second.
//!
//! Everything in it depends on the frame's number alone. The number is there twice: for people, and as a row of
//! black and white squares that [`read_frame_number`] reads even from a decoded stream, so that a missing or
//! repeated frame is proven and not guessed. A strip of film grain gives an encoder something to do: without
//! it a picture of flat colours would never need the bitrate that was asked for.
//!
//! All of it is rows that are filled or copied. What each frame shows, sample by sample, is written in plain words in
//! the tests' `reference`.

use std::{fmt::Write, sync::Arc};

use crate::{
    media::{
        draw::{self, Area, Colour},
        frame::I420,
        pool::PicturePool,
    },
    units::{FrameRate, PixelSize},
};

/// Draws the test picture in one size, for one frame rate.
#[derive(Debug)]
pub struct TestPicture {
    frame_rate: FrameRate,
    layout: Layout,
    /// What is the same in every frame.
    background: I420,
    /// One row of each plane of the bars, twice side by side.
    bars: [Vec<u8>; 3],
    grain: Vec<u8>,
    /// What is written in the frame: its time and its number.
    clock: String,
    written_number: String,
    pool: PicturePool,
}

impl TestPicture {
    /// A test picture of `size`, whose sides are even.
    #[must_use]
    pub fn new(size: PixelSize, frame_rate: FrameRate) -> Self {
        let layout = Layout::of(size);
        let mut background = I420::black(size);
        draw::fill(&mut background, layout.panel, PANEL);
        let label = format!(
            "SKYWAVE TEST PICTURE {}X{} {} FPS",
            size.width,
            size.height,
            frame_rate.fps()
        );
        let label_width = draw::text_width(&label, layout.label_dot);
        if label_width <= layout.panel.width && layout.label_fits {
            draw::text(
                &mut background,
                (layout.panel.width - label_width) / 2,
                layout.label_top,
                layout.label_dot,
                DIM,
                &label,
            );
        }
        let width = size.width as usize;
        let bars = [
            bar_row(width, |bar| bar.y),
            bar_row(width / 2, |bar| bar.u),
            bar_row(width / 2, |bar| bar.v),
        ];
        let mut random = fastrand::Rng::with_seed(0);
        let grain = (0..2 * width * layout.grain.height.max(1))
            .map(|_| random.u8(GRAIN))
            .collect();
        Self {
            frame_rate,
            layout,
            background,
            bars,
            grain,
            clock: String::new(),
            written_number: String::new(),
            pool: PicturePool::new(size),
        }
    }

    /// Draws frame `number`, which is due `number` / frame rate after the program's time zero.
    ///
    /// The flash fills the bars' place in every frame that is due in the first tenth of a second; always at
    /// least the second's first frame.
    pub fn render(&mut self, number: u64) -> Arc<I420> {
        let fps = u64::from(self.frame_rate.fps());
        let (second, frame) = (number / fps, number % fps);
        let flash = frame * 10 < fps;
        let Self {
            layout,
            background,
            bars,
            grain,
            clock,
            written_number,
            ..
        } = self;
        clock.clear();
        written_number.clear();
        let (minute, shown_second) = (second / 60 % 100, second % 60);
        // Writing into a string cannot fail.
        let _ = write!(clock, "{minute:02}:{shown_second:02}.{frame:02}");
        let _ = write!(written_number, "{:06}", number % 1_000_000);
        self.pool.picture(|picture| {
            let width = picture.size().width as usize;
            if flash {
                draw::fill(picture, layout.bars, Colour::WHITE);
            } else {
                draw_bars(picture, layout.bars.height, bars, number, fps);
            }
            copy_rows(background, picture, layout.panel.top);
            draw_grain(picture, layout.grain, grain, number);
            for (index, white) in squares(number).into_iter().enumerate() {
                let colour = if white { Colour::WHITE } else { Colour::BLACK };
                draw::fill(picture, layout.square(index), colour);
            }
            let number_width = draw::text_width(written_number, layout.number_dot);
            let clock_width = draw::text_width(clock, layout.clock_dot);
            let gap = (width - number_width - clock_width) / 3;
            let foot = layout.text_top + draw::text_height(layout.number_dot);
            draw::text(
                picture,
                gap,
                layout.text_top,
                layout.number_dot,
                BRIGHT,
                written_number,
            );
            draw::text(
                picture,
                width - gap - clock_width,
                foot - draw::text_height(layout.clock_dot),
                layout.clock_dot,
                DIM,
                clock,
            );
        })
    }
}

/// The frame number that the squares of a test picture show, modulo 2^24; `None` when there are none or they
/// are damaged. Survives encoding, not scaling.
#[must_use]
pub fn read_frame_number(picture: &I420) -> Option<u64> {
    if picture.size().width < PixelSize::MIN.width || picture.size().height < PixelSize::MIN.height
    {
        return None;
    }
    let layout = Layout::of(picture.size());
    let mut read = [false; SQUARES];
    for (index, white) in read.iter_mut().enumerate() {
        let square = layout.square(index);
        let margin = square.width / 4;
        let middle = Area::new(
            square.left + margin,
            square.top + margin,
            square.width - 2 * margin,
            square.height - 2 * margin,
        );
        *white = match mean_luma(picture, middle) {
            0..=95 => false,
            155..=255 => true,
            _ => return None,
        };
    }
    let number = read[2..][..NUMBER_BITS]
        .iter()
        .fold(0, |number, bit| number << 1 | u64::from(*bit));
    (squares(number) == read).then_some(number)
}

/// Whether a test picture shows its flash.
#[must_use]
pub fn is_flash(picture: &I420) -> bool {
    mean_luma(picture, Layout::of(picture.size()).bars) >= 200
}

/// Where everything lies. From the top: bars (or flash), grain, squares, number and clock, label.
#[derive(Clone, Copy, Debug)]
struct Layout {
    bars: Area,
    grain: Area,
    panel: Area,
    first_square: Area,
    text_top: usize,
    number_dot: usize,
    clock_dot: usize,
    label_top: usize,
    label_dot: usize,
    label_fits: bool,
}

impl Layout {
    fn of(size: PixelSize) -> Self {
        let (width, height) = (size.width as usize, size.height as usize);
        let bars_height = height / 4 * 2;
        let grain_height = height / 16 * 2;
        let panel_top = bars_height + grain_height;
        let panel_height = height - panel_top;
        // 4 pixels at 160 wide; never so high that the text beneath loses its place.
        let square = ((width / (SQUARES + 4)).min(panel_height / 5) & !1).max(4);
        let squares_top = panel_top + ((panel_height / 16) & !1).max(2);
        let squares_left = ((width - SQUARES * square) / 2) & !1;
        let text_space = height.saturating_sub(squares_top + square);
        let number_dot = (width * 7 / 16 / draw::text_width("000000", 1))
            .min(text_space / 2 / draw::text_height(1))
            .max(1);
        let clock_dot = (width / 4 / draw::text_width("00:00.00", 1))
            .min(number_dot)
            .max(1);
        let number_height = draw::text_height(number_dot);
        let label_dot = (number_dot / 4).max(1);
        let label_height = draw::text_height(label_dot);
        let label_fits = text_space >= number_height + 3 * label_height;
        let used = number_height + if label_fits { label_height } else { 0 };
        let gap = text_space.saturating_sub(used) / if label_fits { 3 } else { 2 };
        let text_top = squares_top + square + gap;
        Self {
            bars: Area::new(0, 0, width, bars_height),
            grain: Area::new(0, bars_height, width, grain_height),
            panel: Area::new(0, panel_top, width, panel_height),
            first_square: Area::new(squares_left, squares_top, square, square),
            text_top,
            number_dot,
            clock_dot,
            label_top: text_top + number_height + gap,
            label_dot,
            label_fits,
        }
    }

    fn square(&self, index: usize) -> Area {
        let first = self.first_square;
        Area {
            left: first.left + index * first.width,
            ..first
        }
    }
}

/// White or black, from the left: one white and one black for orientation, the number's low 24 bits with the
/// highest first, and how many of these are set, modulo 4.
fn squares(number: u64) -> [bool; SQUARES] {
    let number = number & ((1 << NUMBER_BITS) - 1);
    let check = u64::from(number.count_ones() % 4);
    let bits = 0b10 << (NUMBER_BITS + 2) | number << 2 | check;
    std::array::from_fn(|index| bits >> (SQUARES - 1 - index) & 1 == 1)
}

/// The bars' samples of one plane for two widths: any window of one width is a row of shifted bars.
fn bar_row(width: usize, sample: impl Fn(&Colour) -> u8) -> Vec<u8> {
    (0..2 * width)
        .map(|column| sample(&BARS[column % width * BARS.len() / width]))
        .collect()
}

/// Draws the bars shifted so that they pass once across the picture in [`BARS_PASS_SECONDS`].
fn draw_bars(picture: &mut I420, height: usize, bars: &[Vec<u8>; 3], number: u64, fps: u64) {
    let width = picture.size().width as usize;
    let pass = fps * BARS_PASS_SECONDS;
    let shift = (number % pass * width as u64 / 2 / pass) as usize; // in chroma samples, below half the width
    let [y, u, v] = picture.planes_mut();
    for row in y[..width * height].chunks_exact_mut(width) {
        row.copy_from_slice(&bars[0][2 * shift..][..width]);
    }
    for (plane, bars) in [u, v].into_iter().zip(&bars[1..]) {
        for row in plane[..width / 2 * (height / 2)].chunks_exact_mut(width / 2) {
            row.copy_from_slice(&bars[shift..][..width / 2]);
        }
    }
}

/// Draws another part of the grain in each frame, so that no frame predicts the next.
fn draw_grain(picture: &mut I420, area: Area, grain: &[u8], number: u64) {
    let width = picture.size().width as usize;
    let bytes = area.width * area.height;
    let start = fastrand::Rng::with_seed(number).usize(..=grain.len() - bytes);
    let rows = picture.planes_mut()[0][area.top * width..].chunks_exact_mut(width);
    for (row, grain) in rows.zip(grain[start..][..bytes].chunks_exact(width)) {
        row.copy_from_slice(grain);
    }
}

/// Copies everything from row `top` on, an even row.
fn copy_rows(from: &I420, to: &mut I420, top: usize) {
    let width = from.size().width as usize;
    let strides = [width, width / 2, width / 2];
    let tops = [top, top / 2, top / 2];
    for (index, (from, to)) in from.planes().into_iter().zip(to.planes_mut()).enumerate() {
        let (stride, top) = (strides[index], tops[index]);
        let rows = from.chunks_exact(stride).zip(to.chunks_exact_mut(stride));
        for (from, to) in rows.skip(top) {
            to.copy_from_slice(from);
        }
    }
}

fn mean_luma(picture: &I420, area: Area) -> u64 {
    let width = picture.size().width as usize;
    let sum: u64 = picture.planes()[0]
        .chunks_exact(width)
        .skip(area.top)
        .take(area.height)
        .flat_map(|row| &row[area.left..area.left + area.width])
        .map(|luma| u64::from(*luma))
        .sum();
    sum / (area.width * area.height).max(1) as u64
}

/// Two for orientation, the number, two to check it.
const SQUARES: usize = 2 + NUMBER_BITS + 2;
/// A day and more at 60 frames per second.
const NUMBER_BITS: usize = 24;

/// 75 % bars in BT.709 (ITU-R BT.471 in the order of falling luma).
const BARS: [Colour; 7] = [
    Colour::new(180, 128, 128),
    Colour::new(168, 44, 136),
    Colour::new(145, 147, 44),
    Colour::new(133, 63, 52),
    Colour::new(63, 193, 204),
    Colour::new(51, 109, 212),
    Colour::new(28, 212, 120),
];
const BARS_PASS_SECONDS: u64 = 8;
const PANEL: Colour = Colour::new(28, 132, 126);
const BRIGHT: u8 = 225;
const DIM: u8 = 150;
/// Luma of the grain: enough to take any bitrate, not so much as to take it from the rest.
const GRAIN: std::ops::RangeInclusive<u8> = 45..=115;

#[cfg(test)]
mod reference;

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [PixelSize; 5] = [
        PixelSize::MIN,
        PixelSize::new(320, 180),
        PixelSize::new(640, 480),
        PixelSize::new(1280, 720),
        PixelSize::MAX,
    ];

    fn picture(size: PixelSize, fps: u32, number: u64) -> Arc<I420> {
        TestPicture::new(size, FrameRate::new(fps)).render(number)
    }

    #[test]
    fn the_frame_number_is_read_back_at_every_size() {
        for size in SIZES {
            let mut test_picture = TestPicture::new(size, FrameRate::new(30));
            for number in [0, 1, 2, 29, 30, 0xAA_AAAA, 0x55_5555, 0xFF_FFFF] {
                assert_eq!(
                    read_frame_number(&test_picture.render(number)),
                    Some(number),
                    "{size}"
                );
            }
            assert_eq!(read_frame_number(&test_picture.render(1 << 24)), Some(0));
        }
    }

    #[test]
    fn the_frame_number_survives_coarse_quantisation() {
        let mut picture = I420::clone(&picture(PixelSize::MIN, 15, 12_345));
        let mut random = fastrand::Rng::with_seed(5);
        for luma in picture.planes_mut()[0].iter_mut() {
            *luma = (*luma / 32 * 32).saturating_add(random.u8(0..32));
        }
        assert_eq!(read_frame_number(&picture), Some(12_345));
    }

    #[test]
    fn pictures_without_squares_have_no_number() {
        let mut grey = I420::black(PixelSize::new(320, 180));
        assert_eq!(read_frame_number(&grey), None);
        grey.planes_mut()[0].fill(235);
        assert_eq!(read_frame_number(&grey), None);
        grey.planes_mut()[0].fill(120);
        assert_eq!(read_frame_number(&grey), None);
        assert_eq!(read_frame_number(&I420::black(PixelSize::new(2, 2))), None);
    }

    #[test]
    fn it_flashes_in_the_first_tenth_of_each_second_and_at_no_other_time() {
        for (fps, flashes) in [(1, 1), (5, 1), (10, 1), (15, 2), (30, 3), (60, 6)] {
            let mut test_picture = TestPicture::new(PixelSize::MIN, FrameRate::new(fps));
            for number in 0..3 * u64::from(fps) {
                assert_eq!(
                    is_flash(&test_picture.render(number)),
                    number % u64::from(fps) < flashes,
                    "frame {number} at {fps} fps"
                );
            }
        }
    }

    #[test]
    fn a_frame_depends_on_its_number_alone() {
        let mut test_picture = TestPicture::new(PixelSize::new(320, 180), FrameRate::new(15));
        for number in 0..20 {
            test_picture.render(number);
        }
        let again = test_picture.render(7);
        assert_eq!(again, picture(PixelSize::new(320, 180), 15, 7));
        assert_ne!(again, test_picture.render(8));
    }

    #[test]
    fn every_picture_is_the_reference_s_to_the_bit() {
        for (width, height, fps) in [
            (160, 90, 1),
            (320, 180, 60),
            (640, 480, 30),
            (854, 480, 15),
            (1280, 720, 30),
        ] {
            let size = PixelSize::new(width, height);
            let mut test_picture = TestPicture::new(size, FrameRate::new(fps));
            // A flash and none, bars on their way, times and numbers with all their digits.
            for number in [0, 7, 1_239, 5_678_904, 0xFF_FFFF, 1 << 40] {
                assert!(
                    *test_picture.render(number) == reference::picture(size, fps, number),
                    "frame {number} at {fps} fps in {size}"
                );
            }
        }
    }

    #[test]
    fn bars_move_and_come_round_again() {
        let size = PixelSize::new(320, 180);
        let top_row = |number| picture(size, 10, number).planes()[0][..320].to_vec();
        assert_ne!(top_row(5), top_row(25));
        assert_eq!(top_row(5), top_row(85));
    }

    #[test]
    fn number_and_clock_are_inside_and_apart_at_every_size() {
        for size in SIZES {
            let layout = Layout::of(size);
            let number = draw::text_width("000000", layout.number_dot);
            let clock = draw::text_width("00:00.00", layout.clock_dot);
            assert!(number + clock < size.width as usize, "{size}");
            assert!(layout.text_top >= layout.first_square.top + layout.first_square.height);
            let foot = layout.text_top + draw::text_height(layout.number_dot);
            assert!(foot <= size.height as usize, "{size}");
            let last = layout.square(SQUARES - 1);
            assert!(last.left + last.width <= size.width as usize, "{size}");
            assert!(last.width >= 4 && last.width.is_multiple_of(2), "{size}");
        }
    }

    #[test]
    fn samples_stay_in_the_limited_range() {
        for plane in picture(PixelSize::new(320, 180), 30, 3).planes() {
            assert!(plane.iter().all(|sample| (16..=240).contains(sample)));
        }
    }
}
