//! The inverse cosine transform of ITU-T T.81 annex A.3.3, for many blocks at once.
//!
//! It is the one of Arai, Agui and Nakajima ("A Fast DCT-SQ Scheme for Images", 1988): what can be multiplied before
//! is part of what coefficients are multiplied with anyhow ([`scales`]), and five multiplications are left for eight
//! samples. The blocks of a [`Batch`] lie side by side, so that each step is one of vectors in 16 bits; only when
//! they are bytes are they turned. Samples are within one of the exact ones.

#![expect(
    clippy::inline_always,
    reason = "what is inlined takes over its caller's vector instructions"
)]

use std::f64::consts::SQRT_2;

use fearless_simd::{Simd, prelude::*, u8x16};

/// The scaled coefficients of [`LANES`] blocks: of each place in a block, row by row, those of all blocks.
pub(super) type Batch = [Lanes; 64];

/// One value of each block.
type Lanes = [i16; LANES];

/// How many blocks are transformed together.
pub(super) const LANES: usize = 16;

/// Blocks without coefficients are grey.
pub(super) const GREY: Batch = {
    let mut batch = [[0; LANES]; 64];
    batch[0] = [MIDDLE; LANES];
    batch
};

/// Takes a block's coefficients away.
pub(super) fn make_grey(batch: &mut Batch, lane: usize) {
    for (lanes, grey) in batch.iter_mut().zip(&GREY) {
        lanes[lane] = grey[lane];
    }
}

/// What is done with a coefficient before it is transformed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scale {
    factor: i32,
    place: usize,
}

/// For the coefficients of a block, in the order of the picture, which came by these quantisation steps.
pub(super) fn scales(steps: &[u8; 64]) -> [Scale; 64] {
    let mut scales = [Scale::default(); 64];
    for ((scale, step), place) in scales.iter_mut().zip(steps).zip(ZIGZAG) {
        let (row, column) = (usize::from(place / 8), usize::from(place % 8));
        let factor = f64::from(*step) * OF_FREQUENCY[row] * OF_FREQUENCY[column] / 8.0;
        *scale = Scale {
            factor: nearest(factor * f64::from(1 << (FRACTION + SCALE_FRACTION))),
            place: place.into(),
        };
    }
    scales
}

impl Scale {
    /// Puts a coefficient where it belongs.
    #[inline(always)]
    pub(super) fn put(&self, coefficient: i32, batch: &mut Batch, lane: usize) {
        batch[self.place & 63][lane] = self.scaled(coefficient);
    }

    /// Puts the first one, which makes the block's mean.
    #[inline(always)]
    pub(super) fn put_mean(&self, coefficient: i32, batch: &mut Batch, lane: usize) {
        batch[0][lane] = self.scaled(coefficient).wrapping_add(MIDDLE);
    }

    /// Rounded; wraps around where the coefficient is none that a picture has.
    #[expect(clippy::cast_possible_truncation, reason = "as told")]
    #[inline(always)]
    fn scaled(&self, coefficient: i32) -> i16 {
        let half = 1 << (SCALE_FRACTION - 1);
        (coefficient.wrapping_mul(self.factor).wrapping_add(half) >> SCALE_FRACTION) as i16
    }
}

/// Makes samples of a batch, into the beginnings of eight rows, and leaves it grey.
#[inline(always)]
pub(super) fn transform<'a>(
    simd: impl Simd,
    batch: &mut Batch,
    rows: impl Iterator<Item = &'a mut [u8]>,
) {
    for column in 0..8 {
        let mut lines = [[0; LANES]; 8];
        for (row, line) in lines.iter_mut().enumerate() {
            *line = batch[8 * row + column];
        }
        for (row, line) in inverse(&lines).iter().enumerate() {
            batch[8 * row + column] = *line;
        }
    }
    for (lines, target) in batch.as_chunks::<8>().0.iter().zip(rows) {
        let Some(target) = target.as_chunks_mut().0.first_chunk_mut::<8>() else {
            continue;
        };
        let mut columns = [u8x16::splat(simd, 0); 8];
        for (column, samples) in columns.iter_mut().zip(&inverse(lines)) {
            *column = simd.load_array_u8x16(within_bytes(samples));
        }
        for (target, pair) in target.iter_mut().zip(turned(columns)) {
            *target = simd.as_array_u8x16(pair);
        }
    }
    for lanes in &mut *batch {
        *lanes = [0; LANES];
    }
    batch[0] = [MIDDLE; LANES];
}

#[expect(clippy::cast_sign_loss, reason = "clamped to a byte")]
#[inline(always)]
fn within_bytes(samples: &Lanes) -> [u8; LANES] {
    let mut bytes = [0; LANES];
    for (byte, sample) in bytes.iter_mut().zip(samples) {
        *byte = (*sample >> FRACTION).clamp(0, 255) as u8;
    }
    bytes
}

/// Columns of eight samples as rows, two of them in each vector: three times, the bytes of each half are put between
/// those of the other.
#[inline(always)]
fn turned<S: Simd>(mut columns: [u8x16<S>; 8]) -> [u8x16<S>; 8] {
    for _ in 0..3 {
        let before = columns;
        for half in 0..4 {
            columns[2 * half] = before[half].zip_low(before[half + 4]);
            columns[2 * half + 1] = before[half].zip_high(before[half + 4]);
        }
    }
    columns
}

/// Eight samples, one way, from as many scaled coefficients.
#[inline(always)]
fn inverse(lines: &[Lanes; 8]) -> [Lanes; 8] {
    let mut samples = [[0; LANES]; 8];
    for lane in 0..LANES {
        let mut line = [0; 8];
        for (value, lanes) in line.iter_mut().zip(lines) {
            *value = lanes[lane];
        }
        for (lanes, value) in samples.iter_mut().zip(inverse_of_one(line)) {
            lanes[lane] = value;
        }
    }
    samples
}

#[inline(always)]
fn inverse_of_one(x: [i16; 8]) -> [i16; 8] {
    let plus = i16::wrapping_add;
    let minus = i16::wrapping_sub;
    let times = |x: i16, factor: i16| ((i32::from(x) * i32::from(factor)) >> 16) as i16;

    let even = {
        let (sum, difference) = (plus(x[0], x[4]), minus(x[0], x[4]));
        let (outer, rest) = (plus(x[2], x[6]), minus(x[2], x[6]));
        let inner = minus(plus(rest, times(rest, SQRT_2_LESS_1)), outer);
        [
            plus(sum, outer),
            plus(difference, inner),
            minus(difference, inner),
            minus(sum, outer),
        ]
    };
    let odd = {
        let (inner, inner_rest) = (plus(x[5], x[3]), minus(x[5], x[3]));
        let (outer, outer_rest) = (plus(x[1], x[7]), minus(x[1], x[7]));
        let (sum, difference) = (plus(outer, inner), minus(outer, inner));
        let difference = plus(difference, times(difference, SQRT_2_LESS_1));
        let rests = plus(inner_rest, outer_rest);
        let rests = plus(plus(rests, rests), times(rests, TWICE_COS_1_LESS_2));
        let of_outer = plus(outer_rest, times(outer_rest, COS_1_LESS_COS_3_LESS_1));
        let thrice = plus(plus(inner_rest, inner_rest), inner_rest);
        let of_inner = plus(thrice, times(inner_rest, COS_1_PLUS_COS_3_LESS_3));
        let second = minus(minus(rests, of_inner), sum);
        let third = minus(difference, second);
        [sum, second, third, plus(minus(of_outer, rests), third)]
    };
    [
        plus(even[0], odd[0]),
        plus(even[1], odd[1]),
        plus(even[2], odd[2]),
        minus(even[3], odd[3]),
        plus(even[3], odd[3]),
        minus(even[2], odd[2]),
        minus(even[1], odd[1]),
        minus(even[0], odd[0]),
    ]
}

/// What a factor has beside whole numbers, in parts of 65,536.
#[expect(clippy::cast_possible_truncation, reason = "between -1/2 and 1/2")]
const fn part(value: f64) -> i16 {
    nearest(value * 65_536.0) as i16
}

#[expect(clippy::cast_possible_truncation, reason = "below 2^28")]
const fn nearest(value: f64) -> i32 {
    value.round() as i32
}

/// What the transform leaves to be multiplied before, of each frequency k: cos(k π/16) √2, and 1 of none.
const OF_FREQUENCY: [f64; 8] = [
    1.0,
    1.387_039_845_322_147_5,
    1.306_562_964_876_376_6,
    1.175_875_602_419_359,
    1.0,
    0.785_694_958_387_102_2,
    0.541_196_100_146_197,
    0.275_899_379_282_943_1,
];
/// cos(π/8) and cos(3 π/8).
const COS_1: f64 = 0.923_879_532_511_286_7;
const COS_3: f64 = 0.382_683_432_365_089_8;
const SQRT_2_LESS_1: i16 = part(SQRT_2 - 1.0);
const TWICE_COS_1_LESS_2: i16 = part(2.0 * COS_1 - 2.0);
const COS_1_LESS_COS_3_LESS_1: i16 = part(2.0 * (COS_1 - COS_3) - 1.0);
const COS_1_PLUS_COS_3_LESS_3: i16 = part(2.0 * (COS_1 + COS_3) - 3.0);

/// Bits behind the point of a sample. What is multiplied on the way to samples from 0 to 255 is below 300, and what is
/// added up below 512, or comes back there.
const FRACTION: u32 = 6;
/// Samples count from 128; a half is added to round.
const MIDDLE: i16 = (128 << FRACTION) + (1 << (FRACTION - 1));
/// Further bits behind the point of what coefficients are multiplied with.
const SCALE_FRACTION: u32 = 15;

/// Where in its block each coefficient belongs (T.81, figure A.6).
#[rustfmt::skip]
const ZIGZAG: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];
