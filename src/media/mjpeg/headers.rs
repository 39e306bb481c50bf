//! What stands before the scan of a JPEG picture (ITU-T T.81 annex B).

use super::MAX_SIDE;
use crate::units::PixelSize;

/// A baseline picture of one scan, as cameras send them.
#[derive(Debug)]
pub(super) struct Headers<'a> {
    width: usize,
    height: usize,
    /// Y, or Y, U and V.
    components: [Component; 3],
    count: usize,
    /// By the numbers that components name; in the order of the picture.
    pub(super) quantisation: [Option<&'a [u8; 64]>; 4],
    /// The same of Huffman codes: how many have 1 to 16 bits, then what they stand for.
    pub(super) dc_codes: [&'a [u8]; 4],
    pub(super) ac_codes: [&'a [u8]; 4],
    /// Units of blocks from one restart marker to the next, or all.
    pub(super) restart_interval: usize,
    /// Everything behind the headers.
    pub(super) scan: &'a [u8],
}

/// A plane of the picture.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Component {
    name: u8,
    /// Blocks in a unit.
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// The numbers of its tables.
    pub(super) quantisation: usize,
    pub(super) dc: usize,
    pub(super) ac: usize,
}

impl<'a> Headers<'a> {
    /// Those of `jpeg`. `None` for what cameras do not send, and for what is no picture.
    pub(super) fn read(jpeg: &'a [u8]) -> Option<Self> {
        let mut headers = Self {
            width: 0,
            height: 0,
            components: [Component::default(); 3],
            count: 0,
            quantisation: [None; 4],
            dc_codes: USUAL_DC_CODES,
            ac_codes: USUAL_AC_CODES,
            restart_interval: usize::MAX,
            scan: &[],
        };
        let mut rest = jpeg.strip_prefix(&[0xFF, START_OF_IMAGE])?;
        loop {
            let [0xFF, marker, ref behind @ ..] = *rest else {
                return None;
            };
            if marker == 0xFF {
                rest = &rest[1..]; // may come before any marker
                continue;
            }
            let length = u16::from_be_bytes(*behind.first_chunk()?).into();
            let segment = behind.get(2..length)?;
            rest = &behind[length..];
            match marker {
                QUANTISATION => headers.read_quantisation(segment)?,
                HUFFMAN_CODES => headers.read_codes(segment)?,
                RESTART_INTERVAL => {
                    headers.restart_interval = match u16::from_be_bytes(*segment.first_chunk()?) {
                        0 => usize::MAX,
                        interval => interval.into(),
                    };
                }
                BASELINE_FRAME => headers.read_frame(segment)?,
                ADOBE if segment.starts_with(b"Adobe") && segment.get(11) != Some(&1) => {
                    return None; // not YUV
                }
                SCAN => {
                    headers.read_scan(segment)?;
                    headers.scan = rest;
                    return Some(headers);
                }
                APPLICATION_0..=APPLICATION_15 | COMMENT => {}
                _ => return None,
            }
        }
    }

    /// The picture's size.
    pub(super) fn size(&self) -> PixelSize {
        let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        PixelSize::new(side(self.width), side(self.height))
    }

    /// Y, or Y, U and V.
    pub(super) fn components(&self) -> &[Component] {
        &self.components[..self.count]
    }

    /// Of how many units the picture is made.
    pub(super) fn units(&self) -> Units {
        let luma = &self.components[0];
        Units {
            columns: self.width.div_ceil(8 * luma.columns),
            rows: self.height.div_ceil(8 * luma.rows),
        }
    }

    fn read_quantisation(&mut self, mut segment: &'a [u8]) -> Option<()> {
        while let Some((number, rest)) = segment.split_first() {
            let (table, rest) = rest.split_first_chunk()?;
            *self.quantisation.get_mut(usize::from(*number))? = Some(table); // of 8 bits: the upper half is 0
            segment = rest;
        }
        Some(())
    }

    fn read_codes(&mut self, mut segment: &'a [u8]) -> Option<()> {
        while let Some((kind, rest)) = segment.split_first() {
            let symbols: usize = rest.get(..16)?.iter().copied().map(usize::from).sum();
            let (codes, rest) = rest.split_at_checked(16 + symbols)?;
            let tables = match kind >> 4 {
                0 => &mut self.dc_codes,
                1 => &mut self.ac_codes,
                _ => return None,
            };
            *tables.get_mut(usize::from(kind & 15))? = codes;
            segment = rest;
        }
        Some(())
    }

    fn read_frame(&mut self, segment: &[u8]) -> Option<()> {
        let [
            8,
            height_0,
            height_1,
            width_0,
            width_1,
            count,
            ref components @ ..,
        ] = *segment
        else {
            return None;
        };
        self.height = u16::from_be_bytes([height_0, height_1]).into();
        self.width = u16::from_be_bytes([width_0, width_1]).into();
        self.count = count.into();
        let components = components.as_chunks().0;
        let sides = 2..=MAX_SIDE;
        if components.len() != self.count
            || !matches!(self.count, 1 | 3)
            || !sides.contains(&self.width)
            || !sides.contains(&self.height)
        {
            return None;
        }
        for (component, [name, sampling, quantisation]) in
            self.components.iter_mut().zip(components)
        {
            *component = Component {
                name: *name,
                columns: usize::from(sampling >> 4),
                rows: usize::from(sampling & 15),
                quantisation: usize::from(*quantisation),
                ..Component::default()
            };
        }
        let [y, u, v] = &mut self.components;
        if self.count == 1 {
            (y.columns, y.rows) = (1, 1); // blocks of one component come one by one, whatever it says
            return Some(());
        }
        let is_usual = [y.name, u.name, v.name] != *b"RGB"
            && (u.columns, u.rows) == (v.columns, v.rows)
            && is_once_or_twice(y.columns, u.columns)
            && is_once_or_twice(y.rows, u.rows);
        is_usual.then_some(())
    }

    fn read_scan(&mut self, segment: &[u8]) -> Option<()> {
        let (count, rest) = segment.split_first()?;
        let (tables, rest) = rest.split_at_checked(2 * self.count)?;
        if self.count == 0 || self.count != usize::from(*count) || *rest != [0, 63, 0] {
            return None;
        }
        let tables = tables.as_chunks().0;
        for (component, [name, numbers]) in self.components.iter_mut().zip(tables) {
            if component.name != *name {
                return None;
            }
            component.dc = usize::from(numbers >> 4);
            component.ac = usize::from(numbers & 15);
        }
        Some(())
    }
}

/// How many units of blocks there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Units {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// Whether there is as much luma as chroma one way, or twice as much.
fn is_once_or_twice(luma: usize, chroma: usize) -> bool {
    matches!(luma, 1 | 2 | 4) && (luma == chroma || luma == 2 * chroma)
}

const START_OF_IMAGE: u8 = 0xD8;
const BASELINE_FRAME: u8 = 0xC0;
const HUFFMAN_CODES: u8 = 0xC4;
const SCAN: u8 = 0xDA;
const QUANTISATION: u8 = 0xDB;
const RESTART_INTERVAL: u8 = 0xDD;
const APPLICATION_0: u8 = 0xE0;
const ADOBE: u8 = 0xEE;
const APPLICATION_15: u8 = 0xEF;
const COMMENT: u8 = 0xFE;

/// What pictures mean that come without Huffman codes, as many cameras send them: the codes that T.81 gives as
/// typical in annex K.3.
const USUAL_DC_CODES: [&[u8]; 4] = [DC_OF_Y, DC_OF_UV, &[], &[]];
const USUAL_AC_CODES: [&[u8]; 4] = [AC_OF_Y, AC_OF_UV, &[], &[]];

pub(super) const DC_OF_Y: &[u8] = b"\
    \x00\x01\x05\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\
    \x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B";
pub(super) const DC_OF_UV: &[u8] = b"\
    \x00\x03\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00\
    \x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B";
pub(super) const AC_OF_Y: &[u8] = b"\
    \x00\x02\x01\x03\x03\x02\x04\x03\x05\x05\x04\x04\x00\x00\x01\x7D\
    \x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\
    \x22\x71\x14\x32\x81\x91\xA1\x08\x23\x42\xB1\xC1\x15\x52\xD1\xF0\
    \x24\x33\x62\x72\x82\x09\x0A\x16\x17\x18\x19\x1A\x25\x26\x27\x28\
    \x29\x2A\x34\x35\x36\x37\x38\x39\x3A\x43\x44\x45\x46\x47\x48\x49\
    \x4A\x53\x54\x55\x56\x57\x58\x59\x5A\x63\x64\x65\x66\x67\x68\x69\
    \x6A\x73\x74\x75\x76\x77\x78\x79\x7A\x83\x84\x85\x86\x87\x88\x89\
    \x8A\x92\x93\x94\x95\x96\x97\x98\x99\x9A\xA2\xA3\xA4\xA5\xA6\xA7\
    \xA8\xA9\xAA\xB2\xB3\xB4\xB5\xB6\xB7\xB8\xB9\xBA\xC2\xC3\xC4\xC5\
    \xC6\xC7\xC8\xC9\xCA\xD2\xD3\xD4\xD5\xD6\xD7\xD8\xD9\xDA\xE1\xE2\
    \xE3\xE4\xE5\xE6\xE7\xE8\xE9\xEA\xF1\xF2\xF3\xF4\xF5\xF6\xF7\xF8\
    \xF9\xFA";
pub(super) const AC_OF_UV: &[u8] = b"\
    \x00\x02\x01\x02\x04\x04\x03\x04\x07\x05\x04\x04\x00\x01\x02\x77\
    \x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\
    \x13\x22\x32\x81\x08\x14\x42\x91\xA1\xB1\xC1\x09\x23\x33\x52\xF0\
    \x15\x62\x72\xD1\x0A\x16\x24\x34\xE1\x25\xF1\x17\x18\x19\x1A\x26\
    \x27\x28\x29\x2A\x35\x36\x37\x38\x39\x3A\x43\x44\x45\x46\x47\x48\
    \x49\x4A\x53\x54\x55\x56\x57\x58\x59\x5A\x63\x64\x65\x66\x67\x68\
    \x69\x6A\x73\x74\x75\x76\x77\x78\x79\x7A\x82\x83\x84\x85\x86\x87\
    \x88\x89\x8A\x92\x93\x94\x95\x96\x97\x98\x99\x9A\xA2\xA3\xA4\xA5\
    \xA6\xA7\xA8\xA9\xAA\xB2\xB3\xB4\xB5\xB6\xB7\xB8\xB9\xBA\xC2\xC3\
    \xC4\xC5\xC6\xC7\xC8\xC9\xCA\xD2\xD3\xD4\xD5\xD6\xD7\xD8\xD9\xDA\
    \xE2\xE3\xE4\xE5\xE6\xE7\xE8\xE9\xEA\xF2\xF3\xF4\xF5\xF6\xF7\xF8\
    \xF9\xFA";
