//! Any picture to the output's size, its shape kept by black bars.

mod plane;

use std::sync::Arc;

use self::plane::PlaneScaler;
use crate::{
    media::{draw::Area, frame::I420, pool::PicturePool},
    units::PixelSize,
};

/// Scales pictures of any even size to one even size; keeps the memory that takes.
#[derive(Debug)]
pub struct Scaler {
    pool: PicturePool,
    /// For pictures of the size that came last, if that is not the output's.
    planes: Option<Planes>,
}

/// What pictures of one size need.
#[derive(Debug)]
struct Planes {
    source: PixelSize,
    area: Area,
    luma: PlaneScaler,
    chroma: PlaneScaler,
}

impl Scaler {
    /// Scales to `output`, whose sides are even.
    #[must_use]
    pub fn new(output: PixelSize) -> Self {
        Self {
            pool: PicturePool::new(output),
            planes: None,
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
        if self
            .planes
            .as_ref()
            .is_none_or(|planes| planes.source != picture.size())
        {
            self.pool = PicturePool::new(output); // whose pictures are black: the bars
            self.planes = None;
        }
        let planes = self
            .planes
            .get_or_insert_with(|| Planes::new(picture.size(), output));
        self.pool.picture(|target| planes.scale(picture, target))
    }
}

impl Planes {
    fn new(source: PixelSize, output: PixelSize) -> Self {
        let area = fit(source, output);
        let (width, height) = (source.width as usize, source.height as usize);
        Self {
            source,
            area,
            luma: PlaneScaler::new((width, height), (area.width, area.height)),
            chroma: PlaneScaler::new((width / 2, height / 2), (area.width / 2, area.height / 2)),
        }
    }

    fn scale(&mut self, source: &I420, target: &mut I420) {
        let stride = target.size().width as usize;
        let chroma = halved(self.area);
        let ([y, u, v], [target_y, target_u, target_v]) = (source.planes(), target.planes_mut());
        self.luma.scale(y, target_y, stride, self.area);
        self.chroma.scale(u, target_u, stride / 2, chroma);
        self.chroma.scale(v, target_v, stride / 2, chroma);
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
