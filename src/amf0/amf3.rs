//! One value in AMF3, where AMF0 switches to it (3.1): what programs with `objectEncoding` 3 put into commands.
//!
//! Defined by Adobe's *Action Message Format, AMF 3* (2006); the section numbers below are its own. It is read
//! into what AMF0 knows, and never written. Its tables of references hold for the one value.

use super::{
    Value,
    read::{Amf0Error, Reader},
};

/// Reads the value behind AMF0's marker for it.
pub(super) fn value(reader: &mut Reader, depth: usize) -> Result<Value, Amf0Error> {
    let mut amf3 = Amf3 {
        reader,
        texts: Vec::new(),
        objects: Vec::new(),
        traits: Vec::new(),
        repeating: false,
    };
    amf3.value(depth)
}

/// Reads one value with all that is in it.
struct Amf3<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// Where each text stands, and how long it is (2.2).
    texts: Vec<(usize, usize)>,
    /// Where each value that may be referred to begins, at its marker.
    objects: Vec<usize>,
    /// The shapes of objects (3.12).
    traits: Vec<Traits>,
    /// Whether what is read was read before and is in the tables.
    repeating: bool,
}

/// What objects of one class have in common: where its names stand.
#[derive(Clone, Copy, Debug)]
struct Traits {
    begin: usize,
    names: usize,
    dynamic: bool,
}

impl Amf3<'_, '_> {
    fn value(&mut self, depth: usize) -> Result<Value, Amf0Error> {
        self.reader.begin_value(depth)?;
        let begin = self.reader.position();
        let [marker] = self.reader.array()?;
        Ok(match marker {
            marker::UNDEFINED => Value::Undefined,
            marker::NULL => Value::Null,
            marker::FALSE => Value::Boolean(false),
            marker::TRUE => Value::Boolean(true),
            marker::INTEGER => Value::Number(f64::from(self.integer()?)),
            marker::DOUBLE => Value::Number(f64::from_be_bytes(self.reader.array()?)),
            marker::STRING => Value::String(self.text()?),
            marker::XML_DOCUMENT
            | marker::DATE
            | marker::ARRAY
            | marker::OBJECT
            | marker::XML
            | marker::BYTE_ARRAY => {
                let head = match self.head()? {
                    Head::Reference(number) => return self.object_again(number, depth),
                    Head::Inline(head) => head,
                };
                if !self.repeating {
                    self.objects.push(begin);
                }
                match marker {
                    marker::DATE => Value::Date {
                        unix_millis: f64::from_be_bytes(self.reader.array()?),
                        time_zone: 0,
                    },
                    marker::ARRAY => self.array(head, depth)?,
                    marker::OBJECT => self.object(head, depth)?,
                    marker::BYTE_ARRAY => {
                        self.reader.skip(head)?;
                        Value::Unsupported
                    }
                    _ => Value::Xml(self.reader.text(head)?),
                }
            }
            other => return Err(Amf0Error::UnsupportedAmf3Marker(other)),
        })
    }

    /// Names and values, then values without names (3.11).
    fn array(&mut self, count: usize, depth: usize) -> Result<Value, Amf0Error> {
        let mut named = self.named_values(depth)?;
        let values = (0..count).map(|_| self.value(depth + 1));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        if named.is_empty() {
            return Ok(Value::StrictArray(values));
        }
        let numbered = values.into_iter().enumerate();
        named.extend(numbered.map(|(index, value)| (index.to_string(), value)));
        Ok(Value::EcmaArray(named))
    }

    /// The values of its class's names, then names and values of its own (3.12).
    fn object(&mut self, head: usize, depth: usize) -> Result<Value, Amf0Error> {
        let known = head & 1 == 0;
        let traits = if known {
            let number = head >> 1;
            let traits = self.traits.get(number).copied();
            traits.ok_or(Amf0Error::NoSuchReference(number_of(number)))?
        } else {
            if head & 0b10 != 0 {
                return Err(Amf0Error::Externalizable);
            }
            Traits {
                begin: self.reader.position(),
                names: head >> 3,
                dynamic: head & 0b100 != 0,
            }
        };
        let (class, names) = if known {
            self.again(traits.begin, |amf3| amf3.class_and_names(traits.names))?
        } else {
            self.class_and_names(traits.names)?
        };
        if !known && !self.repeating {
            self.traits.push(traits);
        }
        let mut properties = Vec::new();
        for name in names {
            properties.push((name, self.value(depth + 1)?));
        }
        if traits.dynamic {
            properties.extend(self.named_values(depth)?);
        }
        Ok(if class.is_empty() {
            Value::Object(properties)
        } else {
            Value::TypedObject { class, properties }
        })
    }

    fn class_and_names(&mut self, count: usize) -> Result<(String, Vec<String>), Amf0Error> {
        let class = self.text()?;
        // Each name is of a value that follows.
        self.reader.expect_values(count)?;
        let names = (0..count).map(|_| self.text());
        Ok((class, names.collect::<Result<_, _>>()?))
    }

    /// Names and values up to an empty name.
    fn named_values(&mut self, depth: usize) -> Result<Vec<(String, Value)>, Amf0Error> {
        let mut named = Vec::new();
        loop {
            let name = self.text()?;
            if name.is_empty() {
                return Ok(named);
            }
            named.push((name, self.value(depth + 1)?));
        }
    }

    fn object_again(&mut self, number: usize, depth: usize) -> Result<Value, Amf0Error> {
        let begin = self.objects.get(number).copied();
        let begin = begin.ok_or(Amf0Error::NoSuchReference(number_of(number)))?;
        // One level deeper, so that a value within itself comes to an end.
        self.again(begin, |amf3| amf3.value(depth + 1))
    }

    /// Text, or the number of one that was sent before (3.8).
    fn text(&mut self) -> Result<String, Amf0Error> {
        match self.head()? {
            Head::Reference(number) => {
                let text = self.texts.get(number).copied();
                let (begin, length) = text.ok_or(Amf0Error::NoSuchReference(number_of(number)))?;
                self.again(begin, |amf3| amf3.reader.text(length))
            }
            Head::Inline(length) => {
                // The empty text has no number.
                if length > 0 && !self.repeating {
                    self.texts.push((self.reader.position(), length));
                }
                self.reader.text(length)
            }
        }
    }

    /// Reads from `begin`, where everything is in the tables already, and then goes on here.
    fn again<T>(
        &mut self,
        begin: usize,
        read: impl FnOnce(&mut Self) -> Result<T, Amf0Error>,
    ) -> Result<T, Amf0Error> {
        let place = self.reader.turn_back(begin);
        let repeating = std::mem::replace(&mut self.repeating, true);
        let read = read(self);
        self.repeating = repeating;
        self.reader.go_on(place);
        read
    }

    /// What values with a length or a number begin with: the lowest bit says which.
    fn head(&mut self) -> Result<Head, Amf0Error> {
        let number = usize::try_from(self.unsigned()?).unwrap_or(usize::MAX);
        Ok(if number & 1 == 0 {
            Head::Reference(number >> 1)
        } else {
            Head::Inline(number >> 1)
        })
    }

    /// 29 bits with a sign (3.6).
    fn integer(&mut self) -> Result<i32, Amf0Error> {
        let unsigned = self.unsigned()?;
        Ok((unsigned << 3).cast_signed() >> 3)
    }

    /// 29 bits in up to four bytes: seven in each of the first three, eight in the last (1.3.1).
    fn unsigned(&mut self) -> Result<u32, Amf0Error> {
        let mut number = 0;
        for _ in 0..3 {
            let [byte] = self.reader.array()?;
            number = number << 7 | u32::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        let [byte] = self.reader.array()?;
        Ok(number << 8 | u32::from(byte))
    }
}

enum Head {
    /// It was sent before, as this number.
    Reference(usize),
    /// It follows; the number is about its length or form.
    Inline(usize),
}

/// A number of a reference, for an error: 29 bits fit.
fn number_of(reference: usize) -> u32 {
    u32::try_from(reference).unwrap_or(u32::MAX)
}

/// The bytes that values begin with (3.1).
mod marker {
    pub(super) const UNDEFINED: u8 = 0x00;
    pub(super) const NULL: u8 = 0x01;
    pub(super) const FALSE: u8 = 0x02;
    pub(super) const TRUE: u8 = 0x03;
    pub(super) const INTEGER: u8 = 0x04;
    pub(super) const DOUBLE: u8 = 0x05;
    pub(super) const STRING: u8 = 0x06;
    pub(super) const XML_DOCUMENT: u8 = 0x07;
    pub(super) const DATE: u8 = 0x08;
    pub(super) const ARRAY: u8 = 0x09;
    pub(super) const OBJECT: u8 = 0x0A;
    pub(super) const XML: u8 = 0x0B;
    pub(super) const BYTE_ARRAY: u8 = 0x0C;
}
