//! Reading codec headers bit by bit.

/// Reads bits, the highest of each byte first; `None` at the end.
#[derive(Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// A number of `count` bits, at most 32.
    pub(super) fn number(&mut self, count: u32) -> Option<u32> {
        let mut number = 0;
        for _ in 0..count {
            number = number << 1 | u32::from(self.flag()?);
        }
        Some(number)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        u8::try_from(self.number(8)?).ok()
    }

    /// `ue(v)` (H.264, 9.1). Also skips an `se(v)`: their codes are the same.
    pub(super) fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.number(zeros)?)
    }

    /// `ue(v)` that is at most `max`.
    pub(super) fn exp_golomb_up_to(&mut self, max: u8) -> Option<u8> {
        let number = u8::try_from(self.exp_golomb()?).ok()?;
        (number <= max).then_some(number)
    }

    /// `se(v)` (H.264, 9.1.1).
    pub(super) fn signed_exp_golomb(&mut self) -> Option<i64> {
        let number = i64::from(self.exp_golomb()?);
        let magnitude = (number + 1) / 2;
        Some(if number % 2 == 1 {
            magnitude
        } else {
            -magnitude
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_are_read_in_order() {
        // 1 | 010 | 011 | 00100 | 00101 and four bits of the next, cut off
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::new(&bytes);
        let mut signed = bits.clone();
        assert_eq!(
            [(); 5].map(|()| bits.exp_golomb()),
            [0, 1, 2, 3, 4].map(Some)
        );
        assert_eq!(bits.exp_golomb(), None);
        assert_eq!(
            [(); 5].map(|()| signed.signed_exp_golomb()),
            [0, 1, -1, 2, -2].map(Some)
        );
    }

    #[test]
    fn endless_zeros_and_the_longest_code_do_not_overflow() {
        assert_eq!(Bits::new(&[0; 32]).exp_golomb(), None);
        let longest = [0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(Bits::new(&longest).exp_golomb(), Some(u32::MAX - 1));
    }
}
