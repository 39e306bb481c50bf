//! Baseline JPEG pictures to planes, a row of units at a time (ITU-T T.81 annexes A.2 and F.2).

#![expect(
    clippy::inline_always,
    reason = "what is inlined takes over its caller's vector instructions"
)]

use fearless_simd::{Level, Simd, dispatch};

use super::{
    super::convert::{PlanarChroma, PlanarRows},
    headers::{Component, Headers},
    huffman::{Bits, DAMAGED, END_OF_BLOCK, HuffmanTable},
    transform::{Batch, GREY, LANES, Scale, make_grey, scales, transform},
};

/// Decodes pictures; keeps the memory that takes.
#[derive(Debug)]
pub(super) struct BaselineDecoder {
    level: Level,
    codes: Box<Codes>,
    planes: [Plane; 3],
}

/// By the numbers that components name.
#[derive(Debug)]
struct Codes {
    dc: [HuffmanTable; 4],
    ac: [HuffmanTable; 4],
}

/// One component's part of a row of units.
#[derive(Debug, Default)]
struct Plane {
    component: Component,
    scales: Vec<Scale>,
    /// The first coefficient of the block before.
    mean: i32,
    /// In as many rows as a unit has.
    batches: Vec<Batch>,
    batches_in_row: usize,
    samples: Vec<u8>,
}

impl BaselineDecoder {
    /// A decoder for pictures of any size, with these vector instructions.
    pub(super) fn new(level: Level) -> Self {
        Self {
            level,
            codes: Box::new(Codes {
                dc: [(); 4].map(|()| HuffmanTable::new()),
                ac: [(); 4].map(|()| HuffmanTable::new()),
            }),
            planes: [(); 3].map(|()| Plane::default()),
        }
    }

    /// Makes ready for a picture. `None` when its tables are not sound.
    pub(super) fn prepare(&mut self, headers: &Headers) -> Option<()> {
        let units = headers.units();
        for (plane, component) in self.planes.iter_mut().zip(headers.components()) {
            let steps = (*headers.quantisation.get(component.quantisation)?)?;
            let (dc, ac) = (component.dc, component.ac);
            self.codes.dc.get_mut(dc)?.define(headers.dc_codes[dc])?;
            self.codes.ac.get_mut(ac)?.define(headers.ac_codes[ac])?;
            plane.prepare(*component, steps, units.columns);
        }
        Some(())
    }

    /// Decodes a picture that was made ready for, and gives its rows to `take`, those of a row of units at a time.
    /// What cannot be read is grey; how many units that are is the result.
    pub(super) fn decode(&mut self, headers: &Headers, mut take: impl FnMut(Band)) -> usize {
        let units = headers.units();
        let planes = &mut self.planes[..headers.components().len()];
        let mut scan = Scan {
            bits: Bits::of(headers.scan),
            interval: headers.restart_interval,
            until_restart: headers.restart_interval,
            next_restart: 0,
            is_lost: false,
            lost_units: 0,
        };
        for _ in 0..units.rows {
            dispatch!(self.level, simd => {
                scan.read_row(units.columns, planes, &self.codes);
                for plane in &mut *planes {
                    plane.transform(simd);
                }
            });
            take(Band { planes });
        }
        scan.lost_units
    }
}

/// The samples of a row of units.
pub(super) struct Band<'a> {
    planes: &'a [Plane],
}

impl<'a> Band<'a> {
    /// Two rows at a time; they may be longer than the picture's, and the last ones below it.
    pub(super) fn row_pairs(&self) -> impl Iterator<Item = PlanarRows<'a>> + use<'a> {
        let (luma, chroma) = (&self.planes[0], &self.planes[1..]);
        let Component { columns, rows, .. } = luma.component;
        (0..4 * rows).map(move |pair| {
            let of = |plane: &'a Plane| {
                [2 * pair, 2 * pair + 1].map(|row| plane.row(row * plane.component.rows / rows))
            };
            PlanarRows {
                y: of(luma),
                chroma: match chroma {
                    [u, v] if u.component.columns == columns => PlanarChroma::Whole([of(u), of(v)]),
                    [u, v] => PlanarChroma::Half([of(u), of(v)]),
                    _ => PlanarChroma::None,
                },
            }
        })
    }
}

impl Plane {
    fn prepare(&mut self, component: Component, steps: &[u8; 64], units: usize) {
        self.component = component;
        self.scales.clear();
        self.scales.extend(scales(steps));
        self.mean = 0;
        self.batches_in_row = (units * component.columns).div_ceil(LANES);
        let batches = self.batches_in_row * component.rows;
        self.batches.resize(batches, GREY);
        self.samples.resize(batches * LANES * 64, 0);
    }

    fn row(&self, index: usize) -> &[u8] {
        &self.samples[self.stride() * index..][..self.stride()]
    }

    fn stride(&self) -> usize {
        self.batches_in_row * LANES * 8
    }

    #[inline(always)]
    fn transform(&mut self, simd: impl Simd) {
        let stride = self.stride();
        let rows = self.batches.chunks_exact_mut(self.batches_in_row);
        for (batches, samples) in rows.zip(self.samples.chunks_exact_mut(8 * stride)) {
            for (batch, first) in batches.iter_mut().zip((0..).step_by(8 * LANES)) {
                let rows = samples.chunks_exact_mut(stride);
                transform(simd, batch, rows.map(|row| &mut row[first..]));
            }
        }
    }
}

/// How far the coded part of a picture has been read.
struct Scan<'a> {
    bits: Bits<'a>,
    /// Units from one restart marker to the next.
    interval: usize,
    until_restart: usize,
    /// The number of the next restart marker, from 0 to 7.
    next_restart: u8,
    /// Whether nothing can be read up to the next restart marker.
    is_lost: bool,
    lost_units: usize,
}

impl Scan<'_> {
    /// Reads so many units.
    #[inline(always)]
    fn read_row(&mut self, units: usize, planes: &mut [Plane], codes: &Codes) {
        let mut bits = self.bits; // in registers
        for unit in 0..units {
            if self.until_restart == 0 {
                self.until_restart = self.interval;
                self.is_lost = !bits.restart(self.next_restart);
                self.next_restart = (self.next_restart + 1) % 8;
                for plane in &mut *planes {
                    plane.mean = 0;
                }
            }
            self.until_restart -= 1;
            if !self.is_lost {
                let is_whole = read_unit(&mut bits, planes, codes, unit).is_some();
                self.is_lost = !is_whole || bits.is_cut_short();
                if self.is_lost {
                    forget_unit(planes, unit);
                }
            }
            self.lost_units += usize::from(self.is_lost);
        }
        self.bits = bits;
    }
}

/// Reads the blocks of unit number `unit` of a row. `None` when they are damaged.
#[inline(always)]
fn read_unit(bits: &mut Bits, planes: &mut [Plane], codes: &Codes, unit: usize) -> Option<()> {
    for plane in planes {
        let component = plane.component;
        let codes = (codes.dc.get(component.dc)?, codes.ac.get(component.ac)?);
        let scales = plane.scales.first_chunk()?;
        let first = unit * component.columns;
        for row in plane.batches.chunks_exact_mut(plane.batches_in_row) {
            for column in first..first + component.columns {
                let batch = row.get_mut(column / LANES)?;
                plane.mean = read_block(bits, codes, scales, plane.mean, batch, column % LANES)?;
            }
        }
    }
    Some(())
}

/// Makes unit number `unit` of a row grey, of which a part was read.
#[cold]
#[inline(never)]
fn forget_unit(planes: &mut [Plane], unit: usize) {
    for plane in planes {
        let columns = plane.component.columns;
        for row in plane.batches.chunks_exact_mut(plane.batches_in_row) {
            for column in unit * columns..(unit + 1) * columns {
                make_grey(&mut row[column / LANES], column % LANES);
            }
        }
    }
}

/// Reads the coefficients of a block into a lane of `batch`, and gives the first one; it comes as what is added to
/// that of the block before. `None` when they are damaged.
#[inline(always)]
fn read_block(
    bits: &mut Bits,
    (dc, ac): (&HuffmanTable, &HuffmanTable),
    scales: &[Scale; 64],
    mean_before: i32,
    batch: &mut Batch,
    lane: usize,
) -> Option<i32> {
    bits.fill();
    let difference = dc.read(bits);
    if difference.zeros == DAMAGED {
        return None;
    }
    let mean = mean_before.wrapping_add(difference.value);
    scales[0].put_mean(mean, batch, lane);
    let mut at = 1_usize;
    while at < 64 {
        bits.fill();
        let symbol = ac.read(bits);
        at = at.wrapping_add(symbol.zeros);
        let Some(scale) = scales.get(at) else {
            return (symbol.zeros == END_OF_BLOCK).then_some(mean);
        };
        scale.put(symbol.value, batch, lane);
        at += 1;
    }
    Some(mean)
}
