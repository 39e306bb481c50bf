//! What the values of YUV and RGB mean, changed to BT.709 in limited range.

#![expect(
    clippy::inline_always,
    reason = "what is inlined takes over its caller's vector instructions"
)]

use std::hint::black_box;

use super::YuvRows;

/// From one meaning of YUV to BT.709 limited range, as what is added to each sample. With [`FRACTION`] bits behind
/// the point no sum needs more than 16 bits, and no result is further than 1 from the exact one:
///
/// `y' = y + y_y y + y_u u + y_v v + y_1`, `u' = u + u_u u + u_v v + u_1`, `v' = v + v_u u + v_v v + v_1`,
///
/// each sum rounded and each result kept within a byte.
#[derive(Debug)]
pub(super) struct YuvMatrix {
    y_y: i16,
    y_u: i16,
    y_v: i16,
    y_1: i16,
    u_u: i16,
    u_v: i16,
    u_1: i16,
    v_u: i16,
    v_v: i16,
    v_1: i16,
}

impl YuvMatrix {
    /// From the standard that gives red and blue the weights `kr` and `kb`, where black and white are
    /// `luma_range` apart and chroma spans `chroma_range`.
    ///
    /// The standards define Y = Kr R + Kg G + Kb B, Pb = (B - Y) / 2 (1 - Kb), Pr = (R - Y) / 2 (1 - Kr), so
    /// R, G and B are linear in one's Y, Pb and Pr, and the other's Y, Pb and Pr are linear in R, G and B
    /// (BT.601-7 section 2.5, BT.709-6 section 3).
    const fn from([kr, kb]: [f64; 2], black: f64, luma_range: f64, chroma_range: f64) -> Self {
        // Of B, R and G per unit of Pb and Pr; each holds Y once.
        let blue = 2.0 * (1.0 - kb);
        let red = 2.0 * (1.0 - kr);
        let green_from_blue = -kb * blue / (1.0 - kr - kb);
        let green_from_red = -kr * red / (1.0 - kr - kb);
        let luma_from_blue = KB_709 * blue + KG_709 * green_from_blue;
        let luma_from_red = KR_709 * red + KG_709 * green_from_red;
        let luma = 219.0 / luma_range;
        let chroma = 224.0 / chroma_range;
        let luma_of_chroma = 219.0 / chroma_range;
        let y_u = fixed(luma_of_chroma * luma_from_blue);
        let y_v = fixed(luma_of_chroma * luma_from_red);
        let u_u = fixed(chroma * (blue - luma_from_blue) / (2.0 * (1.0 - KB_709)) - 1.0);
        let u_v = fixed(chroma * -luma_from_red / (2.0 * (1.0 - KB_709)));
        let v_u = fixed(chroma * -luma_from_blue / (2.0 * (1.0 - KR_709)));
        let v_v = fixed(chroma * (red - luma_from_red) / (2.0 * (1.0 - KR_709)) - 1.0);
        // Chroma counts from 128; a half is added to round.
        let half = 1 << (FRACTION - 1);
        Self {
            y_y: fixed(luma - 1.0),
            y_u,
            y_v,
            y_1: half + fixed(16.0 - luma * black) - 128 * (y_u + y_v),
            u_u,
            u_v,
            u_1: half - 128 * (u_u + u_v),
            v_u,
            v_v,
            v_1: half - 128 * (v_u + v_v),
        }
    }

    /// Changes the samples of `rows` in place; `shifts` has room for them.
    #[inline(always)]
    pub(super) fn convert(&self, rows: YuvRows, shifts: &mut Shifts) {
        for ((u, v), shift) in rows.u.iter_mut().zip(rows.v).zip(&mut shifts.fixed) {
            let (old_u, old_v) = (i16::from(*u), i16::from(*v));
            let sum = |of_u: i16, of_v: i16, offset: i16| {
                offset
                    .wrapping_add(of_u.wrapping_mul(old_u))
                    .wrapping_add(of_v.wrapping_mul(old_v))
            };
            *shift = sum(self.y_u, self.y_v, self.y_1);
            *u = moved(old_u, sum(self.u_u, self.u_v, self.u_1));
            *v = moved(old_v, sum(self.v_u, self.v_v, self.v_1));
        }
        if self.y_y == 0 {
            shifts.move_luma(rows.y);
        } else {
            self.convert_luma(rows.y, &shifts.fixed);
        }
    }

    #[inline(always)]
    fn convert_luma(&self, rows: [&mut [u8]; 2], shifts: &[i16]) {
        for row in rows {
            // Two neighbours share their chroma: as the halves of a word they need not be told apart.
            for (pair, shift) in row.as_chunks_mut().0.iter_mut().zip(shifts) {
                let word = i16::from_le_bytes(*pair);
                let new = |y: i16| moved(y, shift.wrapping_add(self.y_y.wrapping_mul(y)));
                let (first, second) = (new(word & 0xFF), new(word >> 8 & 0xFF));
                *pair = (u16::from(first) | u16::from(second) << 8).to_le_bytes();
            }
        }
    }
}

/// What is added to luma, with room for it.
#[derive(Debug, Default)]
pub(super) struct Shifts {
    /// What chroma adds to each pair of neighbours, in fixed point.
    fixed: Vec<i16>,
    /// The same for each sample, in whole numbers; none needs more than a byte.
    whole: Vec<u8>,
}

impl Shifts {
    /// Makes room for rows of an even `width`.
    pub(super) fn fit(&mut self, width: usize) {
        self.fixed.resize(width / 2, 0);
        self.whole.resize(width, 0);
    }

    /// Luma whose own part stays as it is.
    #[inline(always)]
    fn move_luma(&mut self, rows: [&mut [u8]; 2]) {
        let pairs = self.whole.as_chunks_mut().0.iter_mut();
        for (pair, shift) in pairs.zip(&self.fixed) {
            let shift = (*shift >> FRACTION).cast_unsigned();
            *pair = (shift & 0xFF | shift << 8).to_le_bytes();
        }
        for row in rows {
            for (y, shift) in row.iter_mut().zip(&self.whole) {
                // Counted from 128, it is kept within a byte.
                let moved = (*y ^ 128).cast_signed().saturating_add(shift.cast_signed());
                *y = moved.cast_unsigned() ^ 128;
            }
        }
    }
}

/// A sample and what is added to it in fixed point.
#[inline(always)]
fn moved(sample: i16, shift: i16) -> u8 {
    within_byte(sample + (shift >> FRACTION))
}

#[expect(clippy::cast_sign_loss, reason = "clamped to a byte")]
#[inline(always)]
fn within_byte(value: i16) -> u8 {
    value.clamp(0, 255) as u8
}

/// Red, green and blue in full range to one of Y, U and V: a sum of parts in fixed point with 15 bits behind the
/// point, of which each product keeps 6.
#[derive(Debug)]
pub(super) struct RgbWeights {
    red: i16,
    green: i16,
    blue: i16,
    offset: i16,
}

impl RgbWeights {
    const fn from([red, green, blue]: [f64; 3], range: f64, offset: i16) -> Self {
        const fn fixed(value: f64) -> i16 {
            nearest(value * (1 << 15) as f64)
        }
        Self {
            red: fixed(red * range / 255.0),
            green: fixed(green * range / 255.0),
            blue: fixed(blue * range / 255.0),
            offset,
        }
    }

    /// The samples of colours, each of which lies between black and white.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the upper half of 32 bits, and samples within a byte"
    )]
    #[inline(always)]
    pub(super) fn weigh(&self, [red, green, blue]: [&[u8]; 3], target: &mut [u8]) {
        // Compilers that know it make products of 32 bits, rather than the upper halves of those of 16.
        let unit = black_box(1 << 7);
        let part = |value: u8, weight: i16| {
            let value = i16::from(value).wrapping_mul(unit);
            ((i32::from(value) * i32::from(weight)) >> 16) as i16
        };
        let colours = red.iter().zip(green).zip(blue);
        for (target, ((red, green), blue)) in target.iter_mut().zip(colours) {
            // Rounded, and as each part was rounded down, half a unit is missing to each.
            let sum = (32 + 1_i16)
                .wrapping_add(part(*red, self.red))
                .wrapping_add(part(*green, self.green))
                .wrapping_add(part(*blue, self.blue));
            *target = (sum >> 6).wrapping_add(self.offset) as u8;
        }
    }
}

const fn fixed(value: f64) -> i16 {
    nearest(value * (1 << FRACTION) as f64)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "coefficients of small values"
)]
const fn nearest(value: f64) -> i16 {
    (if value < 0.0 {
        value - 0.5
    } else {
        value + 0.5
    }) as i16
}

/// Bits behind the point of a coefficient.
pub(super) const FRACTION: u32 = 9;

const KR_601: f64 = 0.299;
const KB_601: f64 = 0.114;
const KR_709: f64 = 0.2126;
const KB_709: f64 = 0.0722;
const KG_709: f64 = 1.0 - KR_709 - KB_709;

pub(super) const BT601: YuvMatrix = YuvMatrix::from([KR_601, KB_601], 16.0, 219.0, 224.0);
pub(super) const BT601_FULL_RANGE: YuvMatrix = YuvMatrix::from([KR_601, KB_601], 0.0, 255.0, 255.0);
pub(super) const BT709_FULL_RANGE: YuvMatrix = YuvMatrix::from([KR_709, KB_709], 0.0, 255.0, 255.0);

pub(super) const RGB_Y: RgbWeights = RgbWeights::from([KR_709, KG_709, KB_709], 219.0, 16);
pub(super) const RGB_U: RgbWeights = {
    let blue = 2.0 * (1.0 - KB_709);
    RgbWeights::from([-KR_709 / blue, -KG_709 / blue, 0.5], 224.0, 128)
};
pub(super) const RGB_V: RgbWeights = {
    let red = 2.0 * (1.0 - KR_709);
    RgbWeights::from([0.5, -KG_709 / red, -KB_709 / red], 224.0, 128)
};
