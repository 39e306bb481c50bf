//! Huffman codes of JPEG pictures (ITU-T T.81 annexes C and F.2.2) and the bits they are read from.

#![expect(
    clippy::inline_always,
    reason = "what is inlined takes over its caller's vector instructions"
)]

/// A table of codes. One look at the next bits tells what most of them mean, value and all.
#[derive(Debug)]
pub(super) struct HuffmanTable {
    /// How many codes have 1 to 16 bits, then what they stand for.
    definition: Vec<u8>,
    /// By the next bits.
    entries: [Entry; 1 << LOOKED_UP],
    /// Of each length, what the next 16 bits are below when they begin with such a code or a shorter one, and what
    /// is added to a code to find what it stands for.
    ends: [u32; 17],
    places: [i32; 17],
}

/// Seven bits from the lowest: how many bits are read; one: whether there is more to it; eight: zeros before the
/// value; sixteen: the value, or how many more bits it has.
#[derive(Clone, Copy, Debug)]
struct Entry(u32);

/// What a code stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    /// How many zeros come before the value, or [`END_OF_BLOCK`], or [`DAMAGED`].
    pub(super) zeros: usize,
    pub(super) value: i32,
}

impl HuffmanTable {
    /// Without codes.
    pub(super) fn new() -> Self {
        Self {
            definition: Vec::new(),
            entries: [Entry::UNKNOWN; 1 << LOOKED_UP],
            ends: [0; 17],
            places: [0; 17],
        }
    }

    /// Takes these codes: how many have 1 to 16 bits, then what they stand for. `None` when they are not as many,
    /// or cannot be told apart.
    pub(super) fn define(&mut self, definition: &[u8]) -> Option<()> {
        let (counts, mut symbols) = definition.split_first_chunk::<16>()?;
        if self.definition == definition {
            return Some(()); // as in the picture before
        }
        self.definition.clear(); // equal to none until all is entered
        self.entries.fill(Entry::UNKNOWN);
        let (mut code, mut place) = (0, 0);
        for (length, count) in (1..).zip(counts.map(u32::from)) {
            let (these, rest) = symbols.split_at_checked(count as usize)?;
            symbols = rest;
            self.places[length as usize] = place - i32::try_from(code).ok()?;
            for symbol in these {
                if code >> length != 0 {
                    return None;
                }
                self.enter(code, length, *symbol);
                code += 1;
                place += 1;
            }
            self.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        self.definition.extend_from_slice(definition);
        Some(())
    }

    /// Enters a code wherever the next bits begin with it.
    fn enter(&mut self, code: u32, length: u32, symbol: u8) {
        let Some(free) = LOOKED_UP.checked_sub(length) else {
            return;
        };
        let (zeros, size) = meaning(symbol);
        let first = (code << free) as usize;
        for (rest, entry) in (0..1 << free).zip(&mut self.entries[first..]) {
            *entry = match free.checked_sub(size) {
                Some(behind) => Entry::new(length + size, zeros, extended(rest >> behind, size)),
                None => Entry::new(length, zeros, size.cast_signed()).incomplete(),
            };
        }
    }

    /// The next symbol of `bits`, of which at least [`MOST_BITS`] are at hand.
    #[inline(always)]
    pub(super) fn read(&self, bits: &mut Bits) -> Symbol {
        let entry = self.entries[(bits.next >> (64 - LOOKED_UP)) as usize];
        if entry.is_incomplete() {
            let symbol;
            (symbol, *bits) = self.read_long(entry, *bits);
            return symbol;
        }
        bits.skip(entry.length());
        Symbol {
            zeros: entry.zeros(),
            value: entry.value(),
        }
    }

    /// A symbol that is longer than what is looked up.
    #[cold]
    #[inline(never)]
    fn read_long<'a>(&self, entry: Entry, mut bits: Bits<'a>) -> (Symbol, Bits<'a>) {
        let (length, zeros, size) = if entry.length() > 0 {
            (entry.length(), entry.zeros(), entry.value().cast_unsigned())
        } else if let Some((length, symbol)) = self.find(bits.peek(16)) {
            let (zeros, size) = meaning(symbol);
            (length, zeros, size)
        } else {
            (0, DAMAGED, 0)
        };
        bits.skip(length);
        let value = extended(bits.peek(size), size);
        bits.skip(size);
        (Symbol { zeros, value }, bits)
    }

    /// The length of the code that 16 bits begin with, and what it stands for.
    fn find(&self, next: u32) -> Option<(u32, u8)> {
        let length = (1..=16).find(|length| next < self.ends[*length as usize])?;
        let code = next >> (16 - length);
        let place = self.places[length as usize] + code.cast_signed();
        let symbol = self.definition.get(16 + usize::try_from(place).ok()?)?;
        Some((length, *symbol))
    }
}

impl Entry {
    const INCOMPLETE: u32 = 1 << 7;
    /// No code is so short.
    const UNKNOWN: Self = Self(Self::INCOMPLETE);

    #[expect(clippy::cast_possible_truncation, reason = "at most 255")]
    const fn new(length: u32, zeros: usize, value: i32) -> Self {
        Self(length | (zeros as u32) << 8 | value.cast_unsigned() << 16)
    }

    const fn incomplete(self) -> Self {
        Self(self.0 | Self::INCOMPLETE)
    }

    const fn is_incomplete(self) -> bool {
        self.0 & Self::INCOMPLETE != 0
    }

    const fn length(self) -> u32 {
        self.0 & 0x3F
    }

    const fn zeros(self) -> usize {
        (self.0 >> 8 & 0xFF) as usize
    }

    const fn value(self) -> i32 {
        self.0.cast_signed() >> 16
    }
}

/// Zeros before a value, and the bits the value has.
fn meaning(symbol: u8) -> (usize, u32) {
    match (symbol >> 4, symbol & 15) {
        (0..15, 0) => (END_OF_BLOCK, 0),
        (zeros, size) => (zeros.into(), size.into()),
    }
}

/// A value of so many bits: those that begin with 0 are negative (T.81, F.2.2.1).
const fn extended(bits: u32, size: u32) -> i32 {
    let is_negative = size > 0 && bits >> (size - 1) == 0;
    bits.cast_signed() - if is_negative { (1 << size) - 1 } else { 0 }
}

/// The bits of a scan (T.81, F.2.2.5), read up to the next marker and then as zeros.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits<'a> {
    rest: &'a [u8],
    /// From the highest bit on.
    next: u64,
    count: u32,
    /// Bits in `next` or read that are not in the picture.
    missing: u32,
}

impl<'a> Bits<'a> {
    /// Those of `scan`, which may have markers.
    pub(super) const fn of(scan: &'a [u8]) -> Self {
        Self {
            rest: scan,
            next: 0,
            count: 0,
            missing: 0,
        }
    }

    /// Sees to it that [`MOST_BITS`] are at hand.
    #[inline(always)]
    pub(super) fn fill(&mut self) {
        if self.count >= MOST_BITS {
            return;
        }
        if let Some((chunk, rest)) = self.rest.split_first_chunk()
            && let word = u32::from_be_bytes(*chunk)
            && has_no_ff(word)
        {
            self.rest = rest;
            self.push(word, 32);
        } else {
            *self = self.filled_bytewise();
        }
    }

    #[cold]
    #[inline(never)]
    fn filled_bytewise(mut self) -> Self {
        for _ in 0..4 {
            let byte = match *self.rest {
                [0xFF, 0, ref rest @ ..] => {
                    self.rest = rest;
                    0xFF
                }
                [0xFF, ..] | [] => {
                    self.missing = self.missing.saturating_add(8);
                    0
                }
                [byte, ref rest @ ..] => {
                    self.rest = rest;
                    byte
                }
            };
            self.push(byte.into(), 8);
        }
        self
    }

    #[inline(always)]
    fn push(&mut self, bits: u32, count: u32) {
        self.next |= u64::from(bits) << (64 - count - self.count);
        self.count += count;
    }

    /// The next bits, at most 32.
    fn peek(&self, count: u32) -> u32 {
        (self.next >> 32 >> (32 - count)) as u32
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.next <<= count;
        self.count = self.count.wrapping_sub(count);
    }

    /// Whether bits were read that are not in the picture.
    pub(super) const fn is_cut_short(&self) -> bool {
        self.missing > self.count
    }

    /// Goes on behind restart marker `number`, from 0 to 7. `false` when it is lost: one of the next few, when that
    /// comes instead, is left for when its turn comes. Any other restart marker is passed over.
    pub(super) fn restart(&mut self, number: u8) -> bool {
        let mut rest = self.rest;
        let is_there = loop {
            match *rest {
                [0xFF, 0, ref behind @ ..] => rest = behind,
                [0xFF, 0xFF, ..] => rest = &rest[1..],
                [0xFF, marker @ RESTART_0..=RESTART_7, ref behind @ ..] => {
                    match (marker - RESTART_0).wrapping_sub(number) % 8 {
                        1..=MOST_LOST_RESTARTS => break false,
                        0 => {
                            rest = behind;
                            break true;
                        }
                        _ => rest = behind,
                    }
                }
                [0xFF, _, ..] | [] => {
                    rest = &[];
                    break false;
                }
                [_, ref behind @ ..] => rest = behind,
            }
        };
        *self = Self::of(rest);
        is_there
    }
}

/// Whether none of four bytes is 0xFF.
#[inline(always)]
const fn has_no_ff(word: u32) -> bool {
    // A byte that loses its highest bit when 1 is added is 0xFF, or is carried over to by one that is.
    word & !word.wrapping_add(0x0101_0101) & 0x8080_8080 == 0
}

const RESTART_0: u8 = 0xD0;
const RESTART_7: u8 = 0xD7;
/// Restart markers in a row that may be lost. They count to 7 only, so one further ahead may as well be an old one.
const MOST_LOST_RESTARTS: u8 = 3;

/// Bits that are looked up at once.
const LOOKED_UP: u32 = 10;
/// Bits of the longest code and value.
pub(super) const MOST_BITS: u32 = 32;
/// Zeros before no value: the rest of the block is nothing else.
pub(super) const END_OF_BLOCK: usize = 64;
/// Zeros before no value: no code begins with these bits.
pub(super) const DAMAGED: usize = 255;
