//! One plane to another size.
//!
//! A sample is the mean of those it covers, weighted by a triangle: between two neighbours when a plane grows,
//! over as many as fall into it when it shrinks. First rows become new rows, then columns new columns. The
//! second step works on a band of rows stood on end, so that in both steps whole rows are added up, which
//! compilers turn into vector instructions.

#![expect(
    clippy::inline_always,
    reason = "what is inlined takes over its caller's vector instructions"
)]

use fearless_simd::{Level, dispatch};

use crate::media::draw::Area;

/// Scales planes of one size to one other; keeps the memory that takes.
#[derive(Debug)]
pub(super) struct PlaneScaler {
    level: Level,
    rows: Axis,
    columns: Axis,
    /// New rows with all their columns, then the same stood on end, then their new columns.
    band: Vec<u16>,
    upright: Vec<[u16; BAND]>,
    scaled: Vec<[u8; BAND]>,
}

impl PlaneScaler {
    /// From a width and a height to others; none is zero.
    pub(super) fn new(from: (usize, usize), to: (usize, usize)) -> Self {
        Self {
            level: Level::new(),
            rows: Axis::new(from.1, to.1),
            columns: Axis::new(from.0, to.0),
            band: vec![0; from.0 * BAND],
            upright: vec![[0; BAND]; from.0],
            scaled: vec![[0; BAND]; to.0],
        }
    }

    /// Scales `source` into `area` of a plane whose rows are `stride` long.
    pub(super) fn scale(&mut self, source: &[u8], target: &mut [u8], stride: usize, area: Area) {
        let mut rows = target.chunks_exact_mut(stride).skip(area.top);
        for first in (0..area.height).step_by(BAND) {
            let level = self.level;
            let height = BAND.min(area.height - first);
            dispatch!(level, _ => self.scale_band(source, first, height));
            for (lane, row) in rows.by_ref().take(height).enumerate() {
                for (sample, column) in row[area.left..][..area.width].iter_mut().zip(&self.scaled)
                {
                    *sample = column[lane];
                }
            }
        }
    }

    /// New rows from number `first` on, into `scaled`.
    #[inline(always)]
    fn scale_band(&mut self, source: &[u8], first: usize, height: usize) {
        let width = self.upright.len();
        for (row, target) in (first..first + height).zip(self.band.chunks_exact_mut(width)) {
            let mut is_first = true;
            for ([a, b], weights) in self.rows.pairs(row) {
                let [a, b] = [a, b].map(|row| &source[row * width..][..width]);
                for (target, (a, b)) in target.iter_mut().zip(a.iter().zip(b)) {
                    let sum = weighted([u16::from(*a) << 8, u16::from(*b) << 8], weights);
                    *target = if is_first {
                        sum
                    } else {
                        target.wrapping_add(sum)
                    };
                }
                is_first = false;
            }
        }
        for (column, upright) in self.upright.iter_mut().enumerate() {
            for (sample, row) in upright.iter_mut().zip(self.band.chunks_exact(width)) {
                *sample = row[column];
            }
        }
        let rounding = HALF + self.rows.rounding + self.columns.rounding;
        for (column, target) in self.scaled.iter_mut().enumerate() {
            let mut sums = [rounding; BAND];
            for (pair, weights) in self.columns.pairs(column) {
                let [a, b] = pair.map(|column| &self.upright[column]);
                for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                    *sum = sum.wrapping_add(weighted([*a << 1, *b << 1], weights));
                }
            }
            for (sample, sum) in target.iter_mut().zip(sums) {
                *sample = low_byte(sum >> FRACTION);
            }
        }
    }
}

/// Which old rows (or columns) make each new one, and in which parts.
#[derive(Debug)]
struct Axis {
    /// Of old ones that make a new one; even, for they are added up in pairs.
    taps: usize,
    last: usize,
    starts: Vec<usize>,
    /// Of each new one, `taps` weights with 15 bits behind the point that add up to one.
    weights: Vec<u16>,
    /// Every product is rounded down: half a unit is missing to each.
    rounding: u16,
}

impl Axis {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places and weights are small and not negative"
    )]
    fn new(from: usize, to: usize) -> Self {
        let step = from as f64 / to as f64;
        let reach = step.max(1.0);
        let taps = (2.0 * reach).ceil() as usize;
        let mut axis = Self {
            taps: taps.next_multiple_of(2),
            last: from - 1,
            starts: Vec::with_capacity(to),
            weights: Vec::new(),
            rounding: 0,
        };
        for index in 0..to {
            let centre = (index as f64 + 0.5) * step - 0.5;
            let start = ((centre - reach).floor() + 1.0).max(0.0) as usize;
            let weight = |offset: usize| {
                let distance = ((start + offset) as f64 - centre).abs();
                let is_inside = start + offset <= axis.last;
                if is_inside {
                    (1.0 - distance / reach).max(0.0)
                } else {
                    0.0
                }
            };
            let whole: f64 = (0..axis.taps).map(weight).sum();
            // What is rounded off one weight goes to the next, so that all add up to one.
            let up_to = |end: usize| {
                let part = (0..end).map(weight).sum::<f64>() / whole;
                (part * f64::from(ONE)).round() as u16
            };
            let weights = (0..axis.taps).map(|offset| up_to(offset + 1) - up_to(offset));
            axis.weights.extend(weights);
            axis.starts.push(start);
        }
        axis.rounding = u16::try_from(taps / 2).unwrap_or(0).min(HALF / 2);
        axis
    }

    /// Old ones and their weights that make the new one `index`, two at a time.
    #[inline(always)]
    fn pairs(&self, index: usize) -> impl Iterator<Item = ([usize; 2], [u16; 2])> {
        let start = self.starts[index];
        let weights = &self.weights[self.taps * index..][..self.taps];
        let pairs = weights.as_chunks().0.iter().enumerate();
        pairs.map(move |(pair, weights)| {
            let first = start + 2 * pair;
            ([first, first + 1].map(|old| old.min(self.last)), *weights)
        })
    }
}

/// The upper halves of two products.
#[inline(always)]
fn weighted([a, b]: [u16; 2], [weight_a, weight_b]: [u16; 2]) -> u16 {
    let part = |value: u16, weight: u16| low_half((u32::from(value) * u32::from(weight)) >> 16);
    part(a, weight_a).wrapping_add(part(b, weight_b))
}

#[expect(clippy::cast_possible_truncation, reason = "the upper half of 32 bits")]
#[inline(always)]
fn low_half(value: u32) -> u16 {
    value as u16
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is a byte")]
#[inline(always)]
fn low_byte(value: u16) -> u8 {
    value as u8
}

/// Rows that are stood on end together.
const BAND: usize = 16;
/// The weights of a sample add up to this.
const ONE: u16 = 1 << 15;
/// Bits behind the point of a sum.
const FRACTION: u32 = 7;
const HALF: u16 = 1 << (FRACTION - 1);

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in real numbers, sample by sample.
    fn exact(source: &[u8], from: (usize, usize), to: (usize, usize), at: (usize, usize)) -> f64 {
        let weights = |from: usize, to: usize, index: usize| -> Vec<f64> {
            let step = from as f64 / to as f64;
            let centre = (index as f64 + 0.5) * step;
            let weight = |old: usize| 1.0 - (old as f64 + 0.5 - centre).abs() / step.max(1.0);
            let weights: Vec<f64> = (0..from).map(|old| weight(old).max(0.0)).collect();
            let whole: f64 = weights.iter().sum();
            weights.iter().map(|weight| weight / whole).collect()
        };
        let (columns, rows) = (weights(from.0, to.0, at.0), weights(from.1, to.1, at.1));
        let samples = source.iter().enumerate();
        samples
            .map(|(index, sample)| {
                f64::from(*sample) * columns[index % from.0] * rows[index / from.0]
            })
            .sum()
    }

    #[test]
    fn every_sample_is_within_one_of_the_exact_one_whatever_the_sizes() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..60 {
            let mut side = || random.usize(1..=50);
            let (from, to) = ((side(), side()), (side(), side()));
            let source: Vec<u8> = (0..from.0 * from.1)
                .map(|_| random.u8(..).saturating_mul(random.u8(1..=2)))
                .collect();
            let (stride, area) = (to.0 + 7, Area::new(3, 2, to.0, to.1));
            let mut made = [Level::new(), Level::baseline()].map(|level| {
                let mut scaler = PlaneScaler::new(from, to);
                scaler.level = level;
                let mut target = vec![9; stride * (to.1 + 4)];
                scaler.scale(&source, &mut target, stride, area);
                target
            });
            assert!(made[0] == made[1], "{from:?} to {to:?}");
            for row in 0..to.1 {
                for column in 0..to.0 {
                    let sample = &mut made[0][(row + 2) * stride + column + 3];
                    let exact = exact(&source, from, to, (column, row));
                    let error = f64::from(*sample) - exact;
                    assert!(
                        error.abs() < 1.0,
                        "{from:?} to {to:?}: {sample} is not {exact}"
                    );
                    *sample = 9;
                }
            }
            assert!(
                made[0].iter().all(|sample| *sample == 9),
                "nothing else is touched"
            );
        }
    }
}
