//! AMF0 values and their bytes: what RTMP commands and FLV metadata are written in.
//!
//! Defined by Adobe's *Action Message Format, AMF 0* (2007); the section numbers below are its own.
//! Whatever a peer sends, reading ends in a value or an error, within the limits at the end of this file.

use thiserror::Error;

/// One AMF0 value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A double (2.2).
    Number(f64),
    /// True or false (2.3).
    Boolean(bool),
    /// Text, short or long (2.4, 2.14). Bytes that are not UTF-8 are read as U+FFFD.
    String(String),
    /// Named values in the order of the wire (2.5).
    Object(Vec<(String, Self)>),
    /// Nothing, on purpose (2.7).
    Null,
    /// Nothing, by omission (2.8).
    Undefined,
    /// A complex value sent earlier in the same message, by its number (2.9). It is not looked up: no
    /// known server sends one.
    Reference(u16),
    /// Named values that came as an "associative array" (2.10).
    EcmaArray(Vec<(String, Self)>),
    /// Values in order (2.12).
    StrictArray(Vec<Self>),
    /// A point in time (2.13).
    Date {
        /// Milliseconds since 1970-01-01 UTC.
        unix_millis: f64,
        /// Minutes from UTC; reserved, should be 0.
        time_zone: i16,
    },
    /// A value the sender could not express (2.15).
    Unsupported,
    /// An XML document (2.17).
    Xml(String),
    /// An object with a class name (2.18).
    TypedObject {
        /// The sender's name for the class.
        class: String,
        /// Named values in the order of the wire.
        properties: Vec<(String, Self)>,
    },
}

impl Value {
    /// An object of `properties`.
    pub fn object<K: Into<String>>(properties: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Object(
            properties
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        )
    }

    /// The text, if this is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is a number.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The boolean, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    /// The named values of anything that has names: object, ECMA array, typed object.
    #[must_use]
    pub fn properties(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(properties)
            | Self::EcmaArray(properties)
            | Self::TypedObject { properties, .. } => Some(properties),
            _ => None,
        }
    }

    /// The value named `key`, if this has names and one of them is `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let (_, value) = self.properties()?.iter().find(|(name, _)| name == key)?;
        Some(value)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

/// Reads the values that `bytes` consist of, one after the other.
///
/// # Errors
/// When a value is cut off, of a kind that is not read, or beyond a limit.
pub fn read_values(bytes: &[u8]) -> Result<Vec<Value>, Amf0Error> {
    match read_leading_values(bytes) {
        (values, None) => Ok(values),
        (_, Some(error)) => Err(error),
    }
}

/// Reads values until the end of `bytes` or the first that cannot be read, and says why that one cannot.
///
/// For commands: some servers leave stray bytes behind the last argument.
#[must_use]
pub fn read_leading_values(bytes: &[u8]) -> (Vec<Value>, Option<Amf0Error>) {
    let mut reader = Reader {
        rest: bytes,
        values_left: MAX_VALUES,
    };
    let mut values = Vec::new();
    while !reader.rest.is_empty() {
        match reader.value(0) {
            Ok(value) => values.push(value),
            Err(error) => return (values, Some(error)),
        }
    }
    (values, None)
}

/// Appends `value` to `out`. Text longer than 65,535 bytes becomes a long string; a longer name is cut.
pub fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Number(number) => {
            out.push(marker::NUMBER);
            out.extend(number.to_be_bytes());
        }
        Value::Boolean(boolean) => out.extend([marker::BOOLEAN, u8::from(*boolean)]),
        Value::String(text) => match u16::try_from(text.len()) {
            Ok(_) => {
                out.push(marker::STRING);
                write_short_text(text, out);
            }
            Err(_) => write_long_text(marker::LONG_STRING, text, out),
        },
        Value::Object(properties) => {
            out.push(marker::OBJECT);
            write_properties(properties, out);
        }
        Value::Null => out.push(marker::NULL),
        Value::Undefined => out.push(marker::UNDEFINED),
        Value::Reference(number) => {
            out.push(marker::REFERENCE);
            out.extend(number.to_be_bytes());
        }
        Value::EcmaArray(properties) => {
            out.push(marker::ECMA_ARRAY);
            out.extend(count_of(properties.len()).to_be_bytes());
            write_properties(properties, out);
        }
        Value::StrictArray(values) => {
            out.push(marker::STRICT_ARRAY);
            out.extend(count_of(values.len()).to_be_bytes());
            for value in values {
                write_value(value, out);
            }
        }
        Value::Date {
            unix_millis,
            time_zone,
        } => {
            out.push(marker::DATE);
            out.extend(unix_millis.to_be_bytes());
            out.extend(time_zone.to_be_bytes());
        }
        Value::Unsupported => out.push(marker::UNSUPPORTED),
        Value::Xml(text) => write_long_text(marker::XML_DOCUMENT, text, out),
        Value::TypedObject { class, properties } => {
            out.push(marker::TYPED_OBJECT);
            write_short_text(class, out);
            write_properties(properties, out);
        }
    }
}

/// Why bytes are not AMF0 values.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Amf0Error {
    /// The bytes end within a value.
    #[error("an AMF0 value is cut off")]
    Truncated,
    /// A kind of value that is not read: movie clip, record set, AMF3, or none that AMF0 knows.
    #[error("AMF0 marker {0:#04x} is not supported")]
    UnsupportedMarker(u8),
    /// Objects and arrays within each other.
    #[error("AMF0 values are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// One text is too long.
    #[error("an AMF0 text of {0} bytes is longer than {MAX_TEXT_BYTES}")]
    TextTooLong(usize),
    /// Too many values in one message.
    #[error("more than {MAX_VALUES} AMF0 values in one message")]
    TooManyValues,
}

/// Objects and arrays within each other, at most.
pub const MAX_DEPTH: usize = 16;
/// Bytes in one text, at most.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// Values in one message, those within objects and arrays included, at most.
pub const MAX_VALUES: usize = 4096;

/// The bytes that values begin with (2.1).
mod marker {
    pub(super) const NUMBER: u8 = 0x00;
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const STRING: u8 = 0x02;
    pub(super) const OBJECT: u8 = 0x03;
    pub(super) const NULL: u8 = 0x05;
    pub(super) const UNDEFINED: u8 = 0x06;
    pub(super) const REFERENCE: u8 = 0x07;
    pub(super) const ECMA_ARRAY: u8 = 0x08;
    pub(super) const OBJECT_END: u8 = 0x09;
    pub(super) const STRICT_ARRAY: u8 = 0x0A;
    pub(super) const DATE: u8 = 0x0B;
    pub(super) const LONG_STRING: u8 = 0x0C;
    pub(super) const UNSUPPORTED: u8 = 0x0D;
    pub(super) const XML_DOCUMENT: u8 = 0x0F;
    pub(super) const TYPED_OBJECT: u8 = 0x10;
}

struct Reader<'a> {
    rest: &'a [u8],
    values_left: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, Amf0Error> {
        if depth > MAX_DEPTH {
            return Err(Amf0Error::TooDeep);
        }
        self.values_left = self
            .values_left
            .checked_sub(1)
            .ok_or(Amf0Error::TooManyValues)?;

        let [marker] = self.array()?;
        Ok(match marker {
            marker::NUMBER => Value::Number(f64::from_be_bytes(self.array()?)),
            marker::BOOLEAN => Value::Boolean(self.array::<1>()? != [0]),
            marker::STRING => Value::String(self.short_text()?),
            marker::OBJECT => Value::Object(self.properties(depth)?),
            marker::NULL => Value::Null,
            marker::UNDEFINED => Value::Undefined,
            marker::REFERENCE => Value::Reference(u16::from_be_bytes(self.array()?)),
            marker::ECMA_ARRAY => {
                // The count is a hint that writers get wrong; the end marker counts.
                self.array::<4>()?;
                Value::EcmaArray(self.properties(depth)?)
            }
            marker::STRICT_ARRAY => {
                let count = u32::from_be_bytes(self.array()?);
                // Nothing is reserved for a count that the bytes do not keep.
                let values = (0..count).map(|_| self.value(depth + 1));
                Value::StrictArray(values.collect::<Result<_, _>>()?)
            }
            marker::DATE => Value::Date {
                unix_millis: f64::from_be_bytes(self.array()?),
                time_zone: i16::from_be_bytes(self.array()?),
            },
            marker::LONG_STRING => Value::String(self.long_text()?),
            marker::UNSUPPORTED => Value::Unsupported,
            marker::XML_DOCUMENT => Value::Xml(self.long_text()?),
            marker::TYPED_OBJECT => Value::TypedObject {
                class: self.short_text()?,
                properties: self.properties(depth)?,
            },
            other => return Err(Amf0Error::UnsupportedMarker(other)),
        })
    }

    fn properties(&mut self, depth: usize) -> Result<Vec<(String, Value)>, Amf0Error> {
        let mut properties = Vec::new();
        loop {
            let name = self.short_text()?;
            // An empty name alone is a legal name; only with the end marker it is the end (2.11).
            if name.is_empty() && self.rest.first() == Some(&marker::OBJECT_END) {
                self.rest = &self.rest[1..];
                return Ok(properties);
            }
            properties.push((name, self.value(depth + 1)?));
        }
    }

    fn short_text(&mut self) -> Result<String, Amf0Error> {
        let length = u16::from_be_bytes(self.array()?);
        self.text(usize::from(length))
    }

    fn long_text(&mut self) -> Result<String, Amf0Error> {
        let length = u32::from_be_bytes(self.array()?);
        self.text(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn text(&mut self, length: usize) -> Result<String, Amf0Error> {
        if length > MAX_TEXT_BYTES {
            return Err(Amf0Error::TextTooLong(length));
        }
        let (text, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Amf0Error::Truncated)?;
        self.rest = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Amf0Error> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Amf0Error::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }
}

fn write_properties(properties: &[(String, Value)], out: &mut Vec<u8>) {
    for (name, value) in properties {
        write_short_text(name, out);
        write_value(value, out);
    }
    out.extend([0, 0, marker::OBJECT_END]);
}

fn write_short_text(text: &str, out: &mut Vec<u8>) {
    let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend(length.to_be_bytes());
    out.extend(text.as_bytes());
}

fn write_long_text(marker: u8, text: &str, out: &mut Vec<u8>) {
    out.push(marker);
    out.extend(count_of(text.len()).to_be_bytes());
    out.extend(text.as_bytes());
}

/// A length as AMF0 writes it. What this program sends is far below the limit.
fn count_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

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
            (Value::Reference(7), hex!("07 0007").into()),
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
        for marker in [0x04, 0x09, 0x0E, 0x11, 0xFF] {
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
    fn arbitrary_bytes_never_panic() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            // Small numbers are markers and lengths, so values nest.
            let bytes: Vec<u8> = (0..random.usize(..64)).map(|_| random.u8(..20)).collect();
            let (values, _) = read_leading_values(&bytes);
            let mut written = Vec::new();
            for value in &values {
                write_value(value, &mut written);
            }
            // By bytes: a number may be NaN.
            assert_eq!(
                read_values(&written).map(|values| values.len()),
                Ok(values.len())
            );
        }
    }
}
