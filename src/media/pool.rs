//! Pictures that are drawn on again once nobody holds them: a running program allocates no frame memory.

use std::sync::Arc;

use crate::{media::frame::I420, units::PixelSize};

/// Shared pictures of one size, of which those that nobody else holds any more are used again.
#[derive(Debug)]
pub struct PicturePool {
    size: PixelSize,
    pictures: Vec<Arc<I420>>,
}

impl PicturePool {
    /// An empty pool of pictures of an even `size`.
    #[must_use]
    pub const fn new(size: PixelSize) -> Self {
        Self {
            size,
            pictures: Vec::new(),
        }
    }

    /// The size of every picture.
    #[must_use]
    pub const fn size(&self) -> PixelSize {
        self.size
    }

    /// A picture that `draw` has drawn on. It comes to `draw` either black or as it left an earlier `draw` of
    /// this pool.
    pub fn picture(&mut self, draw: impl FnOnce(&mut I420)) -> Arc<I420> {
        let unused = self
            .pictures
            .iter_mut()
            .position(|picture| Arc::get_mut(picture).is_some());
        let mut picture = match unused {
            Some(index) => self.pictures.swap_remove(index),
            None => Arc::new(I420::black(self.size)),
        };
        draw(Arc::make_mut(&mut picture)); // never copies: nobody else holds it
        if self.pictures.len() < KEPT {
            self.pictures.push(Arc::clone(&picture));
        }
        picture
    }
}

/// More pictures than are on their way at once from a source to the encoder and the preview.
const KEPT: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_nobody_holds_is_used_again_and_a_held_one_never_changes() {
        let mut pool = PicturePool::new(PixelSize::new(4, 2));
        let held = pool.picture(|picture| picture.planes_mut()[0].fill(50));
        let address = Arc::as_ptr(&pool.picture(|picture| picture.planes_mut()[0].fill(60)));
        assert_eq!(
            Arc::as_ptr(&pool.picture(|picture| assert_eq!(picture.planes()[0][0], 60))),
            address
        );
        assert_eq!(held.planes()[0], [50; 8]);
    }

    #[test]
    fn the_pool_stays_small_however_many_pictures_are_held() {
        let mut pool = PicturePool::new(PixelSize::new(2, 2));
        let held: Vec<_> = (0..100).map(|_| pool.picture(|_| ())).collect();
        assert_eq!(held.len(), 100);
        assert_eq!(pool.pictures.len(), KEPT);
    }
}
