//! Any picture to the output's size, its shape kept by black bars.

use std::sync::Arc;

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedCroppedImageMut, TypedImage, TypedImageRef},
    pixels::U8,
};

use crate::{
    media::{draw::Area, frame::I420, pool::PicturePool},
    units::PixelSize,
};

/// Scales pictures of any even size to one even size; keeps the memory that takes.
#[derive(Debug)]
pub struct Scaler {
    resizer: Resizer,
    pool: PicturePool,
    /// The size of the pictures that the pool's bars were drawn for.
    source: PixelSize,
}

impl Scaler {
    /// Scales to `output`, whose sides are even.
    #[must_use]
    pub fn new(output: PixelSize) -> Self {
        Self {
            resizer: Resizer::new(),
            pool: PicturePool::new(output),
            source: output,
        }
    }

    /// The size that comes out.
    #[must_use]
    pub const fn output(&self) -> PixelSize {
        self.pool.size()
    }

    /// `picture` in the output's size, in the middle, with black bars where its shape differs. A picture that
    /// has the size already is passed on as it is.
    pub fn scale(&mut self, picture: &Arc<I420>) -> Arc<I420> {
        let output = self.output();
        if picture.size() == output {
            return Arc::clone(picture);
        }
        if self.source != picture.size() {
            self.source = picture.size();
            self.pool = PicturePool::new(output); // whose pictures are black: the bars
        }
        let area = fit(picture.size(), output);
        let resizer = &mut self.resizer;
        self.pool.picture(|target| {
            let sizes = [output, target.chroma_size(), target.chroma_size()];
            let source_sizes = [picture.size(), picture.chroma_size(), picture.chroma_size()];
            let areas = [area, halved(area), halved(area)];
            let planes = picture.planes().into_iter().zip(target.planes_mut());
            for (((source, target), (source_size, size)), area) in
                planes.zip(source_sizes.into_iter().zip(sizes)).zip(areas)
            {
                scale_plane(resizer, (source, source_size), (target, size), area);
            }
        })
    }
}

/// Where a picture of size `source` lies in one of size `output`: as large as its shape allows, in the middle,
/// on even edges.
#[must_use]
pub fn fit(source: PixelSize, output: PixelSize) -> Area {
    let even = |length: u64| usize::try_from(length & !1).unwrap_or(0).max(2);
    let (source_width, source_height) = (
        u64::from(source.width.max(1)),
        u64::from(source.height.max(1)),
    );
    let (width, height) = (u64::from(output.width), u64::from(output.height));
    // Rounded to the nearest even length.
    let fitting_width = ((height * source_width + source_height) / source_height).min(width);
    let fitting_height = ((width * source_height + source_width) / source_width).min(height);
    let (fitted_width, fitted_height) = if fitting_width < width {
        (even(fitting_width), even(height))
    } else {
        (even(width), even(fitting_height))
    };
    let middle = |length: u64, fitted: usize| even_down((even(length) - fitted) / 2);
    Area::new(
        middle(width, fitted_width),
        middle(height, fitted_height),
        fitted_width,
        fitted_height,
    )
}

fn scale_plane(
    resizer: &mut Resizer,
    (source, source_size): (&[u8], PixelSize),
    (target, size): (&mut [u8], PixelSize),
    area: Area,
) {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let scaled = (|| {
        let source =
            TypedImageRef::<U8>::from_buffer(source_size.width, source_size.height, source).ok()?;
        let target = TypedImage::<U8>::from_buffer(size.width, size.height, target).ok()?;
        let pixels = |length: usize| u32::try_from(length).ok();
        let mut part = TypedCroppedImageMut::new(
            target,
            pixels(area.left)?,
            pixels(area.top)?,
            pixels(area.width)?,
            pixels(area.height)?,
        )
        .ok()?;
        resizer.resize_typed(&source, &mut part, &options).ok()
    })();
    debug_assert!(
        scaled.is_some(),
        "planes have their size, and the area fits"
    );
}

const fn halved(area: Area) -> Area {
    Area::new(area.left / 2, area.top / 2, area.width / 2, area.height / 2)
}

const fn even_down(length: usize) -> usize {
    length & !1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::draw::{Colour, fill};

    const RED: Colour = Colour::new(51, 109, 212);

    fn red(size: PixelSize) -> Arc<I420> {
        let mut picture = I420::black(size);
        let (width, height) = (size.width as usize, size.height as usize);
        fill(&mut picture, Area::new(0, 0, width, height), RED);
        Arc::new(picture)
    }

    #[test]
    fn shapes_are_kept_in_the_middle_on_even_edges() {
        for (source, output, area) in [
            ((1280, 720), (1920, 1080), (0, 0, 1920, 1080)),
            ((640, 480), (1280, 720), (160, 0, 960, 720)),
            ((1920, 1080), (640, 480), (0, 60, 640, 360)),
            ((720, 1280), (1280, 720), (436, 0, 406, 720)),
            ((640, 480), (160, 90), (20, 0, 120, 90)),
            ((3840, 2160), (160, 90), (0, 0, 160, 90)),
            ((848, 480), (1280, 720), (4, 0, 1272, 720)),
            ((8192, 2), (160, 90), (0, 44, 160, 2)),
            ((2, 8192), (160, 90), (78, 0, 2, 90)),
        ] {
            let (left, top, width, height) = area;
            assert_eq!(
                fit(
                    PixelSize::new(source.0, source.1),
                    PixelSize::new(output.0, output.1)
                ),
                Area::new(left, top, width, height),
                "{source:?} in {output:?}"
            );
        }
    }

    #[test]
    fn every_fit_is_even_and_inside() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..2_000 {
            let mut even = |from: u32, to: u32| random.u32(from / 2..=to / 2) * 2;
            let source = PixelSize::new(even(2, 4096), even(2, 4096));
            let output = PixelSize::new(even(160, 3840), even(90, 2160));
            let area = fit(source, output);
            assert!(area.width >= 2 && area.height >= 2);
            assert!(area.left + area.width <= output.width as usize);
            assert!(area.top + area.height <= output.height as usize);
            for side in [area.left, area.top, area.width, area.height] {
                assert!(side.is_multiple_of(2), "{source} in {output}: {area:?}");
            }
        }
    }

    #[test]
    fn bars_are_black_and_the_picture_between_them_keeps_its_colour() {
        let mut scaler = Scaler::new(PixelSize::new(320, 180));
        // Twice, and a wide picture in between: bars are never left from before.
        for size in [
            PixelSize::new(64, 48),
            PixelSize::new(64, 10),
            PixelSize::new(64, 48),
        ] {
            let picture = scaler.scale(&red(size));
            let area = fit(size, picture.size());
            let [y, u, v] = picture.planes();
            for (index, luma) in y.iter().enumerate() {
                let (column, row) = (index % 320, index / 320);
                let inside = (area.left..area.left + area.width).contains(&column)
                    && (area.top..area.top + area.height).contains(&row);
                let chroma = row / 2 * 160 + column / 2;
                let expected = if inside { RED } else { Colour::BLACK };
                assert_eq!(
                    Colour::new(*luma, u[chroma], v[chroma]),
                    expected,
                    "{size}: {column}, {row}"
                );
            }
        }
    }

    #[test]
    fn a_picture_of_the_right_size_is_not_copied() {
        let picture = red(PixelSize::new(320, 180));
        let scaled = Scaler::new(picture.size()).scale(&picture);
        assert!(Arc::ptr_eq(&picture, &scaled));
    }
}
