use hex_literal::hex;
use proptest::{collection::vec, prelude::*};

use super::{read::*, testing::any_value, *};

fn cases() -> Vec<(Value, Vec<u8>)> {
    vec![
        (Value::Number(4.0), hex!("00 4010000000000000").into()),
        (Value::Boolean(true), hex!("01 01").into()),
        (Value::from("live"), hex!("02 0004 6C697665").into()),
        (
            Value::object([("app", Value::from("a")), ("x", Value::Null)]),
            hex!("03 0003 617070 02 0001 61 0001 78 05 0000 09").into(),
        ),
        (Value::Null, hex!("05").into()),
        (Value::Undefined, hex!("06").into()),
        (
            Value::EcmaArray(vec![("w".into(), Value::Number(0.0))]),
            hex!("08 00000001 0001 77 00 0000000000000000 0000 09").into(),
        ),
        (
            Value::StrictArray(vec![Value::Null, Value::from("")]),
            hex!("0A 00000002 05 02 0000").into(),
        ),
        (
            Value::Date {
                unix_millis: 0.0,
                time_zone: -60,
            },
            hex!("0B 0000000000000000 FFC4").into(),
        ),
        (Value::Unsupported, hex!("0D").into()),
        (
            Value::Xml("<a/>".into()),
            hex!("0F 00000004 3C612F3E").into(),
        ),
        (
            Value::TypedObject {
                class: "C".into(),
                properties: vec![(String::new(), Value::Boolean(false))],
            },
            hex!("10 0001 43 0000 01 00 0000 09").into(),
        ),
        (Value::String("x".repeat(65_536)), {
            let mut bytes = hex!("0C 00010000").to_vec();
            bytes.resize(5 + 65_536, b'x');
            bytes
        }),
    ]
}

#[test]
fn every_kind_of_value_is_written_and_read_back() {
    for (value, wire) in cases() {
        let mut written = Vec::new();
        write_value(&value, &mut written);
        assert_eq!(written, wire, "{value:?}");
        assert_eq!(read_values(&wire), Ok(vec![value]));
    }
}

#[test]
fn a_value_cut_off_anywhere_is_an_error() {
    for (value, wire) in cases() {
        if wire.len() > 100 {
            continue; // the long text, cut off at 65,541 places, shows nothing new
        }
        for length in 1..wire.len() {
            assert_eq!(
                read_values(&wire[..length]),
                Err(Amf0Error::Truncated),
                "{value:?} cut at {length}"
            );
        }
    }
}

#[test]
fn the_count_of_an_ecma_array_is_only_a_hint() {
    let wire = hex!("08 FFFFFFFF 0001 77 01 01 0000 09");
    let values = read_values(&wire).unwrap();
    assert_eq!(values[0].get("w"), Some(&Value::Boolean(true)));
    assert_eq!(values[0].get("h"), None);
}

#[test]
fn kinds_that_are_not_read_are_named() {
    // Movie clip, end of object, record set.
    for marker in [0x04, 0x09, 0x0E, 0x12, 0xFF] {
        assert_eq!(
            read_values(&[marker, 0, 0, 0, 0]),
            Err(Amf0Error::UnsupportedMarker(marker))
        );
    }
}

#[test]
fn stray_bytes_behind_a_command_do_not_hide_it() {
    let (values, error) = read_leading_values(&hex!("05 00 00 09"));
    assert_eq!(values, [Value::Null]);
    assert_eq!(error, Some(Amf0Error::Truncated));
}

#[test]
fn hostile_depths_lengths_and_counts_are_refused() {
    let deep = hex!("0A 00000001").repeat(100_000);
    assert_eq!(read_values(&deep), Err(Amf0Error::TooDeep));

    let deep_object = hex!("03 0001 61").repeat(100_000);
    assert_eq!(read_values(&deep_object), Err(Amf0Error::TooDeep));

    assert_eq!(
        read_values(&hex!("0C FFFFFFFF")),
        Err(Amf0Error::TextTooLong(0xFFFF_FFFF))
    );
    assert_eq!(read_values(&hex!("0A FFFFFFFF")), Err(Amf0Error::Truncated));
    assert_eq!(
        read_values(&[marker::NULL; MAX_VALUES + 1]),
        Err(Amf0Error::TooManyValues)
    );
    assert_eq!(
        read_values(&[marker::NULL; MAX_VALUES]).map(|values| values.len()),
        Ok(MAX_VALUES)
    );
}

#[test]
fn text_that_is_not_utf8_is_still_read() {
    let values = read_values(&hex!("02 0002 E961")).unwrap();
    assert_eq!(values[0].as_str(), Some("\u{FFFD}a"));
}

#[test]
fn a_reference_gives_the_value_that_was_sent_before() {
    // {a: 1}, [true], then the first, the second, and an object that holds the first.
    let values = read_values(&hex!(
        "03 0001 61 00 3FF0000000000000 0000 09"
        "0A 00000001 01 01"
        "07 0000  07 0001  08 00000000 0001 62 07 0000 0000 09  07 0002"
    ))
    .unwrap();
    assert_eq!(values[2], values[0]);
    assert_eq!(values[3], values[1]);
    assert_eq!(values[4].get("b"), Some(&values[0]));
    assert_eq!(values[5], values[4]);
}

#[test]
fn references_are_counted_from_the_begin_of_values_within_values_too() {
    // {a: {b: {}}}, then the innermost.
    let values = read_values(&hex!(
        "03 0001 61 03 0001 62 03 000009 000009 000009  07 0002  07 0003"
    ));
    assert_eq!(values, Err(Amf0Error::NoSuchReference(3)));
    let values = read_values(&hex!(
        "03 0001 61 03 0001 62 03 000009 000009 000009  07 0002"
    ));
    assert_eq!(values.unwrap()[1], Value::Object(vec![]));
}

#[test]
fn references_in_circles_and_to_nothing_are_refused() {
    assert_eq!(
        read_values(&hex!("03 0001 61 07 0000 0000 09")),
        Err(Amf0Error::TooDeep)
    );
    assert_eq!(
        read_values(&hex!("05 07 0000")),
        Err(Amf0Error::NoSuchReference(0))
    );
    let (values, error) = read_leading_values(&hex!("02 0001 61 07 0009"));
    assert_eq!(values, [Value::from("a")]);
    assert_eq!(error, Some(Amf0Error::NoSuchReference(9)));
}

#[test]
fn references_upon_references_do_not_grow_without_limit() {
    // Each array holds the one before it ten times: 10^12 values, if they were all read.
    let mut wire = hex!("0A 00000001 05").to_vec();
    for number in 0..12 {
        wire.extend(hex!("0A 0000000A"));
        wire.extend([&[7, 0, number][..]; 10].concat());
    }
    assert_eq!(read_values(&wire), Err(Amf0Error::TooManyValues));

    // A long text again and again.
    let mut wire = hex!("0A 00000001 0C 00040000").to_vec();
    wire.resize(wire.len() + MAX_TEXT_BYTES, b'x');
    let four = [wire.clone(), hex!("07 0000").repeat(4)].concat();
    assert_eq!(read_values(&four).map(|values| values.len()), Ok(5));
    let five = [wire, hex!("07 0000").repeat(5)].concat();
    assert_eq!(read_values(&five), Err(Amf0Error::TooMuchRepeated));
}

/// What stands behind AMF0's marker for AMF3.
fn amf3(wire: &[u8]) -> Result<Value, Amf0Error> {
    let mut values = read_values(&[&[marker::AMF3], wire].concat())?;
    assert_eq!(values.len(), 1, "{values:?}");
    Ok(values.remove(0))
}

#[test]
fn simple_values_in_amf3_are_read() {
    for (wire, value) in [
        (&hex!("00")[..], Value::Undefined),
        (&hex!("01"), Value::Null),
        (&hex!("02"), Value::Boolean(false)),
        (&hex!("03"), Value::Boolean(true)),
        (&hex!("04 7F"), Value::Number(127.0)),
        (&hex!("04 8100"), Value::Number(128.0)),
        (&hex!("04 BFFFFFFF"), Value::Number(268_435_455.0)),
        (&hex!("04 FFFFFFFF"), Value::Number(-1.0)),
        (&hex!("04 C0808000"), Value::Number(-268_435_456.0)),
        (&hex!("05 3FF8000000000000"), Value::Number(1.5)),
        (&hex!("06 01"), Value::from("")),
        (&hex!("06 09 6C697665"), Value::from("live")),
        (
            &hex!("08 01 0000000000000000"),
            Value::Date {
                unix_millis: 0.0,
                time_zone: 0,
            },
        ),
        (&hex!("07 09 3C612F3E"), Value::Xml("<a/>".into())),
        (&hex!("0B 09 3C612F3E"), Value::Xml("<a/>".into())),
        (&hex!("0C 05 ABCD"), Value::Unsupported),
        (
            &hex!("09 05 01 03 02"),
            Value::StrictArray(vec![Value::Boolean(true), Value::Boolean(false)]),
        ),
        (
            &hex!("09 03 03 61 03 01 02"),
            Value::EcmaArray(vec![
                ("a".into(), Value::Boolean(true)),
                ("0".into(), Value::Boolean(false)),
            ]),
        ),
    ] {
        assert_eq!(amf3(wire), Ok(value), "{wire:x?}");
        for length in 0..wire.len() {
            assert_eq!(amf3(&wire[..length]), Err(Amf0Error::Truncated));
        }
    }
}

#[test]
fn objects_in_amf3_have_names_of_their_class_and_of_their_own() {
    // One sealed name "a" of class "C", and "b" of its own.
    let wire = hex!("0A 1B 03 43 03 61 04 01 03 62 06 03 78 01");
    let expected = Value::TypedObject {
        class: "C".into(),
        properties: vec![
            ("a".into(), Value::Number(1.0)),
            ("b".into(), Value::from("x")),
        ],
    };
    assert_eq!(amf3(&wire), Ok(expected));
    // Without class: an object like any other.
    assert_eq!(
        amf3(&hex!("0A 0B 01 03 61 03 01")),
        Ok(Value::object(
            [("a", true)].map(|(name, yes)| (name, Value::from(yes)))
        ))
    );
}

#[test]
fn references_in_amf3_are_looked_up() {
    // An array of: an object of class "C" with "a"; another of the same class, its text by number; the
    // first object by number; and a date, twice.
    let wire = hex!(
        "09 0B 01"
        "0A 13 03 43 03 61 06 05 6869"
        "0A 01 06 04"
        "0A 02"
        "08 01 0000000000000000  08 06"
    );
    let value = amf3(&wire).unwrap();
    let Value::StrictArray(values) = value else {
        panic!("{value:?}");
    };
    assert_eq!(values[0].get("a"), Some(&Value::from("hi")));
    assert_eq!(values[1], values[0]);
    assert_eq!(values[2], values[0]);
    assert_eq!(values[4], values[3]);
}

#[test]
fn amf0_goes_on_behind_a_value_in_amf3() {
    let values = read_values(&hex!(
        "02 0001 61 11 0A 0B 01 03 62 03 01 00 3FF0000000000000"
    ));
    let object = Value::object([("b", Value::Boolean(true))]);
    assert_eq!(
        values,
        Ok(vec![Value::from("a"), object, Value::Number(1.0)])
    );
}

#[test]
fn hostile_amf3_is_refused() {
    for marker in [0x0D, 0x11, 0xFF] {
        assert_eq!(
            amf3(&[marker, 1, 1]),
            Err(Amf0Error::UnsupportedAmf3Marker(marker))
        );
    }
    assert_eq!(amf3(&hex!("0A 07 01")), Err(Amf0Error::Externalizable));
    for nothing in [&hex!("06 00")[..], &hex!("0A 00"), &hex!("0A 01")] {
        assert_eq!(amf3(nothing), Err(Amf0Error::NoSuchReference(0)));
    }
    assert_eq!(amf3(&hex!("09 03 01 09 00")), Err(Amf0Error::TooDeep));
    assert_eq!(
        amf3(&hex!("09 03 01").repeat(1000)),
        Err(Amf0Error::TooDeep)
    );
    assert_eq!(
        amf3(&hex!("06 FFFFFFFF")),
        Err(Amf0Error::TextTooLong(0x0FFF_FFFF))
    );
    assert_eq!(amf3(&hex!("09 FFFFFFFF 01")), Err(Amf0Error::Truncated));
    // 4,096 names without values.
    let mut names = hex!("0A 848003 01").to_vec();
    names.extend([1; 5000]);
    assert_eq!(amf3(&names), Err(Amf0Error::TooManyValues));
    // A long text again and again.
    let mut again = hex!("09 11 01 06 A08001").to_vec();
    again.resize(again.len() + MAX_TEXT_BYTES, b'x');
    again.extend(hex!("06 00").repeat(7));
    assert_eq!(amf3(&again), Err(Amf0Error::TooMuchRepeated));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_values_are_read_as_they_were_written(values in vec(any_value(), 0..4)) {
        let mut wire = Vec::new();
        for value in &values {
            write_value(value, &mut wire);
        }
        prop_assert_eq!(read_values(&wire), Ok(values));
    }

    #[test]
    fn arbitrary_bytes_are_values_or_an_error_and_never_more_than_allowed(
        // Small numbers are markers and lengths, so values nest and refer to each other.
        bytes in vec(0..20_u8, 0..200),
    ) {
        let (values, _) = read_leading_values(&bytes);
        prop_assert!(values.iter().map(count).sum::<usize>() <= MAX_VALUES);
        let mut written = Vec::new();
        for value in &values {
            write_value(value, &mut written);
        }
        // By number: one may be NaN.
        prop_assert_eq!(read_values(&written).map(|read| read.len()), Ok(values.len()));
    }
}

fn count(value: &Value) -> usize {
    let within = match value {
        Value::StrictArray(values) => values.iter().map(count).sum(),
        _ => value
            .properties()
            .unwrap_or_default()
            .iter()
            .map(|(_, value)| count(value))
            .sum::<usize>(),
    };
    1 + within
}
