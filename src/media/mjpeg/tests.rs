#![expect(
    clippy::cast_possible_truncation,
    reason = "small pictures and samples"
)]

use fearless_simd::Level;
use hex_literal::hex;

use super::{
    super::convert::PlanarChroma,
    encoder::{ExactPlane, Form, encode},
    *,
};

/// 64×32 pixels, the left half red (254, 0, 0), the right half grey (128), baseline 4:2:0.
const JPEG: &[u8] = include_bytes!("../testdata/red_grey.jpg");
/// The same, progressive.
const PROGRESSIVE: &[u8] = include_bytes!("../testdata/red_grey_progressive.jpg");
/// 48×48 pixels of a test picture, baseline 4:2:2, with restart markers.
const RESTARTS: &[u8] = include_bytes!("../testdata/restarts.jpg");
/// 320×180 pixels of a film, baseline 4:2:2.
const NATURAL: &[u8] = include_bytes!("../../../benches/support/camera.jpg");

const START: [u8; 2] = [0xFF, 0xD8];

const FORM: Form = Form {
    width: 48,
    height: 32,
    sampling: &[(2, 1), (1, 1), (1, 1)],
    restart_interval: None,
    has_codes: true,
    step: 3,
};

/// What cameras send, and what FFmpeg makes of 4:2:2.
const SAMPLINGS: [&[(usize, usize)]; 7] = [
    &[(1, 1)],
    &[(1, 1), (1, 1), (1, 1)],
    &[(2, 1), (1, 1), (1, 1)],
    &[(2, 2), (1, 1), (1, 1)],
    &[(1, 2), (1, 1), (1, 1)],
    &[(2, 2), (1, 2), (1, 2)],
    &[(4, 1), (2, 1), (2, 1)],
];

fn samples_at(picture: &I420, column: usize, row: usize) -> [u8; 3] {
    let width = picture.size().width as usize;
    let [y, u, v] = picture.planes();
    let chroma = row / 2 * width / 2 + column / 2;
    [y[row * width + column], u[chroma], v[chroma]]
}

fn assert_red_and_grey(picture: &I420) {
    assert_eq!(picture.size(), PixelSize::new(64, 32));
    for (column, expected) in [(8, [63, 102, 240]), (56, [126, 128, 128])] {
        let actual = samples_at(picture, column, 16);
        for (actual, expected) in actual.into_iter().zip(expected) {
            assert!(actual.abs_diff(expected) <= 3, "{actual} is not {expected}");
        }
    }
}

/// A smooth scene with some noise, and here and there a block of extremes.
fn scene(seed: u64) -> impl FnMut(usize, usize, usize) -> u8 {
    let mut random = fastrand::Rng::with_seed(seed);
    move |component, column, row| {
        if (column / 8 + row / 8) % 5 == 4 {
            return if random.bool() { 255 } else { 0 };
        }
        let slope = (component * 60 + column * 2 + row * 3) % 250;
        slope as u8 + random.u8(0..6)
    }
}

/// What a decoder gives for each row of a picture and of the units it ends in: luma, and the chroma beside it; and how
/// many units it could not read.
fn rows_of(decoder: &mut BaselineDecoder, jpeg: &[u8]) -> (Vec<Vec<Vec<u8>>>, usize) {
    let headers = Headers::read(jpeg).expect("usual");
    decoder.prepare(&headers).expect("sound");
    let mut all = Vec::new();
    let lost = decoder.decode(&headers, |band| {
        for rows in band.row_pairs() {
            for row in 0..2 {
                let mut planes = vec![rows.y[row].to_vec()];
                if let PlanarChroma::Whole(chroma) | PlanarChroma::Half(chroma) = rows.chroma {
                    planes.extend(chroma.map(|plane| plane[row].to_vec()));
                }
                all.push(planes);
            }
        }
    });
    (all, lost)
}

fn assert_exact(rows: &[Vec<Vec<u8>>], exact: &[ExactPlane], form: Form) {
    let heights = exact.iter().map(|plane| plane.samples.len() / plane.width);
    let heights: Vec<_> = heights.collect();
    assert_eq!(rows.len(), heights[0], "{form:?}");
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row.len(), exact.len(), "{form:?}");
        for ((actual, exact), height) in row.iter().zip(exact).zip(&heights) {
            let row = number * height / heights[0];
            let exact = &exact.samples[exact.width * row..][..exact.width];
            for (column, (actual, exact)) in actual.iter().zip(exact).enumerate() {
                let error = f64::from(*actual) - exact.clamp(0.0, 255.0);
                assert!(
                    error.abs() < 1.0,
                    "{form:?}, column {column}, row {row}: {actual} is not {exact}"
                );
            }
        }
    }
}

#[test]
fn every_sample_is_within_one_of_the_exact_one_whatever_the_form() {
    let mut decoders = [Level::new(), Level::baseline()].map(BaselineDecoder::new);
    let mut random = fastrand::Rng::with_seed(3);
    for sampling in SAMPLINGS {
        for step in [1, 2, 3, 5, 16, 60, 255] {
            let form = Form {
                width: random.usize(2..=300),
                height: random.usize(2..=40),
                sampling,
                restart_interval: [None, Some(random.usize(1..=9))][random.usize(0..2)],
                has_codes: random.bool(),
                step,
            };
            let (jpeg, exact) = encode(form, scene(step.into()));
            let made = decoders.each_mut().map(|decoder| rows_of(decoder, &jpeg));
            assert!(made[0] == made[1], "{form:?}");
            let (rows, lost) = &made[0];
            assert_eq!(*lost, 0, "{form:?}");
            assert_exact(rows, &exact, form);
        }
    }
}

#[test]
fn a_jpeg_picture_arrives_in_bt709_limited_range() {
    assert_red_and_grey(&MjpegDecoder::new().decode(JPEG).expect("sound"));
}

#[test]
fn a_progressive_picture_is_decoded_too() {
    assert!(Headers::read(PROGRESSIVE).is_none());
    assert_red_and_grey(&MjpegDecoder::new().decode(PROGRESSIVE).expect("sound"));
}

#[test]
fn a_jpeg_picture_without_huffman_tables_is_read_with_the_usual_ones() {
    let mut bare = START.to_vec();
    let mut rest = &JPEG[2..];
    while rest[1] != 0xDA {
        let length = 2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        if rest[1] != 0xC4 {
            bare.extend_from_slice(&rest[..length]);
        }
        rest = &rest[length..];
    }
    bare.extend_from_slice(rest);
    assert!(bare.len() < JPEG.len());
    assert_red_and_grey(&MjpegDecoder::new().decode(&bare).expect("sound"));
}

#[test]
fn a_natural_picture_comes_out_as_from_the_other_decoder() {
    let mut decoder = MjpegDecoder::new();
    assert!(Headers::read(NATURAL).is_some());
    let natural = decoder.decode(NATURAL).expect("sound");
    // Without chroma of half the width or height, which the other one stretches first and so blurs.
    for sampling in [SAMPLINGS[0], SAMPLINGS[1]] {
        let form = Form {
            width: 320,
            height: 180,
            sampling,
            step: 8,
            ..FORM
        };
        let (jpeg, _) = encode(form, |component, column, row| {
            let (column, row) = (column.min(319), row.min(179));
            samples_at(&natural, column, row)[component]
        });
        let ours = decoder.decode(&jpeg).expect("sound");
        let theirs = decoder.decode_other(&jpeg).expect("sound");
        for (ours, theirs) in ours.planes().into_iter().zip(theirs.planes()) {
            let pairs = ours.iter().zip(theirs);
            let differences = pairs.map(|(ours, theirs)| u32::from(ours.abs_diff(*theirs)));
            assert!(differences.clone().max() <= Some(2), "{sampling:?}");
            let mean = f64::from(differences.sum::<u32>()) / ours.len() as f64;
            assert!(mean < 0.1, "{sampling:?}: {mean}");
        }
    }
}

#[test]
fn an_odd_last_row_and_column_are_left_away() {
    for (width, height) in [(33, 17), (34, 17), (33, 18), (2, 2), (3, 3)] {
        let form = Form {
            width,
            height,
            ..FORM
        };
        let (jpeg, _) = encode(form, |_, _, _| 128);
        let picture = MjpegDecoder::new().decode(&jpeg).expect("sound");
        assert_eq!(
            picture.size(),
            PixelSize::new(width as u32 & !1, height as u32 & !1)
        );
        assert!(picture.planes()[0].iter().all(|y| *y == 126));
    }
}

#[test]
fn a_picture_whose_end_is_missing_is_borne_up_to_an_eighth() {
    let form = Form {
        width: 160,
        height: 160,
        ..FORM
    };
    let (jpeg, _) = encode(form, |component, _, _| [255, 128, 128][component]);
    let scan = jpeg
        .windows(2)
        .rposition(|pair| pair == [63, 0])
        .expect("scan")
        + 2;
    let bytes = jpeg.len() - scan;
    let mut decoder = MjpegDecoder::new();
    let cut = |percent: usize| &jpeg[..scan + bytes * percent / 100];
    let picture = decoder.decode(cut(95)).expect("nearly whole");
    let y = picture.planes()[0];
    assert_eq!((y[0], y[y.len() - 1]), (235, 126));
    for percent in [0, 30, 80] {
        let error = decoder
            .decode(cut(percent))
            .expect_err("too little")
            .to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }
}

#[test]
fn damage_ends_at_the_next_restart_marker() {
    let form = Form {
        restart_interval: Some(2),
        ..FORM
    };
    let (mut jpeg, exact) = encode(form, scene(1));
    let marker = |number: u8| [0xFF, 0xD0 + number];
    let at = |jpeg: &[u8], number: u8| {
        let found = jpeg.windows(2).position(|pair| pair == marker(number));
        found.expect("a restart marker")
    };
    // All ones are no code. A part of the first unit stands before them.
    let (from, to) = (at(&jpeg, 0) + 2 + 6, at(&jpeg, 1));
    jpeg.splice(from..to, [0xFF, 0].repeat(9));
    let (rows, lost) = rows_of(&mut BaselineDecoder::new(Level::new()), &jpeg);
    assert_eq!(lost, 2);
    // Two units of 16 columns are grey: the second interval of two, in a picture three units wide.
    assert_luma_is_exact_but_for(&rows, &exact, form, |unit| unit == 2 || unit == 3);
}

/// Whether the units of 16 columns for which `is_grey` holds are grey, and all else as it should be.
fn assert_luma_is_exact_but_for(
    rows: &[Vec<Vec<u8>>],
    exact: &[ExactPlane],
    form: Form,
    is_grey: impl Fn(usize) -> bool,
) {
    let units = form.width.div_ceil(16);
    for (number, row) in rows.iter().enumerate() {
        for (column, y) in row[0][..form.width].iter().enumerate() {
            if is_grey(number / 8 * units + column / 16) {
                assert_eq!(*y, 128);
            } else {
                let exact = exact[0].samples[number * exact[0].width + column];
                assert!((f64::from(*y) - exact.clamp(0.0, 255.0)).abs() < 1.0);
            }
        }
    }
}

#[test]
fn a_lost_restart_marker_displaces_nothing() {
    let form = Form {
        width: 160,
        height: 48,
        restart_interval: Some(2),
        ..FORM
    };
    let (jpeg, exact) = encode(form, scene(1));
    let is_marker = |pair: &[u8]| pair[0] == 0xFF && matches!(pair[1], 0xD0..=0xD7);
    let pairs = jpeg.windows(2).enumerate();
    let markers = pairs.filter_map(|(at, pair)| is_marker(pair).then_some(at));
    let markers: Vec<_> = markers.collect();
    assert_eq!(markers.len(), 14 + 15);
    for first in [0, 5, 7, 12] {
        for count in 1..=3 {
            for has_data in [false, true] {
                let mut damaged = Vec::new();
                let mut from = 0;
                for marker in first..first + count {
                    damaged.extend_from_slice(&jpeg[from..markers[marker]]);
                    from = if has_data {
                        markers[marker] + 2
                    } else {
                        markers[marker + 1]
                    };
                }
                damaged.extend_from_slice(&jpeg[from..]);
                let (rows, lost) = rows_of(&mut BaselineDecoder::new(Level::new()), &damaged);
                assert_eq!(lost, 2 * count);
                assert_luma_is_exact_but_for(&rows, &exact, form, |unit| {
                    (first + 1..=first + count).contains(&(unit / 2))
                });
            }
        }
    }
}

#[test]
fn an_old_restart_marker_is_passed_over() {
    let form = Form {
        restart_interval: Some(2),
        ..FORM
    };
    let (mut jpeg, exact) = encode(form, scene(1));
    let second = jpeg.windows(2).position(|pair| pair == [0xFF, 0xD1]);
    let second = second.expect("a restart marker");
    jpeg.splice(second..second, [0xFF, 0xD0]);
    let (rows, lost) = rows_of(&mut BaselineDecoder::new(Level::new()), &jpeg);
    assert_eq!(lost, 0);
    assert_exact(&rows, &exact, form);
}

#[test]
fn codes_that_a_damaged_picture_defines_are_none_of_the_next_one_s() {
    let (sound, _) = encode(FORM, scene(1));
    let scan = sound.windows(2).position(|pair| pair == [0xFF, 0xDA]);
    let scan = scan.expect("a scan");
    // The luma of the scan names table 2 of both kinds, which the picture does not define.
    let mut undefined = sound.clone();
    assert_eq!(undefined[scan + 5..scan + 7], [1, 0x00]);
    undefined[scan + 6] = 0x22;
    // The same with a table 2 of three codes of one bit.
    let mut counts = [0; 16];
    counts[0] = 3;
    let table = |kind: u8| [&hex!("FFC40016")[..], &[kind], &counts, &[0, 1, 2]].concat();
    let mut damaged = undefined.clone();
    damaged.splice(scan..scan, [table(0x02), table(0x12)].concat());
    let prepares = |decoder: &mut BaselineDecoder, jpeg| {
        let headers = Headers::read(jpeg).expect("usual");
        decoder.prepare(&headers).is_some()
    };
    let mut decoder = BaselineDecoder::new(Level::new());
    assert!(!prepares(&mut decoder, &undefined));
    for _ in 0..2 {
        assert!(!prepares(&mut decoder, &damaged));
        assert!(!prepares(&mut decoder, &undefined));
    }
    let mut decoder = MjpegDecoder::new();
    assert!(decoder.decode(&damaged).is_err());
    let after = decoder.decode(&undefined);
    assert!(after == MjpegDecoder::new().decode(&undefined));
}

#[test]
fn damaged_pictures_are_errors_or_pictures_but_never_a_panic() {
    let mut decoder = MjpegDecoder::new();
    for bytes in [&[][..], &[0xFF], &START, b"GIF89a", &hex!("FFD8FFC40003")] {
        assert!(decoder.decode(bytes).is_err(), "{bytes:?}");
    }
    let mut random = fastrand::Rng::with_seed(7);
    for jpeg in [JPEG, RESTARTS, PROGRESSIVE] {
        for length in 0..jpeg.len() {
            let _ = decoder.decode(&jpeg[..length]);
        }
        for _ in 0..3000 {
            let mut damaged = jpeg.to_vec();
            for _ in 0..random.usize(1..=4) {
                let at = random.usize(2..damaged.len());
                damaged[at] = random.u8(..);
            }
            let _ = decoder.decode(&damaged);
        }
    }
    assert_red_and_grey(&decoder.decode(JPEG).expect("still usable"));
}

#[test]
fn a_picture_that_claims_to_be_enormous_is_refused() {
    let mut huge = JPEG.to_vec();
    let frame_header = huge
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .expect("baseline");
    huge[frame_header + 5..frame_header + 9].copy_from_slice(&hex!("FFFFFFFF"));
    assert!(MjpegDecoder::new().decode(&huge).is_err());
}
