//! Pixels pulled apart into planes.

#![expect(
    clippy::inline_always,
    reason = "what is inlined takes over its caller's vector instructions"
)]

use super::{
    PlanarChroma, PlanarRows, RawLayout, RawRows, YuvRows,
    matrix::{RGB_U, RGB_V, RGB_Y, Shifts},
};

/// Room for rows on their way.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The chroma of a row pair, U and V in turn.
    chroma: Vec<u8>,
    /// The three planes of both rows at full size.
    planes: [[Vec<u8>; 3]; 2],
    /// The three at half size.
    means: [Vec<u8>; 3],
    shifts: Shifts,
}

impl Scratch {
    /// Makes room for rows of an even `width`.
    pub(super) fn fit(&mut self, width: usize) {
        self.chroma.resize(width, 0);
        for plane in self.planes.iter_mut().flatten() {
            plane.resize(width, 0);
        }
        for mean in &mut self.means {
            mean.resize(width / 2, 0);
        }
        self.shifts.fit(width);
    }

    /// Room for what is added to luma.
    pub(super) fn shifts(&mut self) -> &mut Shifts {
        &mut self.shifts
    }

    /// Two rows as planes, 4:2:0; RGB is BT.709 then.
    #[inline(always)]
    pub(super) fn separate(&mut self, layout: RawLayout, rows: RawRows, target: &mut YuvRows) {
        match layout {
            RawLayout::Yuyv => self.separate_422::<0>(rows, target),
            RawLayout::Uyvy => self.separate_422::<1>(rows, target),
            RawLayout::Nv12 => {
                copy_luma(rows, target);
                separate_pairs(rows.second, target.u, target.v);
            }
            RawLayout::I420 => {
                copy_luma(rows, target);
                copy(rows.second, target.u);
                copy(rows.third, target.v);
            }
            RawLayout::Yv12 => {
                copy_luma(rows, target);
                copy(rows.second, target.v);
                copy(rows.third, target.u);
            }
            RawLayout::Yuv444 => {
                let sides = self.planes.iter_mut().zip(rows.first).zip(&mut target.y);
                for (([_, u, v], row), y) in sides {
                    separate_triples(row, [&mut **y, u, v]);
                }
                let [[_, upper_u, upper_v], [_, lower_u, lower_v]] = &self.planes;
                halve([upper_u, lower_u], target.u);
                halve([upper_v, lower_v], target.v);
            }
            RawLayout::Rgb => self.separate_rgb(rows, [0, 1, 2], target),
            RawLayout::Bgr => self.separate_rgb(rows, [2, 1, 0], target),
            RawLayout::Grey => {
                copy_luma(rows, target);
                target.u.fill(128);
                target.v.fill(128);
            }
        }
    }

    /// Packed 4:2:2 with luma at `LUMA` of each two bytes, chroma at the other.
    #[inline(always)]
    fn separate_422<const LUMA: usize>(&mut self, rows: RawRows, target: &mut YuvRows) {
        let [upper, lower] = rows.first.map(|row| row.as_chunks::<2>().0);
        for (target, row) in target.y.iter_mut().zip([upper, lower]) {
            for (y, pixel) in target.iter_mut().zip(row) {
                *y = pixel[LUMA];
            }
        }
        for (mean, (upper, lower)) in self.chroma.iter_mut().zip(upper.iter().zip(lower)) {
            *mean = mean_of_two(upper[1 - LUMA], lower[1 - LUMA]);
        }
        separate_pairs(&self.chroma, target.u, target.v);
    }

    /// Packed colours, of which red, green and blue are at `order`.
    #[inline(always)]
    fn separate_rgb(&mut self, rows: RawRows, order: [usize; 3], target: &mut YuvRows) {
        for ((planes, row), y) in self.planes.iter_mut().zip(rows.first).zip(&mut target.y) {
            separate_triples(row, planes.each_mut().map(Vec::as_mut_slice));
            RGB_Y.weigh(order.map(|colour| &*planes[colour]), y);
        }
        let [upper, lower] = &self.planes;
        for (mean, (upper, lower)) in self.means.iter_mut().zip(upper.iter().zip(lower)) {
            halve([upper, lower], mean);
        }
        let means = order.map(|colour| &*self.means[colour]);
        RGB_U.weigh(means, target.u);
        RGB_V.weigh(means, target.v);
    }
}

/// Rows in planes of their own as those of a picture, 4:2:0.
#[inline(always)]
pub(super) fn join(rows: &PlanarRows, target: &mut YuvRows) {
    for (target, row) in target.y.iter_mut().zip(rows.y) {
        copy(row, target);
    }
    match rows.chroma {
        PlanarChroma::None => {
            target.u.fill(128);
            target.v.fill(128);
        }
        PlanarChroma::Whole([u, v]) => {
            halve(u, target.u);
            halve(v, target.v);
        }
        PlanarChroma::Half([u, v]) => {
            mean_of_rows(u, target.u);
            mean_of_rows(v, target.v);
        }
    }
}

#[inline(always)]
fn copy_luma(rows: RawRows, target: &mut YuvRows) {
    for (target, row) in target.y.iter_mut().zip(rows.first) {
        copy(row, target);
    }
}

/// As much of `source` as `target` takes: all but an odd last column.
#[inline(always)]
fn copy(source: &[u8], target: &mut [u8]) {
    target.copy_from_slice(&source[..target.len()]);
}

#[inline(always)]
fn separate_pairs(source: &[u8], first: &mut [u8], second: &mut [u8]) {
    let targets = first.iter_mut().zip(second);
    for ((first, second), pair) in targets.zip(source.as_chunks().0) {
        [*first, *second] = *pair;
    }
}

#[inline(always)]
fn separate_triples(source: &[u8], [first, second, third]: [&mut [u8]; 3]) {
    let targets = first.iter_mut().zip(second).zip(third);
    for (((first, second), third), triple) in targets.zip(source.as_chunks().0) {
        [*first, *second, *third] = *triple;
    }
}

/// Half as wide and half as high, for two rows.
#[inline(always)]
fn halve([upper, lower]: [&[u8]; 2], target: &mut [u8]) {
    let squares = upper.as_chunks().0.iter().zip(lower.as_chunks().0);
    for (target, (upper, lower)) in target.iter_mut().zip(squares) {
        *target = mean_of_square(*upper, *lower);
    }
}

/// Half as high, for two rows.
#[inline(always)]
fn mean_of_rows([upper, lower]: [&[u8]; 2], target: &mut [u8]) {
    for (target, (upper, lower)) in target.iter_mut().zip(upper.iter().zip(lower)) {
        *target = mean_of_two(*upper, *lower);
    }
}

#[inline(always)]
fn mean_of_two(upper: u8, lower: u8) -> u8 {
    low_byte((u16::from(upper) + u16::from(lower) + 1) >> 1)
}

#[inline(always)]
fn mean_of_square(upper: [u8; 2], lower: [u8; 2]) -> u8 {
    let [upper, lower] = [upper, lower].map(u16::from_le_bytes);
    let sum = (upper & 0xFF) + (upper >> 8) + (lower & 0xFF) + (lower >> 8);
    low_byte((sum + 2) >> 2)
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is a byte")]
#[inline(always)]
fn low_byte(value: u16) -> u8 {
    value as u8
}
