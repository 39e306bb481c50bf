//! Raw pictures: planar YUV 4:2:0, BT.709 limited range, from the source to the encoder.

use std::sync::Arc;

use crate::units::{MediaTime, PixelSize};

/// A picture in three tightly packed planes: Y at full size, then U and V at half size each way.
///
/// Sizes are even. Samples are 8-bit BT.709 limited range (Y 16 to 235, U and V 16 to 240).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct I420 {
    size: PixelSize,
    data: Vec<u8>,
}

impl I420 {
    /// A black picture.
    ///
    /// # Panics
    /// When a side of `size` is odd or zero: sizes are checked where they enter the program.
    #[must_use]
    pub fn black(size: PixelSize) -> Self {
        assert!(
            size.width >= 2
                && size.height >= 2
                && size.width.is_multiple_of(2)
                && size.height.is_multiple_of(2),
            "I420 needs even sides, not {size}"
        );
        let luma = size.area();
        let mut data = vec![128; luma * 3 / 2];
        data[..luma].fill(16);
        Self { size, data }
    }

    /// Width and height of the luma plane.
    #[must_use]
    pub const fn size(&self) -> PixelSize {
        self.size
    }

    /// Width and height of each chroma plane.
    #[must_use]
    pub const fn chroma_size(&self) -> PixelSize {
        PixelSize::new(self.size.width / 2, self.size.height / 2)
    }

    /// The Y, U and V planes.
    #[must_use]
    pub fn planes(&self) -> [&[u8]; 3] {
        let (y, chroma) = self.data.split_at(self.size.area());
        let (u, v) = chroma.split_at(chroma.len() / 2);
        [y, u, v]
    }

    /// The Y, U and V planes, to be written.
    #[must_use]
    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        let (y, chroma) = self.data.split_at_mut(self.size.area());
        let half = chroma.len() / 2;
        let (u, v) = chroma.split_at_mut(half);
        [y, u, v]
    }
}

/// A picture and when it was taken.
#[derive(Clone, Debug)]
pub struct VideoFrame {
    /// The picture; shared, never changed once published.
    pub picture: Arc<I420>,
    /// When the source took it.
    pub captured_at: MediaTime,
}
