use super::{reference, *};

const LAYOUTS: [RawLayout; 9] = [
    RawLayout::Yuyv,
    RawLayout::Uyvy,
    RawLayout::Nv12,
    RawLayout::I420,
    RawLayout::Yv12,
    RawLayout::Yuv444,
    RawLayout::Rgb,
    RawLayout::Bgr,
    RawLayout::Grey,
];

const MEANINGS: [YuvColours; 4] = [
    YuvColours::Bt601,
    YuvColours::Bt601FullRange,
    YuvColours::Bt709,
    YuvColours::Bt709FullRange,
];

type Samples = ([u8; 3], [u8; 3], [u8; 3], [u8; 3]);

/// Full-range RGB, the same colour in BT.601 limited range, in JFIF, and in BT.709 limited range,
/// each worked out in floating point from the standards' definitions.
const COLOURS: [Samples; 7] = [
    ([0, 0, 0], [16, 128, 128], [0, 128, 128], [16, 128, 128]),
    (
        [255, 255, 255],
        [235, 128, 128],
        [255, 128, 128],
        [235, 128, 128],
    ),
    (
        [128, 128, 128],
        [126, 128, 128],
        [128, 128, 128],
        [126, 128, 128],
    ),
    ([255, 0, 0], [81, 90, 240], [76, 85, 255], [63, 102, 240]),
    ([0, 255, 0], [145, 54, 34], [150, 44, 21], [173, 42, 26]),
    ([0, 0, 255], [41, 240, 110], [29, 255, 107], [32, 240, 118]),
    (
        [191, 191, 0],
        [162, 44, 142],
        [169, 32, 143],
        [168, 44, 136],
    ),
];

fn raw(layout: RawLayout, colours: YuvColours, data: &[u8]) -> RawPicture<'_> {
    RawPicture {
        size: PixelSize::new(4, 2),
        layout,
        colours,
        stride: None,
        data,
    }
}

fn converted(raw: &RawPicture) -> Result<I420, ConvertError> {
    let mut picture = I420::black(raw.even_size());
    Converter::new().convert(raw, &mut picture)?;
    Ok(picture)
}

/// A picture of one colour in a layout.
fn picture_of(layout: RawLayout, [a, b, c]: [u8; 3]) -> Vec<u8> {
    match layout {
        RawLayout::Yuyv => [a, b, a, c].repeat(4),
        RawLayout::Uyvy => [b, a, c, a].repeat(4),
        RawLayout::Nv12 => [[a; 8].as_slice(), &[b, c, b, c]].concat(),
        RawLayout::I420 => [[a; 8].as_slice(), &[b, b, c, c]].concat(),
        RawLayout::Yv12 => [[a; 8].as_slice(), &[c, c, b, b]].concat(),
        RawLayout::Bgr => [c, b, a].repeat(8),
        RawLayout::Rgb | RawLayout::Yuv444 => [a, b, c].repeat(8),
        RawLayout::Grey => vec![a; 8],
    }
}

fn assert_colour(picture: &I420, expected: [u8; 3], what: &str) {
    for (plane, expected) in picture.planes().into_iter().zip(expected) {
        for sample in plane {
            assert!(
                sample.abs_diff(expected) <= 2,
                "{what}: {sample} is not {expected}"
            );
        }
    }
}

#[test]
fn known_colours_arrive_in_bt709_from_every_layout() {
    for (rgb, bt601, jfif, bt709) in COLOURS {
        for layout in [
            RawLayout::Yuyv,
            RawLayout::Uyvy,
            RawLayout::Nv12,
            RawLayout::I420,
            RawLayout::Yv12,
            RawLayout::Yuv444,
        ] {
            for (colours, values) in [
                (YuvColours::Bt601, bt601),
                (YuvColours::Bt601FullRange, jfif),
                (YuvColours::Bt709, bt709),
            ] {
                let data = picture_of(layout, values);
                let picture = converted(&raw(layout, colours, &data)).expect("whole");
                assert_colour(&picture, bt709, &format!("{layout:?} {colours:?} {rgb:?}"));
            }
        }
        for layout in [RawLayout::Rgb, RawLayout::Bgr] {
            let data = picture_of(layout, rgb);
            let picture = converted(&raw(layout, YuvColours::Bt601, &data)).expect("whole");
            assert_colour(&picture, bt709, &format!("{layout:?} {rgb:?}"));
        }
    }
    let picture = converted(&raw(RawLayout::Grey, YuvColours::Bt601, &[128; 8]));
    assert_colour(&picture.expect("whole"), [126, 128, 128], "grey");
}

#[test]
fn full_range_bt709_is_only_narrowed() {
    for (full, limited) in [
        ([0, 128, 128], [16, 128, 128]),
        ([255, 128, 128], [235, 128, 128]),
        // Red, and a grey.
        ([54, 99, 255], [63, 102, 240]),
        ([128, 128, 128], [126, 128, 128]),
    ] {
        let data = picture_of(RawLayout::I420, full);
        let raw = raw(RawLayout::I420, YuvColours::Bt709FullRange, &data);
        assert_colour(&converted(&raw).expect("whole"), limited, "full range");
    }
}

#[test]
fn bt709_pictures_pass_unchanged() {
    let data: Vec<u8> = (0..12).map(|index| index * 20).collect();
    let picture = converted(&raw(RawLayout::I420, YuvColours::Bt709, &data)).expect("whole");
    assert_eq!(picture.planes().concat(), data);
}

#[test]
fn padding_behind_rows_is_left_away() {
    for layout in [
        RawLayout::Yuyv,
        RawLayout::Nv12,
        RawLayout::I420,
        RawLayout::Rgb,
    ] {
        let tight = picture_of(layout, [120, 90, 150]);
        let (row, rows) = match layout {
            RawLayout::Yuyv => (8, [8, 8, 0, 0]),
            RawLayout::Nv12 => (4, [4, 4, 4, 0]),
            RawLayout::I420 => (4, [4, 4, 2, 2]),
            _ => (12, [12, 12, 0, 0]),
        };
        let mut padded = Vec::new();
        let mut rest = tight.as_slice();
        for (index, bytes) in rows.into_iter().enumerate() {
            let (head, tail) = rest.split_at(bytes);
            rest = tail;
            padded.extend_from_slice(head);
            let halved = layout == RawLayout::I420 && index >= 2;
            padded.resize(padded.len() + if halved { 2 } else { 4 }, 255);
        }
        let expected = converted(&raw(layout, YuvColours::Bt709, &tight));
        let strided = RawPicture {
            stride: Some(row + 4),
            ..raw(layout, YuvColours::Bt709, &padded)
        };
        assert_eq!(converted(&strided), expected, "{layout:?}");
    }
}

#[test]
fn a_picture_cut_short_is_an_error_at_every_length() {
    for layout in LAYOUTS {
        let whole = picture_of(layout, [1, 2, 3]);
        for length in 0..whole.len() {
            assert_eq!(
                converted(&raw(layout, YuvColours::Bt601, &whole[..length])),
                Err(ConvertError::TooShort {
                    expected: whole.len(),
                    actual: length
                }),
                "{layout:?}"
            );
        }
    }
}

#[test]
fn impossible_sizes_and_strides_are_errors() {
    let mut picture = I420::black(PixelSize::new(4, 2));
    for (size, stride) in [
        (PixelSize::new(0, 0), None),
        (PixelSize::new(1, 2), None),
        (PixelSize::new(u32::MAX, u32::MAX), None),
        (PixelSize::new(4, 2), Some(3)),
        (PixelSize::new(4, 2), Some(usize::MAX)),
        (PixelSize::new(6, 2), None),
    ] {
        let raw = RawPicture {
            size,
            stride,
            ..raw(RawLayout::Yuyv, YuvColours::Bt601, &[0; 64])
        };
        let result = Converter::new().convert(&raw, &mut picture);
        assert!(
            matches!(result, Err(ConvertError::ImpossibleSize { .. })),
            "{size} {stride:?}"
        );
    }
}

#[test]
fn an_odd_last_row_and_column_are_left_away() {
    for (layout, bytes) in [
        (RawLayout::Yuyv, 8 * 3),
        (RawLayout::Nv12, 3 * 3 + 4 * 2),
        (RawLayout::I420, 3 * 3 + 2 * 2 * 2),
        (RawLayout::Rgb, 27),
    ] {
        let data = vec![90; bytes];
        let raw = RawPicture {
            size: PixelSize::new(3, 3),
            ..raw(layout, YuvColours::Bt709, &data)
        };
        let size = converted(&raw).map(|picture| picture.size());
        assert_eq!(size, Ok(PixelSize::new(2, 2)), "{layout:?}");
    }
}

#[test]
fn every_conversion_is_the_reference_s_to_the_bit() {
    let mut random = fastrand::Rng::with_seed(1);
    // With the vector instructions of this processor, and with those that all have.
    let mut converters = [Level::new(), Level::baseline()].map(|level| Converter {
        level,
        ..Converter::new()
    });
    let sizes = (2..=70).map(|width| (width, 2 + width % 4));
    for (width, height) in sizes.chain([(130, 6), (258, 3), (1280, 4)]) {
        for layout in LAYOUTS {
            let padding = random.usize(0..=40);
            let row = width as usize * 4 + padding;
            let mut data = vec![0; row * height as usize * 3];
            for byte in &mut data {
                // Every value, the outermost more often than others.
                *byte = random.u8(..).saturating_mul(random.u8(1..=2));
            }
            for colours in MEANINGS {
                let raw = RawPicture {
                    size: PixelSize::new(width, height),
                    layout,
                    colours,
                    stride: [None, Some(row)][random.usize(0..2)],
                    data: &data,
                };
                let expected = reference::converted(&raw);
                for converter in &mut converters {
                    let mut picture = I420::black(raw.even_size());
                    assert_eq!(converter.convert(&raw, &mut picture), Ok(()));
                    assert!(
                        picture == expected,
                        "{layout:?}, {colours:?}, {width}x{height}, {:?}",
                        raw.stride
                    );
                }
            }
        }
    }
}

#[test]
fn the_reference_is_within_one_of_what_the_standards_define() {
    let values = || (0..=255).step_by(15);
    let all = values().flat_map(|a| values().flat_map(move |b| values().map(move |c| [a, b, c])));
    let assert_near = |actual: [u8; 3], exact: [f64; 3], what: &str| {
        for (actual, exact) in actual.into_iter().zip(exact) {
            let error = f64::from(actual) - exact.clamp(0.0, 255.0);
            assert!(error.abs() < 1.0, "{what}: {actual} is not {exact}");
        }
    };
    for samples in all {
        let precise = samples.map(f64::from);
        for colours in MEANINGS {
            assert_near(
                reference::of_yuv(colours, samples),
                reference::exact(colours, precise),
                &format!("{colours:?} {samples:?}"),
            );
        }
        assert_near(
            reference::of_rgb(samples),
            reference::exact_rgb(precise.map(|value| value / 255.0)),
            &format!("RGB {samples:?}"),
        );
    }
}

#[test]
fn rows_in_planes_become_what_the_same_samples_become_in_other_layouts() {
    let mut random = fastrand::Rng::with_seed(2);
    for width in (2..=70).step_by(2) {
        let mut row = |length: usize| -> Vec<u8> { (0..length).map(|_| random.u8(..)).collect() };
        let [y, u, v] = [(); 3].map(|()| [row(width + 3), row(width + 3)]);
        let luma = || y.iter().flat_map(|row| &row[..width]).copied();
        let pixels = |step: usize| {
            let at = move |place: usize| (place / width, place % width);
            let places = (0..2 * width).step_by(step).map(at);
            places.map(move |(row, column)| (row, column, column / step))
        };
        let yuyv = pixels(2).flat_map(|(row, column, pair)| {
            let [first, second] = [y[row][column], y[row][column + 1]];
            [first, u[row][pair], second, v[row][pair]]
        });
        let yuv444 =
            pixels(1).flat_map(|(row, column, _)| [&y, &u, &v].map(|plane| plane[row][column]));
        let halves = [&u, &v].map(|plane| &plane[0][..width / 2]);
        for (chroma, layout, data) in [
            (PlanarChroma::None, RawLayout::Grey, luma().collect()),
            (
                PlanarChroma::Whole([
                    u.each_ref().map(Vec::as_slice),
                    v.each_ref().map(Vec::as_slice),
                ]),
                RawLayout::Yuv444,
                yuv444.collect::<Vec<_>>(),
            ),
            (
                PlanarChroma::Half([
                    u.each_ref().map(Vec::as_slice),
                    v.each_ref().map(Vec::as_slice),
                ]),
                RawLayout::Yuyv,
                yuyv.collect(),
            ),
            (
                PlanarChroma::Half([[&u[0]; 2], [&v[0]; 2]]),
                RawLayout::I420,
                luma().chain(halves.concat()).collect(),
            ),
        ] {
            for colours in MEANINGS {
                let raw = RawPicture {
                    size: PixelSize::new(u32::try_from(width).expect("small"), 2),
                    ..raw(layout, colours, &data)
                };
                let colours = match layout {
                    RawLayout::Grey => YuvColours::Bt709FullRange,
                    _ => colours,
                };
                let rows = PlanarRows {
                    y: y.each_ref().map(Vec::as_slice),
                    chroma,
                };
                let mut picture = I420::black(raw.size);
                Converter::new().convert_pair(&rows, colours, &mut picture, 0);
                assert!(
                    picture == reference::converted(&raw),
                    "{layout:?}, {colours:?}, {width}"
                );
            }
        }
    }
}
