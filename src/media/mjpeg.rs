//! A camera's Motion JPEG to [`I420`], without a detour through RGB.
//!
//! Cameras send baseline pictures of one scan. These are decoded here, straight to planes: [`headers`] tells what
//! is in the picture, [`baseline`] goes through its units of blocks, whose coefficients [`huffman`] reads and
//! [`transform`] makes samples of, and [`convert`](super::convert) has each row while it is warm. Whatever else a
//! JPEG picture may be (progressive, RGB, of several scans) is left to zune-jpeg, and so are the words for what is
//! no picture at all.

mod baseline;
mod headers;
mod huffman;
mod transform;

use std::sync::Arc;

use fearless_simd::Level;
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use self::{baseline::BaselineDecoder, headers::Headers};
use crate::{
    media::{
        convert::{ConvertError, Converter, RawLayout, RawPicture, YuvColours},
        frame::I420,
        pool::PicturePool,
    },
    units::PixelSize,
};

/// Decodes JPEG pictures one after the other; keeps the memory that takes.
#[derive(Debug)]
pub struct MjpegDecoder {
    baseline: BaselineDecoder,
    converter: Converter,
    pool: PicturePool,
    pixels: Vec<u8>,
}

impl MjpegDecoder {
    /// A decoder for pictures of any size.
    #[must_use]
    pub fn new() -> Self {
        Self {
            baseline: BaselineDecoder::new(Level::new()),
            converter: Converter::new(),
            pool: PicturePool::new(PixelSize::MIN),
            pixels: Vec::new(),
        }
    }

    /// Decodes one picture; its size is what it says itself, less an odd last row and column.
    ///
    /// # Errors
    /// When it is damaged, too large or not a JPEG picture.
    pub fn decode(&mut self, jpeg: &[u8]) -> Result<Arc<I420>, ConvertError> {
        match Headers::read(jpeg) {
            Some(headers) if self.baseline.prepare(&headers).is_some() => {
                self.decode_baseline(&headers)
            }
            _ => self.decode_other(jpeg),
        }
    }

    fn decode_baseline(&mut self, headers: &Headers) -> Result<Arc<I420>, ConvertError> {
        let size = headers.size();
        fit(
            &mut self.pool,
            PixelSize::new(size.width & !1, size.height & !1),
        );
        let (baseline, converter) = (&mut self.baseline, &mut self.converter);
        let mut lost = 0;
        let picture = self.pool.picture(|picture| {
            let mut pairs = 0..picture.size().height as usize / 2;
            lost = baseline.decode(headers, |band| {
                for (rows, pair) in band.row_pairs().zip(&mut pairs) {
                    converter.convert_pair(&rows, YuvColours::Bt601FullRange, picture, pair);
                }
            });
        });
        let units = headers.units();
        let all = units.columns * units.rows;
        if lost > all / LOSS_BORNE {
            let message = format!("{lost} of its {all} parts cannot be read");
            return Err(ConvertError::DamagedJpeg { message });
        }
        Ok(picture)
    }

    /// What is no baseline picture of one scan, or none at all.
    fn decode_other(&mut self, jpeg: &[u8]) -> Result<Arc<I420>, ConvertError> {
        let options = DecoderOptions::default()
            .set_max_width(MAX_SIDE)
            .set_max_height(MAX_SIDE)
            .jpeg_set_max_scans(MAX_SCANS)
            .jpeg_set_out_colorspace(ColorSpace::YCbCr);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        decoder.decode_headers().map_err(|error| damaged(&error))?;
        let layout = match decoder.input_colorspace() {
            Some(ColorSpace::Luma) => {
                decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
                RawLayout::Grey
            }
            Some(ColorSpace::RGB) => {
                decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::RGB));
                RawLayout::Rgb
            }
            _ => RawLayout::Yuv444,
        };
        let bytes = decoder.output_buffer_size().unwrap_or(0);
        self.pixels.resize(bytes, 0);
        decoder
            .decode_into(&mut self.pixels)
            .map_err(|error| damaged(&error))?;
        let info = decoder.info().unwrap_or_default();
        let raw = RawPicture {
            size: PixelSize::new(u32::from(info.width), u32::from(info.height)),
            layout,
            colours: YuvColours::Bt601FullRange,
            stride: None,
            data: &self.pixels,
        };
        let size = raw.even_size();
        if size.width == 0 || size.height == 0 {
            return Err(ConvertError::ImpossibleSize {
                size: raw.size,
                stride: 0,
            });
        }
        fit(&mut self.pool, size);
        let mut result = Ok(());
        let picture = self
            .pool
            .picture(|picture| result = self.converter.convert(&raw, picture));
        result.map(|()| picture)
    }
}

impl Default for MjpegDecoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Sees to it that pictures have this size.
fn fit(pool: &mut PicturePool, size: PixelSize) {
    if pool.size() != size {
        *pool = PicturePool::new(size);
    }
}

fn damaged(error: &zune_jpeg::errors::DecodeErrors) -> ConvertError {
    let mut message = error.to_string().replace('\n', " ");
    message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    ConvertError::DamagedJpeg { message }
}

/// Of so many parts of a picture one may be missing, and is grey: some cameras always cut the end off. With more
/// missing, the picture before is the better one.
const LOSS_BORNE: usize = 8;
/// The longest side that is decoded.
const MAX_SIDE: usize = 4608;
/// Passes of a progressive picture that are decoded; cameras send one.
const MAX_SCANS: usize = 16;
/// Bytes of the decoder's words that are passed on.
const MAX_MESSAGE: usize = 120;

#[cfg(test)]
mod encoder;
#[cfg(test)]
mod tests;
