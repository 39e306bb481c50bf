//! Baseline JPEG pictures for tests, made in plain words, with what a decoder is to make of them.

#![expect(
    clippy::cast_possible_truncation,
    reason = "small pictures, and bytes cut out of words"
)]

use std::{
    f64::consts::{FRAC_1_SQRT_2, PI},
    sync::LazyLock,
};

use super::headers::{AC_OF_UV, AC_OF_Y, DC_OF_UV, DC_OF_Y};

/// What a picture is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Of each component, how many blocks a unit has, across and down: of Y, or of Y, U and V.
    pub(super) sampling: &'static [(usize, usize)],
    /// Units from one restart marker to the next.
    pub(super) restart_interval: Option<usize>,
    /// Whether the Huffman codes are there.
    pub(super) has_codes: bool,
    /// Every coefficient is a multiple of it.
    pub(super) step: u8,
}

/// Samples of a component, which go on below and to the right of the picture to whole units.
#[derive(Debug)]
pub(super) struct ExactPlane {
    pub(super) width: usize,
    pub(super) samples: Vec<f64>,
}

/// A picture of what `sample` gives for a component, a column and a row; and its exact planes.
pub(super) fn encode(
    form: Form,
    mut sample: impl FnMut(usize, usize, usize) -> u8,
) -> (Vec<u8>, Vec<ExactPlane>) {
    let (across, down) = form.sampling[0];
    let columns = form.width.div_ceil(8 * across);
    let rows = form.height.div_ceil(8 * down);
    let mut jpeg = headers(form);
    let mut bits = BitWriter::default();
    let mut planes: Vec<_> = form
        .sampling
        .iter()
        .map(|(across, down)| ExactPlane {
            width: 8 * across * columns,
            samples: vec![0.0; 64 * across * columns * down * rows],
        })
        .collect();
    let mut means = [0; 3];
    for unit in 0..columns * rows {
        if let Some(interval) = form.restart_interval
            && unit > 0
            && unit % interval == 0
        {
            bits.align();
            bits.bytes.push(0xFF);
            bits.bytes.push(0xD0 + ((unit / interval - 1) % 8) as u8);
            means = [0; 3];
        }
        for (number, (across, down)) in form.sampling.iter().enumerate() {
            for block in 0..across * down {
                let left = 8 * (unit % columns * across + block % across);
                let top = 8 * (unit / columns * down + block / across);
                let samples = std::array::from_fn(|at| {
                    f64::from(sample(number, left + at % 8, top + at / 8)) - 128.0
                });
                let coefficients = cosines(&samples).map(|exact| {
                    (exact / f64::from(form.step))
                        .round()
                        .clamp(-1023.0, 1023.0) as i32
                });
                let codes = if number == 0 {
                    [DC_OF_Y, AC_OF_Y]
                } else {
                    [DC_OF_UV, AC_OF_UV]
                };
                bits.write_block(&coefficients, &mut means[number], codes);
                let exact = inverse_cosines(
                    &coefficients.map(|value| f64::from(value) * f64::from(form.step)),
                );
                let plane = &mut planes[number];
                for (at, exact) in exact.into_iter().enumerate() {
                    plane.samples[(top + at / 8) * plane.width + left + at % 8] = exact + 128.0;
                }
            }
        }
    }
    bits.align();
    jpeg.extend(bits.bytes);
    jpeg.extend([0xFF, 0xD9]);
    (jpeg, planes)
}

fn headers(form: Form) -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8];
    let mut segment = |marker: u8, content: &[u8]| {
        jpeg.extend([0xFF, marker]);
        jpeg.extend(((content.len() + 2) as u16).to_be_bytes());
        jpeg.extend(content);
    };
    segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    segment(0xDB, &[&[0][..], &[form.step; 64]].concat());
    let size = [form.height, form.width].map(|side| (side as u16).to_be_bytes());
    let mut frame = [&[8][..], &size.concat(), &[form.sampling.len() as u8]].concat();
    let mut scan = vec![form.sampling.len() as u8];
    for (number, (across, down)) in (1..).zip(form.sampling) {
        frame.extend([number, (across << 4 | down) as u8, 0]);
        scan.extend([number, if number == 1 { 0x00 } else { 0x11 }]);
    }
    segment(0xC0, &frame);
    if form.has_codes {
        for (kind, codes) in [
            (0x00, DC_OF_Y),
            (0x01, DC_OF_UV),
            (0x10, AC_OF_Y),
            (0x11, AC_OF_UV),
        ] {
            segment(0xC4, &[&[kind][..], codes].concat());
        }
    }
    if let Some(interval) = form.restart_interval {
        segment(0xDD, &(interval as u16).to_be_bytes());
    }
    scan.extend([0, 63, 0]);
    segment(0xDA, &scan);
    jpeg
}

/// The cosine transform of T.81 annex A.3.3.
fn cosines(samples: &[f64; 64]) -> [f64; 64] {
    std::array::from_fn(|frequency| {
        let parts = samples.iter().zip(&COSINES[frequency]);
        parts.map(|(sample, cosine)| sample * cosine).sum()
    })
}

/// Its inverse.
fn inverse_cosines(coefficients: &[f64; 64]) -> [f64; 64] {
    std::array::from_fn(|at| {
        let parts = coefficients.iter().zip(COSINES.iter());
        parts.map(|(value, cosines)| value * cosines[at]).sum()
    })
}

/// What each coefficient adds to each sample, both row by row.
static COSINES: LazyLock<[[f64; 64]; 64]> = LazyLock::new(|| {
    let one_way = |frequency: usize, at: usize| {
        let weight = if frequency == 0 { FRAC_1_SQRT_2 } else { 1.0 };
        weight * ((2 * at + 1) as f64 * frequency as f64 * PI / 16.0).cos() / 2.0
    };
    std::array::from_fn(|frequency| {
        std::array::from_fn(|at| one_way(frequency % 8, at % 8) * one_way(frequency / 8, at / 8))
    })
});

#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    bits: u64,
    count: u32,
}

impl BitWriter {
    fn write_block(&mut self, coefficients: &[i32; 64], mean: &mut i32, [dc, ac]: [&[u8]; 2]) {
        let difference = coefficients[0] - *mean;
        *mean = coefficients[0];
        self.write_value(dc, 0, difference);
        let mut zeros = 0;
        for place in diagonals().skip(1) {
            match coefficients[place] {
                0 => zeros += 1,
                value => {
                    for _ in 0..zeros / 16 {
                        self.write_code(ac, 0xF0);
                    }
                    self.write_value(ac, zeros % 16, value);
                    zeros = 0;
                }
            }
        }
        if zeros > 0 {
            self.write_code(ac, 0x00);
        }
    }

    fn write_value(&mut self, codes: &[u8], zeros: u8, value: i32) {
        let size = 32 - value.unsigned_abs().leading_zeros();
        self.write_code(codes, zeros << 4 | size as u8);
        let bits = if value < 0 { value - 1 } else { value };
        self.write(u64::from(bits.cast_unsigned()) & ((1 << size) - 1), size);
    }

    fn write_code(&mut self, codes: &[u8], symbol: u8) {
        let mut symbols = codes[16..].iter();
        let mut code = 0;
        for (length, count) in (1..).zip(&codes[..16]) {
            for _ in 0..*count {
                if symbols.next() == Some(&symbol) {
                    return self.write(code, length);
                }
                code += 1;
            }
            code <<= 1;
        }
        panic!("{symbol:#x} has no code");
    }

    fn write(&mut self, bits: u64, count: u32) {
        self.bits = self.bits << count | bits;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.bits >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    /// Fills the last byte with ones.
    fn align(&mut self) {
        if self.count > 0 {
            let free = 8 - self.count;
            self.write((1 << free) - 1, free);
        }
    }
}

/// The places of a block from diagonal to diagonal, forth and back.
fn diagonals() -> impl Iterator<Item = usize> {
    (0..15_usize).flat_map(|diagonal| {
        let steps = diagonal.saturating_sub(7)..=diagonal.min(7);
        let places: Vec<_> = steps.map(|row| 8 * row + diagonal - row).collect();
        let is_down = diagonal % 2 == 1;
        let count = places.len();
        (0..count).map(move |step| places[if is_down { step } else { count - 1 - step }])
    })
}
