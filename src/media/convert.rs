//! Any camera's pixels to [`I420`]: BT.709 limited range, 4:2:0.
//!
//! YUV stays YUV. Two rows at a time are pulled apart into the planes of the picture ([`separate`]), where their
//! matrix and range are then changed in place ([`matrix`]), in fixed point. Cameras that say nothing else deliver
//! BT.601, and Motion JPEG delivers BT.601 in full range (JFIF).
//!
//! All loops run over whole rows, in bytes and 16 bits, so that compilers make vector instructions of them: those
//! of the processor at hand, for everything here is compiled once for each set of them. What each layout and
//! matrix gives, to the bit, is written in plain words in the tests' `reference`.

mod matrix;
mod separate;

use fearless_simd::{Level, dispatch};
use thiserror::Error;

use self::{
    matrix::{BT601, BT601_FULL_RANGE, BT709_FULL_RANGE},
    separate::{Scratch, join},
};
use crate::{media::frame::I420, units::PixelSize};

/// How the bytes of a [`RawPicture`] are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawLayout {
    /// Packed 4:2:2: Y, U, Y, V.
    Yuyv,
    /// Packed 4:2:2: U, Y, V, Y.
    Uyvy,
    /// A plane of Y, then one of U and V in turn, 4:2:0.
    Nv12,
    /// Planes of Y, U and V, 4:2:0.
    I420,
    /// Planes of Y, V and U, 4:2:0.
    Yv12,
    /// Packed 4:4:4: Y, U, V. What a JPEG decoder gives.
    Yuv444,
    /// Packed red, green, blue; full range.
    Rgb,
    /// Packed blue, green, red; full range.
    Bgr,
    /// Luma only; full range.
    Grey,
}

/// What the values of a YUV picture mean; RGB and grey pictures are always full range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YuvColours {
    /// BT.601, Y 16 to 235: what webcams deliver.
    Bt601,
    /// BT.601, 0 to 255: what JPEG pictures hold.
    Bt601FullRange,
    /// BT.709, Y 16 to 235: what an [`I420`] holds.
    Bt709,
    /// BT.709, 0 to 255.
    Bt709FullRange,
}

/// A picture as a device delivers it.
#[derive(Clone, Copy, Debug)]
pub struct RawPicture<'a> {
    /// Width and height. An odd last row or column is left away.
    pub size: PixelSize,
    /// How the bytes are laid out.
    pub layout: RawLayout,
    /// What they mean.
    pub colours: YuvColours,
    /// Bytes from one row to the next of the first plane; `None` when rows follow each other without a gap.
    /// The chroma planes of NV12 have the same, those of I420 and YV12 half of it.
    pub stride: Option<usize>,
    /// The bytes.
    pub data: &'a [u8],
}

/// Why a picture could not be converted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConvertError {
    /// Fewer bytes than a picture of that size has.
    #[error("the camera's picture is cut short: {actual} bytes instead of {expected}")]
    TooShort {
        /// Bytes of a whole picture.
        expected: usize,
        /// Bytes delivered.
        actual: usize,
    },
    /// A size that no picture of this program has.
    #[error("the camera's picture has an impossible size: {size}, {stride} bytes a row")]
    ImpossibleSize {
        /// The size.
        size: PixelSize,
        /// Bytes from row to row.
        stride: usize,
    },
    /// The compressed picture is damaged.
    #[error("the camera's JPEG picture is damaged: {message}")]
    DamagedJpeg {
        /// The decoder's words.
        message: String,
    },
}

impl RawPicture<'_> {
    /// The size of the converted picture: even sides.
    #[must_use]
    pub const fn even_size(&self) -> PixelSize {
        PixelSize::new(self.size.width & !1, self.size.height & !1)
    }
}

/// Converts pictures; keeps the memory that takes.
#[derive(Debug)]
pub struct Converter {
    /// The vector instructions that this processor has.
    level: Level,
    scratch: Scratch,
}

impl Converter {
    /// A converter for pictures of any size and layout.
    #[must_use]
    pub fn new() -> Self {
        Self {
            level: Level::new(),
            scratch: Scratch::default(),
        }
    }

    /// Converts `raw` into `picture`, whose size is `raw.even_size()`.
    ///
    /// # Errors
    /// When the size is impossible or bytes are missing; `picture` is then left as it was.
    pub fn convert(&mut self, raw: &RawPicture, picture: &mut I420) -> Result<(), ConvertError> {
        let source = Planes::of(raw)?;
        if picture.size() != raw.even_size() {
            return Err(ConvertError::ImpossibleSize {
                size: picture.size(),
                stride: source.stride,
            });
        }
        let width = picture.size().width as usize;
        self.scratch.fit(width);
        let [y, u, v] = picture.planes_mut();
        let targets = y
            .chunks_exact_mut(2 * width)
            .zip(u.chunks_exact_mut(width / 2))
            .zip(v.chunks_exact_mut(width / 2));
        for (pair, ((y, u), v)) in targets.enumerate() {
            let (upper, lower) = y.split_at_mut(width);
            let y = [upper, lower];
            let rows = source.row_pair(pair);
            let scratch = &mut self.scratch;
            dispatch!(self.level, _ => convert_rows(raw, rows, scratch, YuvRows { y, u, v }));
        }
        Ok(())
    }

    /// Converts two rows into row pair `pair` of `picture`, which are as long at least.
    pub(super) fn convert_pair(
        &mut self,
        rows: &PlanarRows,
        colours: YuvColours,
        picture: &mut I420,
        pair: usize,
    ) {
        let width = picture.size().width as usize;
        self.scratch.fit(width);
        let [y, u, v] = picture.planes_mut();
        let (upper, lower) = y[2 * width * pair..][..2 * width].split_at_mut(width);
        let target = YuvRows {
            y: [upper, lower],
            u: &mut u[width / 2 * pair..][..width / 2],
            v: &mut v[width / 2 * pair..][..width / 2],
        };
        let scratch = &mut self.scratch;
        dispatch!(self.level, _ => convert_planar(rows, colours, scratch, target));
    }
}

impl Default for Converter {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(
    clippy::inline_always,
    reason = "takes over the caller's vector instructions"
)]
#[inline(always)]
fn convert_rows(raw: &RawPicture, rows: RawRows, scratch: &mut Scratch, mut target: YuvRows) {
    scratch.separate(raw.layout, rows, &mut target);
    match raw.layout {
        RawLayout::Rgb | RawLayout::Bgr => {}
        RawLayout::Grey => convert_colours(YuvColours::Bt709FullRange, scratch, target),
        _ => convert_colours(raw.colours, scratch, target),
    }
}

#[expect(
    clippy::inline_always,
    reason = "takes over the caller's vector instructions"
)]
#[inline(always)]
fn convert_planar(
    rows: &PlanarRows,
    colours: YuvColours,
    scratch: &mut Scratch,
    mut target: YuvRows,
) {
    join(rows, &mut target);
    convert_colours(colours, scratch, target);
}

#[expect(
    clippy::inline_always,
    reason = "takes over the caller's vector instructions"
)]
#[inline(always)]
fn convert_colours(colours: YuvColours, scratch: &mut Scratch, target: YuvRows) {
    match colours {
        YuvColours::Bt601 => BT601.convert(target, scratch.shifts()),
        YuvColours::Bt601FullRange => BT601_FULL_RANGE.convert(target, scratch.shifts()),
        YuvColours::Bt709 => {}
        YuvColours::Bt709FullRange => BT709_FULL_RANGE.convert(target, scratch.shifts()),
    }
}

/// Two rows in planes of their own; each may be longer than the picture's.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanarRows<'a> {
    /// Luma.
    pub(super) y: [&'a [u8]; 2],
    /// What chroma they have.
    pub(super) chroma: PlanarChroma<'a>,
}

/// The chroma of two rows: U's two, then V's; a row that both share is there twice.
#[derive(Clone, Copy, Debug)]
pub(super) enum PlanarChroma<'a> {
    /// None: they are grey.
    None,
    /// As wide as luma.
    Whole([[&'a [u8]; 2]; 2]),
    /// Half as wide.
    Half([[&'a [u8]; 2]; 2]),
}

/// Two rows of Y and the chroma they share, of an even width.
struct YuvRows<'a> {
    y: [&'a mut [u8]; 2],
    u: &'a mut [u8],
    v: &'a mut [u8],
}

/// Two rows of a picture as they lie in its memory.
#[derive(Clone, Copy)]
struct RawRows<'a> {
    /// The first plane's two rows.
    first: [&'a [u8]; 2],
    /// The chroma row they share: of NV12, or of I420's U or YV12's V.
    second: &'a [u8],
    /// The chroma row of I420's V or YV12's U.
    third: &'a [u8],
}

/// A picture's memory cut into planes whose every row is known to be there.
struct Planes<'a> {
    stride: usize,
    row_bytes: usize,
    luma: &'a [u8],
    chroma: [&'a [u8]; 2],
    chroma_stride: usize,
    chroma_row_bytes: usize,
}

impl<'a> Planes<'a> {
    fn of(raw: &RawPicture<'a>) -> Result<Self, ConvertError> {
        let width = raw.size.width as usize;
        let height = raw.size.height as usize;
        let row_bytes = match raw.layout {
            RawLayout::Yuyv | RawLayout::Uyvy => width.div_ceil(2).saturating_mul(4),
            RawLayout::Nv12 | RawLayout::I420 | RawLayout::Yv12 | RawLayout::Grey => width,
            RawLayout::Yuv444 | RawLayout::Rgb | RawLayout::Bgr => width.saturating_mul(3),
        };
        let stride = raw.stride.unwrap_or(row_bytes);
        if !(2..=MAX_SIDE).contains(&width)
            || !(2..=MAX_SIDE).contains(&height)
            || !(row_bytes..=MAX_STRIDE).contains(&stride)
        {
            return Err(ConvertError::ImpossibleSize {
                size: raw.size,
                stride,
            });
        }
        let chroma_rows = height.div_ceil(2);
        let (chroma_planes, chroma_stride, chroma_row_bytes) = match raw.layout {
            RawLayout::Nv12 => (1, stride, width.div_ceil(2) * 2),
            RawLayout::I420 | RawLayout::Yv12 => (2, stride.div_ceil(2), width.div_ceil(2)),
            _ => (0, 0, 0),
        };
        // The last row of the last plane may end with its last pixel.
        let expected = if chroma_planes == 0 {
            stride * (height - 1) + row_bytes
        } else {
            stride * height + chroma_stride * (chroma_rows * chroma_planes - 1) + chroma_row_bytes
        };
        if raw.data.len() < expected {
            return Err(ConvertError::TooShort {
                expected,
                actual: raw.data.len(),
            });
        }
        let (luma, chroma) = if chroma_planes == 0 {
            (raw.data, [&[][..]; 2])
        } else {
            let (luma, chroma) = raw.data.split_at(stride * height);
            let third = if chroma_planes == 2 {
                &chroma[chroma_stride * chroma_rows..]
            } else {
                &[]
            };
            (luma, [chroma, third])
        };
        Ok(Self {
            stride,
            row_bytes,
            luma,
            chroma,
            chroma_stride,
            chroma_row_bytes,
        })
    }

    /// Rows `2 * pair` and `2 * pair + 1`; `pair` is below half the height.
    fn row_pair(&self, pair: usize) -> RawRows<'a> {
        let row = |index: usize| &self.luma[self.stride * index..][..self.row_bytes];
        let chroma = |plane: &'a [u8]| {
            if plane.is_empty() {
                plane
            } else {
                &plane[self.chroma_stride * pair..][..self.chroma_row_bytes]
            }
        };
        let [second, third] = self.chroma;
        RawRows {
            first: [row(2 * pair), row(2 * pair + 1)],
            second: chroma(second),
            third: chroma(third),
        }
    }
}

/// The longest side that any camera delivers, with room.
const MAX_SIDE: usize = 8192;
/// The longest row that any camera delivers, with room.
const MAX_STRIDE: usize = 4 * MAX_SIDE;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
