//! Reading AMF0, within limits.
//!
//! References (2.9) are looked up: a value that was sent before is read again from where it stands. Each value
//! read so counts like any other, so a few bytes cannot become many values.

use thiserror::Error;

use super::{Value, amf3, marker};

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
    let mut reader = Reader::new(bytes);
    let mut values = Vec::new();
    while reader.at < bytes.len() {
        match reader.value(0) {
            Ok(value) => values.push(value),
            Err(error) => return (values, Some(error)),
        }
    }
    (values, None)
}

/// Reads values forward.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    values_left: usize,
    /// Where each value that may be referred to begins, behind its marker, and which marker that is.
    referable: Vec<(u8, usize)>,
    /// Whether what is read was read before.
    repeating: bool,
    repeated_left: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            values_left: MAX_VALUES,
            referable: Vec::new(),
            repeating: false,
            repeated_left: MAX_REPEATED_BYTES,
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Amf0Error> {
        self.begin_value(depth)?;
        let [marker] = self.array()?;
        if marker == marker::REFERENCE {
            let number = u16::from_be_bytes(self.array()?);
            let &(marker, begin) = self
                .referable
                .get(usize::from(number))
                .ok_or(Amf0Error::NoSuchReference(number.into()))?;
            let place = self.turn_back(begin);
            let value = self.value_of(marker, depth);
            self.go_on(place);
            return value;
        }
        if !self.repeating && is_referable(marker) {
            self.referable.push((marker, self.at));
        }
        self.value_of(marker, depth)
    }

    /// The value behind its marker.
    fn value_of(&mut self, marker: u8, depth: usize) -> Result<Value, Amf0Error> {
        Ok(match marker {
            marker::NUMBER => Value::Number(f64::from_be_bytes(self.array()?)),
            marker::BOOLEAN => Value::Boolean(self.array::<1>()? != [0]),
            marker::STRING => Value::String(self.short_text()?),
            marker::OBJECT => Value::Object(self.properties(depth)?),
            marker::NULL => Value::Null,
            marker::UNDEFINED => Value::Undefined,
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
            marker::AMF3 => amf3::value(self, depth + 1)?,
            other => return Err(Amf0Error::UnsupportedMarker(other)),
        })
    }

    fn properties(&mut self, depth: usize) -> Result<Vec<(String, Value)>, Amf0Error> {
        let mut properties = Vec::new();
        loop {
            let name = self.short_text()?;
            // An empty name alone is a legal name; only with the end marker it is the end (2.11).
            if name.is_empty() && self.bytes.get(self.at) == Some(&marker::OBJECT_END) {
                self.at += 1;
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
}

/// What AMF3 reads with too.
impl Reader<'_> {
    /// Counts a value before it is read.
    pub(super) fn begin_value(&mut self, depth: usize) -> Result<(), Amf0Error> {
        if depth > MAX_DEPTH {
            return Err(Amf0Error::TooDeep);
        }
        self.values_left = self
            .values_left
            .checked_sub(1)
            .ok_or(Amf0Error::TooManyValues)?;
        Ok(())
    }

    /// Where the next byte stands.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Whether that many values may follow.
    pub(super) fn expect_values(&self, count: usize) -> Result<(), Amf0Error> {
        if count > self.values_left {
            return Err(Amf0Error::TooManyValues);
        }
        Ok(())
    }

    /// Goes to `begin`, which was read before; gives what [`Self::go_on`] takes.
    pub(super) fn turn_back(&mut self, begin: usize) -> Place {
        Place {
            at: std::mem::replace(&mut self.at, begin),
            repeating: std::mem::replace(&mut self.repeating, true),
        }
    }

    /// Returns to where [`Self::turn_back`] left.
    pub(super) fn go_on(&mut self, place: Place) {
        self.at = place.at;
        self.repeating = place.repeating;
    }

    /// Text of `length` bytes. What is not UTF-8 becomes U+FFFD.
    pub(super) fn text(&mut self, length: usize) -> Result<String, Amf0Error> {
        let text = self.slice(length)?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Steps over `length` bytes that nobody needs.
    pub(super) fn skip(&mut self, length: usize) -> Result<(), Amf0Error> {
        self.slice(length).map(drop)
    }

    fn slice(&mut self, length: usize) -> Result<&[u8], Amf0Error> {
        if length > MAX_TEXT_BYTES {
            return Err(Amf0Error::TextTooLong(length));
        }
        if self.repeating {
            self.repeated_left = self
                .repeated_left
                .checked_sub(length)
                .ok_or(Amf0Error::TooMuchRepeated)?;
        }
        let slice = self.bytes[self.at..]
            .get(..length)
            .ok_or(Amf0Error::Truncated)?;
        self.at += length;
        Ok(slice)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Amf0Error> {
        let array = *self.bytes[self.at..]
            .first_chunk()
            .ok_or(Amf0Error::Truncated)?;
        self.at += N;
        Ok(array)
    }
}

/// Where reading was before it turned back.
#[derive(Clone, Copy)]
pub(super) struct Place {
    at: usize,
    repeating: bool,
}

/// Whether values behind this marker have numbers for references (2.9).
fn is_referable(marker: u8) -> bool {
    matches!(
        marker,
        marker::OBJECT | marker::ECMA_ARRAY | marker::STRICT_ARRAY | marker::TYPED_OBJECT
    )
}

/// Why bytes are not AMF0 values.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Amf0Error {
    /// The bytes end within a value.
    #[error("an AMF0 value is cut off")]
    Truncated,
    /// A kind of value that is not read: movie clip, record set, or none that AMF0 knows.
    #[error("AMF0 marker {0:#04x} is not supported")]
    UnsupportedMarker(u8),
    /// A kind of value in AMF3 that is not read: a vector, a dictionary, or none that AMF3 knows.
    #[error("AMF3 marker {0:#04x} is not supported")]
    UnsupportedAmf3Marker(u8),
    /// An object in AMF3 whose bytes only its own class can read.
    #[error("an AMF3 object writes itself in a way of its own")]
    Externalizable,
    /// A reference to something that was not sent before.
    #[error("an AMF reference to number {0} refers to nothing")]
    NoSuchReference(u32),
    /// References that repeat too much.
    #[error("AMF references repeat more than {MAX_REPEATED_BYTES} bytes of text")]
    TooMuchRepeated,
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
/// Bytes of text in one message that come from references to what was sent before, at most.
pub const MAX_REPEATED_BYTES: usize = 1024 * 1024;
