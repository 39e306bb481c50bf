//! AMF0 values and their bytes: what RTMP commands and FLV metadata are written in.
//!
//! Defined by Adobe's *Action Message Format, AMF 0* (2007); the section numbers below are its own.
//! Whatever a peer sends, reading ends in a value or an error, within the limits of [`read`].

mod amf3;
pub mod read;

pub use self::read::{Amf0Error, read_leading_values, read_values};

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
    /// A value the sender could not express (2.15), or bytes in AMF3, which AMF0 cannot express.
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
    pub(super) const AMF3: u8 = 0x11;
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
pub(crate) mod testing;
#[cfg(test)]
mod tests;
