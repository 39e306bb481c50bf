//! Further arguments of `connect`, as rtmpdump and librtmp write them behind `conn=`.
//!
//! | text | value |
//! |---|---|
//! | `B:1`, `B:0` | true, false |
//! | `N:1.5` | a number |
//! | `S:text` | text, which may be empty and have colons in it |
//! | `Z:` | null |
//! | `O:1` … `O:0` | an object with what stands between the two |
//! | `NB:name:1`, `NN:`, `NS:`, `NZ:`, `NO:` | the same within an object, each with its name |
//!
//! `O:1 NS:user:me NO:more:1 NN:age:7 O:0 O:0` is one object with another in it.

use thiserror::Error;

use crate::amf0::Value;

/// The values that `texts` stand for, in order.
///
/// # Errors
/// When one cannot be read, with its number and its type, but never with its value: that may be a password.
pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Vec<Value>, ConnectArgumentError> {
    let mut reader = Reader::default();
    for (index, text) in texts.iter().enumerate() {
        let number = index + 1;
        let wrong = |problem| ConnectArgumentError::Wrong { number, problem };
        if number > MAX_ARGUMENTS {
            return Err(ConnectArgumentError::TooMany);
        }
        let item = Item::parse(text.as_ref()).map_err(wrong)?;
        reader.take(item).map_err(wrong)?;
    }
    match reader.open.len() {
        0 => Ok(reader.done),
        objects => Err(ConnectArgumentError::Unfinished { objects }),
    }
}

/// Why texts do not describe arguments.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ConnectArgumentError {
    /// One of them is wrong.
    #[error("connect argument {number} {problem}")]
    Wrong {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        problem: Problem,
    },
    /// An object has no end.
    #[error("{objects} object(s) in the connect arguments have no end; close each O:1 with O:0")]
    Unfinished {
        /// How many.
        objects: usize,
    },
    /// There are more than any server asks for.
    #[error("there are more than {MAX_ARGUMENTS} connect arguments; leave some out")]
    TooMany,
}

/// What is wrong with one argument.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Problem {
    /// It has no type, or one that is not known.
    #[error("has no type that is known; begin it with B:, N:, S:, Z: or O:")]
    Type,
    /// A named one lacks the second colon.
    #[error("has no name and value; write it as NS:name:value")]
    Name,
    /// Neither 0 nor 1.
    #[error("is true or false but neither 1 nor 0; write B:1 or B:0")]
    Boolean,
    /// Not a number.
    #[error("is not a number; write it as N:12 or N:1.5")]
    Number,
    /// Null has no value.
    #[error("is null but has a value; write Z: alone")]
    Null,
    /// Neither beginning nor end of an object.
    #[error("is neither the beginning nor the end of an object; write O:1 or O:0")]
    Object,
    /// An end too many.
    #[error("ends an object that was not begun; leave it out, or write O:1 before")]
    NotBegun,
    /// A name where there is no object.
    #[error("has a name outside of an object; leave the name out, or write O:1 before")]
    NameOutside,
    /// No name where there is an object.
    #[error("has no name within an object; write it as NS:name:value, or O:0 before")]
    Nameless,
    /// Objects within each other.
    #[error("is an object within more than {MAX_DEPTH} others; use fewer")]
    TooDeep,
    /// Name or value is too long.
    #[error("is longer than {MAX_TEXT_BYTES} characters; shorten it")]
    TooLong,
}

/// Arguments, at most. Servers ask for one or two.
pub const MAX_ARGUMENTS: usize = 64;
/// Objects within each other, at most.
pub const MAX_DEPTH: usize = 8;
/// Bytes in one argument, at most.
pub const MAX_TEXT_BYTES: usize = 4096;

/// One argument.
struct Item<'a> {
    name: Option<&'a str>,
    content: Content,
}

enum Content {
    Value(Value),
    Begin,
    End,
}

impl<'a> Item<'a> {
    fn parse(text: &'a str) -> Result<Self, Problem> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Problem::TooLong);
        }
        let (kind, rest) = text.split_once(':').ok_or(Problem::Type)?;
        let (kind, name, value) = match kind.strip_prefix('N').filter(|kind| !kind.is_empty()) {
            None => (kind, None, rest),
            Some(kind) => {
                let (name, value) = rest.split_once(':').ok_or(Problem::Name)?;
                (kind, Some(name), value)
            }
        };
        let content = match (kind, value) {
            ("B", "0" | "1") => Content::Value(Value::Boolean(value == "1")),
            ("B", _) => return Err(Problem::Boolean),
            ("N", _) => match value.parse::<f64>() {
                Ok(number) if number.is_finite() => Content::Value(Value::Number(number)),
                _ => return Err(Problem::Number),
            },
            ("S", _) => Content::Value(Value::from(value)),
            ("Z", "") => Content::Value(Value::Null),
            ("Z", _) => return Err(Problem::Null),
            ("O", "1") => Content::Begin,
            ("O", "0") => Content::End,
            ("O", _) => return Err(Problem::Object),
            _ => return Err(Problem::Type),
        };
        Ok(Self { name, content })
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    done: Vec<Value>,
    /// Objects that have begun, each within the one before it.
    open: Vec<Object>,
}

struct Object {
    /// Its name in the object around it; empty in the outermost.
    name: String,
    properties: Vec<(String, Value)>,
}

impl Reader {
    fn take(&mut self, item: Item<'_>) -> Result<(), Problem> {
        if let Content::End = item.content {
            let Object { name, properties } = self.open.pop().ok_or(Problem::NotBegun)?;
            self.put(name, Value::Object(properties));
            return Ok(());
        }
        let name = match (item.name, self.open.is_empty()) {
            (Some(_), true) => return Err(Problem::NameOutside),
            (None, false) => return Err(Problem::Nameless),
            (name, _) => name.unwrap_or_default().to_owned(),
        };
        match item.content {
            Content::Value(value) => self.put(name, value),
            _ if self.open.len() == MAX_DEPTH => return Err(Problem::TooDeep),
            _ => self.open.push(Object {
                name,
                properties: Vec::new(),
            }),
        }
        Ok(())
    }

    fn put(&mut self, name: String, value: Value) {
        match self.open.last_mut() {
            Some(object) => object.properties.push((name, value)),
            None => self.done.push(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read() {
        assert_eq!(
            parse(&["B:1", "B:0", "N:1.5", "N:-2", "S:a:b c", "S:", "Z:"]),
            Ok(vec![
                Value::from(true),
                Value::from(false),
                Value::from(1.5),
                Value::from(-2.0),
                Value::from("a:b c"),
                Value::from(""),
                Value::Null,
            ])
        );
        assert_eq!(parse::<&str>(&[]), Ok(Vec::new()));
    }

    /// The example of rtmpdump's manual page, and more of the kind.
    #[test]
    fn objects_have_names_and_stand_within_each_other() {
        let texts = [
            "B:1",
            "S:authMe",
            "O:1",
            "NN:code:1.23",
            "NS:flag:ok",
            "NO:deep:1",
            "NB:on:1",
            "NZ:nothing:",
            "O:0",
            "O:0",
            "O:1",
            "NO:empty:1",
            "NO::0",
            "O:0",
            "N:7",
        ];
        let deep = Value::object([("on", Value::from(true)), ("nothing", Value::Null)]);
        let empty = Value::Object(Vec::new());
        assert_eq!(
            parse(&texts),
            Ok(vec![
                Value::from(true),
                Value::from("authMe"),
                Value::object([
                    ("code", Value::from(1.23)),
                    ("flag", Value::from("ok")),
                    ("deep", deep)
                ]),
                Value::object([("empty", empty)]),
                Value::from(7.0),
            ])
        );
    }

    #[test]
    fn what_is_wrong_is_told_by_number_and_kind() {
        for (texts, told) in [
            (&["Z:", "1"][..], "connect argument 2 has no type"),
            (&["X:1"], "connect argument 1 has no type"),
            (&["NX:a:1"], "connect argument 1 has no type"),
            (&["BB:1"], "connect argument 1 has no type"),
            (&["O:1", "NS:name"], "argument 2 has no name and value"),
            (&["B:yes"], "neither 1 nor 0"),
            (&["N:one"], "not a number"),
            (&["N:inf"], "not a number"),
            (&["N:"], "not a number"),
            (&["Z:0"], "is null but has a value"),
            (&["O:"], "neither the beginning nor the end"),
            (&["O:0"], "ends an object that was not begun"),
            (&["NS:a:b"], "outside of an object"),
            (&["O:1", "S:b"], "no name within an object"),
            (&["O:1", "O:1"], "no name within an object"),
            (
                &["O:1", "NO:a:1", "O:0"],
                "1 object(s) in the connect arguments have no end",
            ),
        ] {
            let message = parse(texts).unwrap_err().to_string();
            assert!(message.contains(told), "{texts:?}: {message}");
        }
    }

    #[test]
    fn too_much_of_anything_is_refused() {
        let wrong = |number, problem| Err(ConnectArgumentError::Wrong { number, problem });
        let mut deep = vec!["O:1"];
        deep.resize(MAX_DEPTH, "NO:a:1");
        let ends = ["O:0"; MAX_DEPTH];
        assert!(parse(&[&deep[..], &ends].concat()).is_ok());
        deep.push("NO:a:1");
        assert_eq!(parse(&deep), wrong(MAX_DEPTH + 1, Problem::TooDeep));

        assert!(parse(&["Z:"; MAX_ARGUMENTS]).is_ok());
        let many = ["Z:"; MAX_ARGUMENTS + 1];
        assert_eq!(parse(&many), Err(ConnectArgumentError::TooMany));

        let long = format!("S:{}", "x".repeat(MAX_TEXT_BYTES));
        assert_eq!(parse(&[long]), wrong(1, Problem::TooLong));
    }

    #[test]
    fn no_message_repeats_a_value() {
        const TOKEN: &str = "s3cretTOKEN";
        for kind in [
            "", "S", "B:", "N:", "Z:", "O:", "X:", "NS:", "NB:", "NB:x:", "NX:a:",
        ] {
            let error = parse(&[format!("{kind}{TOKEN}")]).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(TOKEN), "{error}");
        }
    }

    #[test]
    fn arbitrary_arguments_never_panic() {
        const PIECES: [&str; 12] = [
            "B:1", "N:1", "S:é", "Z:", "O:1", "O:0", "NO:a:1", "NS:a:b", ":", "N", "", "NZ::",
        ];
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let texts: Vec<_> = (0..random.usize(..20))
                .map(|_| PIECES[random.usize(..PIECES.len())])
                .collect();
            let _ = parse(&texts);
        }
    }
}
