//! One plane to another size.
//!
//! A sample is the mean of those it covers, weighted by a triangle: between two neighbours when a plane grows,
//! over as many as fall into it when it shrinks. First rows become new rows, then columns new columns. The
//! second step works on a band of rows stood on end, so that both add up whole vectors; a band is turned block by
//! block, in registers. What comes out, to the bit, is written in plain words in the tests.

#![expect(
    clippy::inline_always,
    reason = "what is inlined takes over its caller's vector instructions"
)]

use std::array;

use fearless_simd::{
    Bytes, Level, Simd, SimdBase, SimdFrom, SimdInt, SimdInto, dispatch, u8x16, u16x8, u16x16,
};

use crate::media::draw::Area;

/// Scales planes of one size to one other; keeps the memory that takes.
#[derive(Debug)]
pub(super) struct PlaneScaler {
    level: Level,
    /// Of the source.
    width: usize,
    rows: Axis,
    columns: Axis,
    band: Band,
}

/// New rows on their way, in whole blocks: what lies beyond the last row or column may be anything.
#[derive(Debug)]
struct Band {
    /// With their old columns.
    rows: [Vec<u16>; BAND],
    /// The same on end.
    upright: Vec<[[u16; BAND]; WORDS]>,
    /// With their new columns.
    scaled: Vec<[[u8; BAND]; LANES]>,
    /// The same laid down again.
    scaled_rows: [Vec<[u8; LANES]>; BAND],
}

impl PlaneScaler {
    /// From a width and a height to others; none is zero.
    pub(super) fn new(from: (usize, usize), to: (usize, usize)) -> Self {
        let (old, new) = (from.0.div_ceil(WORDS), to.0.div_ceil(LANES));
        Self {
            level: Level::new(),
            width: from.0,
            rows: Axis::new(from.1, to.1),
            columns: Axis::new(from.0, to.0),
            band: Band {
                rows: array::from_fn(|_| vec![0; old * WORDS]),
                upright: vec![[[0; BAND]; WORDS]; old],
                scaled: vec![[[0; BAND]; LANES]; new],
                scaled_rows: array::from_fn(|_| vec![[0; LANES]; new]),
            },
        }
    }

    /// Scales `source` into `area` of a plane whose rows are `stride` long.
    pub(super) fn scale(&mut self, source: &[u8], target: &mut [u8], stride: usize, area: Area) {
        let target = &mut target[area.top * stride..][..area.height * stride];
        for (index, rows) in target.chunks_mut(BAND * stride).enumerate() {
            let level = self.level;
            dispatch!(level, simd => self.scale_band(simd, source, index * BAND));
            for (row, scaled) in rows.chunks_exact_mut(stride).zip(&self.band.scaled_rows) {
                let scaled = &scaled.as_flattened()[..area.width];
                row[area.left..][..area.width].copy_from_slice(scaled);
            }
        }
    }

    /// New rows from number `first` on, into the band's last.
    #[inline(always)]
    fn scale_band<S: Simd>(&mut self, simd: S, source: &[u8], first: usize) {
        let band = &mut self.band;
        for (taps, row) in self.rows.taps().skip(first).zip(&mut band.rows) {
            let old = source[taps.first * self.width..].chunks_exact(self.width);
            add_rows(simd, old, taps.weights, &mut row[..self.width]);
        }
        stand_on_end(simd, &band.rows, &mut band.upright);
        let rounding = HALF + self.rows.rounding() + self.columns.rounding();
        let upright = band.upright.as_flattened();
        for (taps, column) in self.columns.taps().zip(band.scaled.as_flattened_mut()) {
            let old = &upright[taps.first..][..taps.weights.len()];
            add_columns(simd, old, taps.weights, rounding, column);
        }
        lay_down(simd, &band.scaled, &mut band.scaled_rows);
    }
}

/// Adds up as many rows as there are weights; the sums have [`FRACTION`] bits behind the point.
#[inline(always)]
fn add_rows<'a, S: Simd>(
    simd: S,
    old: impl Iterator<Item = &'a [u8]> + Clone,
    weights: &[Weight],
    new: &mut [u16],
) {
    let (blocks, rest) = new.as_chunks_mut::<BLOCK>();
    let zero = u8x16::splat(simd, 0);
    for (index, block) in blocks.iter_mut().enumerate() {
        let mut sums = [u16x16::splat(simd, 0); BLOCK / LANES];
        for (row, weight) in old.clone().zip(weights) {
            let row: &[u8; BLOCK] = &row.as_chunks().0[index];
            for (sum, samples) in sums.iter_mut().zip(row.as_chunks().0) {
                // With a zero byte below, a sample has its bits behind the point.
                let samples = u8x16::simd_from(simd, *samples);
                let [low, high] = [zero.zip_low(samples), zero.zip_high(samples)];
                let samples: u16x16<S> = simd.combine_u8x16(low, high).bitcast();
                *sum += upper_halves(simd, &samples.into(), weight);
            }
        }
        for (samples, sum) in block.as_chunks_mut().0.iter_mut().zip(sums) {
            *samples = sum.into();
        }
    }
    rest.fill(0);
    for (row, weight) in old.zip(weights) {
        for (sum, sample) in rest.iter_mut().zip(row.as_chunks::<BLOCK>().1) {
            *sum += upper_half(u16::from(*sample) << FRACTION, weight[0]);
        }
    }
}

/// Adds up as many columns as there are weights, and rounds.
#[inline(always)]
fn add_columns<S: Simd>(
    simd: S,
    old: &[[u16; BAND]],
    weights: &[Weight],
    rounding: u16,
    new: &mut [u8; BAND],
) {
    let mut sums = [u16x16::splat(simd, rounding); BAND / LANES];
    for (column, weight) in old.iter().zip(weights) {
        for (sum, samples) in sums.iter_mut().zip(column.as_chunks().0) {
            *sum += upper_halves(simd, samples, weight);
        }
    }
    for (samples, sum) in new.as_chunks_mut().0.iter_mut().zip(sums) {
        *samples = simd.narrow_u16x16(sum >> FRACTION).into();
    }
}

/// A band's rows become columns.
#[inline(always)]
fn stand_on_end<S: Simd>(simd: S, rows: &[Vec<u16>; BAND], upright: &mut [[[u16; BAND]; WORDS]]) {
    let blocks = upright.len();
    for (part, rows) in rows.as_chunks::<WORDS>().0.iter().enumerate() {
        let mut old: [&[[u16; WORDS]]; WORDS] = [&rows[0].as_chunks().0[..blocks]; WORDS];
        for (old, row) in old.iter_mut().zip(rows) {
            *old = &row.as_chunks().0[..blocks];
        }
        for (index, columns) in upright.iter_mut().enumerate() {
            let mut block = [u16x8::splat(simd, 0); WORDS];
            for (vector, row) in block.iter_mut().zip(old) {
                *vector = u16x8::simd_from(simd, row[index]);
            }
            for (column, vector) in columns.iter_mut().zip(turned(block)) {
                column.as_chunks_mut().0[part] = vector.into();
            }
        }
    }
}

/// A band's columns become rows.
#[inline(always)]
fn lay_down<S: Simd>(
    simd: S,
    scaled: &[[[u8; BAND]; LANES]],
    scaled_rows: &mut [Vec<[u8; LANES]>; BAND],
) {
    let blocks = scaled.len();
    for (part, rows) in scaled_rows
        .as_chunks_mut::<LANES>()
        .0
        .iter_mut()
        .enumerate()
    {
        let mut rows = rows.each_mut().map(|row| &mut row[..blocks]);
        for (index, columns) in scaled.iter().enumerate() {
            let mut block = [u8x16::splat(simd, 0); LANES];
            for (vector, column) in block.iter_mut().zip(columns) {
                *vector = u8x16::simd_from(simd, column.as_chunks().0[part]);
            }
            for (row, vector) in rows.iter_mut().zip(turned(block)) {
                row[index] = vector.into();
            }
        }
    }
}

/// Rows become columns: a pack of cards, halved and perfectly shuffled as often as it takes.
#[inline(always)]
fn turned<S: Simd, V: SimdInt<S>, const N: usize>(mut rows: [V; N]) -> [V; N] {
    for _ in 0..N.ilog2() {
        let (upper, lower) = rows.split_at(N / 2);
        let mut shuffled = rows;
        let pairs = shuffled.as_chunks_mut().0.iter_mut();
        for (pair, (a, b)) in pairs.zip(upper.iter().zip(lower)) {
            *pair = [a.zip_low(*b), a.zip_high(*b)];
        }
        rows = shuffled;
    }
    rows
}

/// The upper halves of products.
#[inline(always)]
fn upper_halves<S: Simd>(simd: S, samples: &[u16; LANES], weight: &Weight) -> u16x16<S> {
    let mut halves = *samples;
    for (half, weight) in halves.iter_mut().zip(weight) {
        *half = upper_half(*half, *weight);
    }
    halves.simd_into(simd)
}

#[inline(always)]
fn upper_half(sample: u16, weight: u16) -> u16 {
    ((u32::from(sample) * u32::from(weight)) >> 16) as u16
}

/// Which old rows (or columns) make each new one, and in which parts.
#[derive(Debug)]
struct Axis {
    /// Of old ones that make a new one.
    count: usize,
    firsts: Vec<usize>,
    /// `count` of each new one.
    weights: Vec<Weight>,
}

/// The old ones that make a new one.
struct Taps<'a> {
    first: usize,
    weights: &'a [Weight],
}

/// A part of [`WHOLE`], for each sample of a vector: in memory beside the samples, so that compilers see that
/// products have 32 bits, and take the instruction for their upper halves.
type Weight = [u16; LANES];

impl Axis {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places and weights are small and not negative"
    )]
    fn new(from: usize, to: usize) -> Self {
        let step = from as f64 / to as f64;
        let reach = step.max(1.0);
        let count = ((2.0 * reach).ceil() as usize).min(from);
        let mut axis = Self {
            count,
            firsts: Vec::with_capacity(to),
            weights: Vec::with_capacity(to * count),
        };
        for index in 0..to {
            let centre = (index as f64 + 0.5) * step - 0.5;
            let first = ((centre - reach).floor() + 1.0).max(0.0) as usize;
            let first = first.min(from - count);
            let weight = |offset: usize| {
                let distance = ((first + offset) as f64 - centre).abs();
                (1.0 - distance / reach).max(0.0)
            };
            let whole: f64 = (0..count).map(weight).sum();
            // What is rounded off one weight goes to the next, so that all add up.
            let up_to = |end: usize| {
                let part = (0..end).map(weight).sum::<f64>() / whole;
                (part * f64::from(WHOLE)).round() as u16
            };
            let weights = (0..count).map(|offset| up_to(offset + 1) - up_to(offset));
            axis.weights.extend(weights.map(|weight| [weight; LANES]));
            axis.firsts.push(first);
        }
        axis
    }

    /// What makes each new one.
    #[inline(always)]
    fn taps(&self) -> impl Iterator<Item = Taps<'_>> {
        let weights = self.weights.chunks_exact(self.count);
        let taps = self.firsts.iter().zip(weights);
        taps.map(|(first, weights)| Taps {
            first: *first,
            weights,
        })
    }

    /// Every product is rounded down: half a unit is missing to each.
    fn rounding(&self) -> u16 {
        u16::try_from(self.count / 2).unwrap_or(0).min(HALF / 2)
    }
}

/// Rows that are scaled together.
const BAND: usize = 32;
/// Samples of a row that are added up together.
const BLOCK: usize = 64;
/// Samples of a vector; rows and columns that are laid down at once.
const LANES: usize = 16;
/// Rows and columns that are stood on end at once: as many 16-bit samples as a register has everywhere.
const WORDS: usize = 8;
/// The weights of a sample add up to this: all but one with 16 bits behind the point.
const WHOLE: u16 = u16::MAX;
/// Bits behind the point of a sum.
const FRACTION: u32 = 8;
const HALF: u16 = 1 << (FRACTION - 1);

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of each old row (or column) in each new one, which add up to 1.
    fn parts(from: usize, to: usize) -> Vec<Vec<f64>> {
        let step = from as f64 / to as f64;
        let parts_of = |index: usize| {
            let centre = (index as f64 + 0.5) * step - 0.5;
            let weight = |old: usize| 1.0 - (old as f64 - centre).abs() / step.max(1.0);
            let weights: Vec<f64> = (0..from).map(|old| weight(old).max(0.0)).collect();
            let whole: f64 = weights.iter().sum();
            weights.iter().map(|weight| weight / whole).collect()
        };
        (0..to).map(parts_of).collect()
    }

    /// The plane in real numbers.
    fn exact(source: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<f64> {
        let source: Vec<f64> = source.iter().copied().map(f64::from).collect();
        weighed(&source, from, to, |parts, old| {
            let products = old.zip(parts).map(|(sample, part)| sample * part);
            products.sum()
        })
    }

    /// The plane that [`PlaneScaler`] makes: with weights that have 16 bits behind the point, and products and
    /// sums 8.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "parts are between 0 and 1"
    )]
    fn reference(source: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
        let source: Vec<usize> = source
            .iter()
            .map(|sample| 256 * usize::from(*sample))
            .collect();
        let sums = weighed(&source, from, to, |parts, old| {
            let (mut sum, mut part_before, mut before) = (0, 0.0, 0);
            for (sample, part) in old.zip(parts) {
                part_before += part;
                let up_to_here = (part_before * 65_535.0).round() as usize;
                sum += (sample * (up_to_here - before)) >> 16;
                before = up_to_here;
            }
            sum
        });
        let rounding = |from: usize, to: usize| (2 * from).div_ceil(to).clamp(2, from.max(2)) / 2;
        let rounding = rounding(from.0, to.0).min(64) + rounding(from.1, to.1).min(64) + 128;
        let rounded = |sum: usize| u8::try_from((sum + rounding) >> 8);
        sums.into_iter()
            .map(|sum| rounded(sum).expect("a byte"))
            .collect()
    }

    /// New rows, then their new columns, each sample the `sum` of its parts of old ones.
    fn weighed<T: Copy>(
        source: &[T],
        from: (usize, usize),
        to: (usize, usize),
        sum: impl Fn(&[f64], &mut dyn Iterator<Item = T>) -> T,
    ) -> Vec<T> {
        let (columns, rows) = (parts(from.0, to.0), parts(from.1, to.1));
        let mut scaled = Vec::new();
        for parts in &rows {
            let column = |column: usize| source[column..].iter().copied().step_by(from.0);
            let row: Vec<T> = (0..from.0).map(|at| sum(parts, &mut column(at))).collect();
            for parts in &columns {
                scaled.push(sum(parts, &mut row.iter().copied()));
            }
        }
        scaled
    }

    #[test]
    fn every_plane_is_the_reference_s_to_the_bit_and_within_one_of_the_exact_one() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..60 {
            let mut size = || (random.usize(1..=200), random.usize(1..=70));
            let (from, to) = (size(), size());
            let source: Vec<u8> = (0..from.0 * from.1)
                .map(|_| random.u8(..).saturating_mul(random.u8(1..=2)))
                .collect();
            let (reference, exact) = (reference(&source, from, to), exact(&source, from, to));
            for (sample, exact) in reference.iter().zip(exact) {
                let error = f64::from(*sample) - exact;
                assert!(
                    error.abs() < 1.0,
                    "{from:?} to {to:?}: {sample} is not {exact}"
                );
            }
            // Nothing else is touched.
            let (stride, area) = (to.0 + 7, Area::new(3, 2, to.0, to.1));
            let mut expected = vec![9; stride * (to.1 + 4)];
            let rows = expected.chunks_exact_mut(stride).skip(area.top);
            for (row, scaled) in rows.zip(reference.chunks_exact(to.0)) {
                row[area.left..][..to.0].copy_from_slice(scaled);
            }
            // With the vector instructions of this processor, and with those that all have.
            for level in [Level::new(), Level::baseline()] {
                let mut scaler = PlaneScaler::new(from, to);
                scaler.level = level;
                let mut target = vec![9; expected.len()];
                scaler.scale(&source, &mut target, stride, area);
                assert!(target == expected, "{from:?} to {to:?}, {level:?}");
            }
        }
    }
}
