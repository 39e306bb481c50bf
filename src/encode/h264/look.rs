//! What a picture looks like before it is encoded: how much there is in it, and how much of that is new.
//!
//! A few lines of the luma are enough to tell a cut from motion, and cost a thousandth of the encoding.

use crate::media::frame::I420;

/// Looks at picture after picture.
#[derive(Default)]
pub(super) struct Observer {
    /// The lines looked at of the last picture.
    last: Vec<u8>,
}

/// Both are mean differences between samples, 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    /// Between neighbours in a line: what a key frame has to describe.
    pub(super) detail: f64,
    /// To the same place in the last picture: what the others have to describe. 0 for the first one.
    pub(super) change: f64,
}

impl Observer {
    pub(super) fn look(&mut self, picture: &I420) -> Look {
        let width = picture.size().width as usize;
        let [luma, ..] = picture.planes();
        let lines = || luma.chunks_exact(width).skip(STEP / 2).step_by(STEP);
        let samples = lines().count() * width;
        let detail: u64 = lines().map(|line| differences(&line[1..], line)).sum();
        let change: u64 = if self.last.len() == samples {
            let last = self.last.chunks_exact(width);
            lines().zip(last).map(|(a, b)| differences(a, b)).sum()
        } else {
            0
        };
        self.last.clear();
        lines().for_each(|line| self.last.extend_from_slice(line));
        let mean = |sum: u64| sum as f64 / samples.max(1) as f64;
        Look {
            detail: mean(detail),
            change: mean(change),
        }
    }
}

/// The sum of the differences between samples at the same place. It cannot overflow: a line is short.
fn differences(a: &[u8], b: &[u8]) -> u64 {
    let pairs = a.iter().zip(b);
    let sum = pairs.fold(0_u32, |sum, (a, b)| sum.wrapping_add(a.abs_diff(*b).into()));
    sum.into()
}

/// One line in so many is looked at.
const STEP: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encode::material::Scene, units::PixelSize};

    const SIZE: PixelSize = PixelSize::new(320, 180);

    #[test]
    fn a_cut_changes_far_more_than_motion_does() {
        let mut observer = Observer::default();
        let first = observer.look(&Scene::Camera.picture(SIZE, 0));
        assert_eq!(first.change.to_bits(), 0.0_f64.to_bits());
        let moved = observer.look(&Scene::Camera.picture(SIZE, 1));
        let cut = observer.look(&Scene::Bars.picture(SIZE, 2));
        assert!(moved.change > 0.0);
        assert!(cut.change > 2.0 * moved.change, "{cut:?} after {moved:?}");
        assert!(cut.detail < moved.detail);
    }

    #[test]
    fn sides_that_are_no_multiple_of_a_line_are_looked_at_too() {
        let mut observer = Observer::default();
        let flat = I420::black(PixelSize::new(6, 2));
        let nothing = Look {
            detail: 0.0,
            change: 0.0,
        };
        assert_eq!(observer.look(&flat), nothing);
        assert_eq!(observer.look(&flat), nothing);
    }
}
