//! The little drawing that the test picture and the slate need: filled rectangles and block letters.

use crate::{media::frame::I420, units::PixelSize};

/// A colour in BT.709 limited range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Luma, 16 to 235.
    pub y: u8,
    /// Blue difference, 16 to 240.
    pub u: u8,
    /// Red difference, 16 to 240.
    pub v: u8,
}

impl Colour {
    /// Black.
    pub const BLACK: Self = Self::grey(16);
    /// White.
    pub const WHITE: Self = Self::grey(235);

    /// A colour from its three samples.
    #[must_use]
    pub const fn new(y: u8, u: u8, v: u8) -> Self {
        Self { y, u, v }
    }

    /// Without colour.
    #[must_use]
    pub const fn grey(y: u8) -> Self {
        Self { y, u: 128, v: 128 }
    }
}

/// An area of a picture, in luma samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Area {
    /// An area from its left upper corner and its size.
    #[must_use]
    pub const fn new(left: usize, top: usize, width: usize, height: usize) -> Self {
        Self {
            left,
            top,
            width,
            height,
        }
    }

    /// The part of this area that lies in a picture of `size`.
    #[must_use]
    pub fn clipped(self, size: PixelSize) -> Self {
        let (width, height) = (size.width as usize, size.height as usize);
        let left = self.left.min(width);
        let top = self.top.min(height);
        Self {
            left,
            top,
            width: self.width.min(width - left),
            height: self.height.min(height - top),
        }
    }
}

/// Fills `area` (what of it lies in the picture) with `colour`. An area with odd sides colours the chroma
/// samples it shares.
pub fn fill(picture: &mut I420, area: Area, colour: Colour) {
    let size = picture.size();
    let area = area.clipped(size);
    let chroma = Area {
        left: area.left / 2,
        top: area.top / 2,
        width: (area.left + area.width).div_ceil(2) - area.left / 2,
        height: (area.top + area.height).div_ceil(2) - area.top / 2,
    };
    let chroma = chroma.clipped(picture.chroma_size());
    let stride = size.width as usize;
    let [y, u, v] = picture.planes_mut();
    fill_plane(y, stride, area, colour.y);
    fill_plane(u, stride / 2, chroma, colour.u);
    fill_plane(v, stride / 2, chroma, colour.v);
}

/// Writes `text` with its left upper corner at `left`, `top`, each dot of a letter `dot` by `dot` pixels.
///
/// Known are `A` to `Z`, `0` to `9`, space and `: . , - / ( )`; anything else is left blank. Only luma is
/// written, so the ground should be grey. What does not fit is cut off.
pub fn text(picture: &mut I420, left: usize, top: usize, dot: usize, luma: u8, text: &str) {
    let size = picture.size();
    let stride = size.width as usize;
    let lit = dot - dot / 5; // Large dots stand apart, like lamps.
    let plane = &mut *picture.planes_mut()[0];
    for (index, letter) in text.chars().enumerate() {
        let letter_left = left + index * ADVANCE * dot;
        for (row, bits) in glyph(letter).iter().enumerate() {
            for column in 0..GLYPH_WIDTH {
                if bits >> (GLYPH_WIDTH - 1 - column) & 1 == 1 {
                    let area = Area::new(letter_left + column * dot, top + row * dot, lit, lit);
                    fill_plane(plane, stride, area.clipped(size), luma);
                }
            }
        }
    }
}

/// Whether [`text`] writes the sample that lies `column` and `row` away from its left upper corner.
#[cfg(test)]
pub(crate) fn is_lit(text: &str, dot: usize, column: usize, row: usize) -> bool {
    let letter = text.chars().nth(column / (ADVANCE * dot)).unwrap_or(' ');
    let (dot_column, dot_row) = (column / dot % ADVANCE, row / dot);
    let (in_column, in_row) = (column % dot, row % dot);
    dot_column < GLYPH_WIDTH
        && dot_row < GLYPH_HEIGHT
        && glyph(letter)[dot_row] & (0b10000 >> dot_column) != 0
        && in_column.max(in_row) < dot - dot / 5
}

/// How wide `text` becomes.
#[must_use]
pub fn text_width(text: &str, dot: usize) -> usize {
    (text.chars().count() * ADVANCE).saturating_sub(1) * dot
}

/// How high every text becomes.
#[must_use]
pub const fn text_height(dot: usize) -> usize {
    GLYPH_HEIGHT * dot
}

fn fill_plane(plane: &mut [u8], stride: usize, area: Area, value: u8) {
    for row in plane
        .chunks_exact_mut(stride)
        .skip(area.top)
        .take(area.height)
    {
        row[area.left..area.left + area.width].fill(value);
    }
}

const GLYPH_WIDTH: usize = 5;
const GLYPH_HEIGHT: usize = 7;
/// Dots from one letter to the next.
const ADVANCE: usize = GLYPH_WIDTH + 1;

/// A letter's rows from the top, five dots each.
#[rustfmt::skip]
const fn glyph(letter: char) -> [u8; GLYPH_HEIGHT] {
    match letter {
        'A' => [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        'B' => [0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110],
        'C' => [0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110],
        'D' => [0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110],
        'E' => [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
        'F' => [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000],
        'G' => [0b01110, 0b10001, 0b10000, 0b10111, 0b10001, 0b10001, 0b01110],
        'H' => [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        'I' => [0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        'J' => [0b00111, 0b00010, 0b00010, 0b00010, 0b00010, 0b10010, 0b01100],
        'K' => [0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001],
        'L' => [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111],
        'M' => [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001],
        'N' => [0b10001, 0b11001, 0b10101, 0b10011, 0b10001, 0b10001, 0b10001],
        'O' => [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
        'P' => [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000],
        'Q' => [0b01110, 0b10001, 0b10001, 0b10001, 0b10101, 0b10010, 0b01101],
        'R' => [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001],
        'S' => [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110],
        'T' => [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100],
        'U' => [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
        'V' => [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01010, 0b00100],
        'W' => [0b10001, 0b10001, 0b10001, 0b10101, 0b10101, 0b11011, 0b10001],
        'X' => [0b10001, 0b10001, 0b01010, 0b00100, 0b01010, 0b10001, 0b10001],
        'Y' => [0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b00100],
        'Z' => [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111],
        '0' => [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
        '1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        '2' => [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
        '3' => [0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110],
        '4' => [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
        '5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
        '6' => [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
        '7' => [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
        '8' => [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
        '9' => [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
        ':' => [0b00000, 0b00100, 0b00100, 0b00000, 0b00100, 0b00100, 0b00000],
        '.' => [0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b01100],
        ',' => [0b00000, 0b00000, 0b00000, 0b00000, 0b00110, 0b00100, 0b01000],
        '-' => [0b00000, 0b00000, 0b00000, 0b01110, 0b00000, 0b00000, 0b00000],
        '/' => [0b00001, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b10000],
        '(' => [0b00010, 0b00100, 0b01000, 0b01000, 0b01000, 0b00100, 0b00010],
        ')' => [0b01000, 0b00100, 0b00010, 0b00010, 0b00010, 0b00100, 0b01000],
        _ => [0; GLYPH_HEIGHT],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_colours_luma_and_chroma_and_is_cut_at_the_edge() {
        let mut picture = I420::black(PixelSize::new(8, 4));
        fill(
            &mut picture,
            Area::new(4, 2, 100, 100),
            Colour::new(200, 60, 70),
        );
        let [y, u, v] = picture.planes();
        assert_eq!(y[2 * 8 + 3..2 * 8 + 8], [16, 200, 200, 200, 200]);
        assert_eq!(y[8..16], [16; 8]);
        assert_eq!(u, [128, 128, 128, 128, 128, 128, 60, 60]);
        assert_eq!(v, [128, 128, 128, 128, 128, 128, 70, 70]);
    }

    #[test]
    fn letters_are_scaled_by_whole_dots() {
        let mut picture = I420::black(PixelSize::new(24, 16));
        text(&mut picture, 1, 1, 2, 235, "L");
        let y = picture.planes()[0];
        let row = |index: usize| &y[index * 24..][..12];
        assert_eq!(
            row(1),
            [16, 235, 235, 16, 16, 16, 16, 16, 16, 16, 16, 16],
            "the stroke's top"
        );
        assert_eq!(
            row(14),
            [16, 235, 235, 235, 235, 235, 235, 235, 235, 235, 235, 16],
            "the foot"
        );
        assert_eq!(row(15), [16; 12]);
        assert_eq!(text_width("LL", 2), 22);
    }

    #[test]
    fn text_beyond_the_edge_is_cut_off() {
        let mut picture = I420::black(PixelSize::new(8, 4));
        text(&mut picture, 5, 2, 3, 235, "W8");
        text(&mut picture, 50, 50, 3, 235, "W8");
        assert_eq!(picture.planes()[0][2 * 8 + 5], 235);
    }

    #[test]
    fn no_two_letters_look_alike() {
        let known = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:.,-/() ";
        let mut glyphs: Vec<_> = known.chars().map(glyph).collect();
        glyphs.sort_unstable();
        glyphs.dedup();
        assert_eq!(glyphs.len(), known.len());
    }
}
