//! Moving pictures for tests, computed from their number alone.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "pixel values are kept in range by construction"
)]

use crate::{media::frame::I420, units::PixelSize};

/// What is to be seen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scene {
    /// Flat coloured bars that move sideways: little to encode.
    Bars,
    /// A textured background that pans, an object that moves across it, and sensor noise.
    Camera,
    /// Nothing but noise: more than any bitrate can hold.
    Noise,
}

impl Scene {
    /// Picture `number`.
    pub(crate) fn picture(self, size: PixelSize, number: u32) -> I420 {
        let mut picture = I420::black(size);
        let (width, height) = (size.width as usize, size.height as usize);
        let shift = number as usize;
        let mut noise = Noise(number.wrapping_mul(2_654_435_761) | 1);
        let [luma, blue, red] = picture.planes_mut();
        for (row, line) in luma.chunks_exact_mut(width).enumerate() {
            for (column, sample) in line.iter_mut().enumerate() {
                *sample = match self {
                    Self::Bars => 40 + ((column + shift * 2) * 8 / width % 8 * 24) as u8,
                    Self::Camera => {
                        let (x, z) = (column + shift, row + shift / 3);
                        let object = (shift * 5) % width;
                        if column.abs_diff(object) < height / 5
                            && row.abs_diff(height / 2) < height / 5
                        {
                            180 + noise.next(6)
                        } else {
                            let wave = ((x as f32 * 0.21).sin()
                                + (z as f32 * 0.13).cos()
                                + ((x + z) as f32 * 0.05).sin())
                                * 24.0;
                            let grain = ((x.wrapping_mul(73_856_093) ^ z.wrapping_mul(19_349_663))
                                >> 7)
                                & 15;
                            (110.0 + wave) as u8 + grain as u8 + noise.next(4)
                        }
                    }
                    Self::Noise => 16 + noise.next(220),
                };
            }
        }
        let chroma = width / 2;
        for (plane, phase) in [(blue, 0.0), (red, 1.5)] {
            for (row, line) in plane.chunks_exact_mut(chroma).enumerate() {
                for (column, sample) in line.iter_mut().enumerate() {
                    *sample = match self {
                        Self::Bars => 90 + ((column + shift) * 8 / chroma % 8 * 10) as u8,
                        Self::Camera => {
                            (128.0
                                + 30.0
                                    * ((column + shift) as f32 * 0.05 + phase + row as f32 * 0.02)
                                        .sin()) as u8
                        }
                        Self::Noise => 16 + noise.next(220),
                    };
                }
            }
        }
        picture
    }
}

/// Marsaglia's xorshift: the same everywhere.
struct Noise(u32);

impl Noise {
    /// 0 to `below` - 1.
    fn next(&mut self, below: u8) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        ((self.0 >> 8) % u32::from(below)) as u8
    }
}
