//! Addresses and keys as people paste them: with quotation marks, invisible characters, labels and the command
//! they stood in.

use super::{
    Credentials, MAX_KEY_BYTES, MAX_URL_BYTES, Scheme, ServerUrl,
    error::{KeyError, UrlError},
    parse_scheme,
};
use crate::secret::Secret;

/// What a pasted text was split into. Where it was split can be undone by hand: both are fields of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastedAddress {
    /// For the server field, without user and password; [`ServerUrl::parse`] reads it.
    pub server: String,
    /// For the key field; `None` when the text was a server's address alone.
    pub key: Option<Secret>,
    /// User and password, where the address had them.
    pub credentials: Option<Credentials>,
}

/// Takes server and key out of what was pasted: one address, both on lines of their own with or without labels
/// ("Server: ... Stream key: ..."), or the command of another program.
///
/// One address is split at the last `/` before a `?`; the query stays with the key. With a single path segment
/// it is a server with its application and no key, as all platforms write it. The key is taken as it is,
/// percent signs included.
///
/// # Errors
/// When there is no server's address in it, in words for the person who pasted it.
pub fn split_paste(text: &str) -> Result<PastedAddress, UrlError> {
    if text.len() > MAX_PASTE_BYTES {
        return Err(UrlError::TooLong);
    }
    let text = tidied(text);
    let Some(found) = Found::within(&text) else {
        // Without a scheme there is no address: this says what is there instead.
        ServerUrl::parse(&text)?;
        return Err(UrlError::NotAnAddress);
    };
    let credentials = ServerUrl::parse(found.address)?.credentials;
    let address = without_user_info(found.address);
    let (server, last) = split_key(&address);
    let key = match found.key() {
        Some(key) if Some(key) == last => Some((server, key)),
        Some(key) => Some((address.as_str(), key)),
        None => last.map(|key| (server, key)),
    };
    let (server, key) = match key {
        Some((server, key)) => {
            let key = read_key(key).map_err(|error| match error {
                KeyError::TooLong => UrlError::TooLong,
                KeyError::ControlCharacter | KeyError::Address => UrlError::ControlCharacter,
            })?;
            (server, Some(key))
        }
        None => (address.as_str(), None),
    };
    Ok(PastedAddress {
        server: server.to_owned(),
        key,
        credentials,
    })
}

/// Reads a stream key. What came along when it was copied is left out: spaces and quotation marks around it,
/// invisible characters. It may be empty, and have any character within; percent signs mean themselves.
///
/// # Errors
/// When it cannot be one.
pub fn read_key(text: &str) -> Result<Secret, KeyError> {
    if text.len() > MAX_PASTE_BYTES {
        return Err(KeyError::TooLong);
    }
    let key = tidied(text);
    if key.len() > MAX_KEY_BYTES {
        return Err(KeyError::TooLong);
    }
    let scheme = key
        .split_once("://")
        .map(|(scheme, _)| parse_scheme(scheme));
    if matches!(scheme, Some(Ok(Scheme::Rtmp | Scheme::Rtmps))) {
        return Err(KeyError::Address);
    }
    if key.chars().any(char::is_control) {
        return Err(KeyError::ControlCharacter);
    }
    Ok(Secret::new(key))
}

/// One address without what came along when it was copied.
pub(super) fn tidy(text: &str) -> Result<String, UrlError> {
    if text.len() > MAX_PASTE_BYTES {
        return Err(UrlError::TooLong);
    }
    let text = tidied(text);
    match text.len() {
        0 => Err(UrlError::Empty),
        1..=MAX_URL_BYTES => Ok(text),
        _ => Err(UrlError::TooLong),
    }
}

/// An address in a text, and the lines around it.
struct Found<'a> {
    address: &'a str,
    /// What stands before it, and behind it on its own line: only labels make a key of these.
    around: [&'a str; 2],
    /// The lines below.
    below: &'a str,
}

impl<'a> Found<'a> {
    /// The first address of RTMP, else the first of any kind.
    fn within(text: &'a str) -> Option<Self> {
        let starts = || {
            text.match_indices("://")
                .map(|(at, _)| scheme_start(text, at))
        };
        let is_ours = |start: &usize| {
            let scheme = text[*start..].split("://").next().unwrap_or_default();
            parse_scheme(scheme).is_ok()
        };
        let start = starts().find(is_ours).or_else(|| starts().next())?;
        let (before, rest) = text.split_at(start);
        let (line, below) = rest.split_once(['\n', '\r']).unwrap_or((rest, ""));

        let beside = before.rsplit(['\n', '\r']).next().unwrap_or_default();
        let opening = beside.chars().last();
        let end = match opening.and_then(closing_quote) {
            Some(quote) => line.find(quote),
            None if beside.trim().is_empty() => None,
            None => line.find(char::is_whitespace),
        };
        let (address, behind) = line.split_at(end.unwrap_or(line.len()));
        Some(Self {
            address: address.trim(),
            around: [before, behind],
            below,
        })
    }

    /// The key, where it stands apart from the address.
    fn key(&self) -> Option<&'a str> {
        let [before, behind] = self.around;
        let mut below = self.below.split(['\n', '\r']).map(str::trim);
        labelled_key(self.below)
            .or_else(|| labelled_key(behind))
            .or_else(|| labelled_key(before))
            .or_else(|| below.find(|line| is_lone_key(line)))
    }
}

/// What follows a label such as "Stream key:", on its line or the next that is not empty.
fn labelled_key(text: &str) -> Option<&str> {
    let mut awaited = false;
    for line in text.split(['\n', '\r']).map(str::trim) {
        let (label, value) = match line.find([':', '=', '\t']) {
            Some(at) => (&line[..at], line[at + 1..].trim()),
            None => (line, ""),
        };
        if line.is_empty() {
            continue;
        }
        if is_key_label(label) {
            if !value.is_empty() {
                return Some(value);
            }
            awaited = true;
        } else if awaited {
            return Some(line);
        }
    }
    None
}

/// Whether these words announce a key.
fn is_key_label(label: &str) -> bool {
    let label = label.to_lowercase();
    let last = label
        .split(|c: char| !c.is_alphabetic())
        .rfind(|word| !word.is_empty());
    label.len() <= MAX_LABEL_BYTES && last.is_some_and(|word| KEY_WORDS.contains(&word))
}

/// Whether a line below an address is nothing but a key: neither another address, nor words, nor the next
/// argument of a command.
fn is_lone_key(line: &str) -> bool {
    !line.is_empty()
        && !line.contains(char::is_whitespace)
        && !line.contains("://")
        && !line.starts_with('-')
        && !line.ends_with([':', '\\'])
}

/// Where the scheme begins whose `://` is at `at`.
fn scheme_start(text: &str, at: usize) -> usize {
    text[..at]
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))
        .map_or(0, |before| text.ceil_char_boundary(before + 1))
}

/// Server and key of one address.
fn split_key(address: &str) -> (&str, Option<&str>) {
    let path_end = address.find('?').unwrap_or(address.len());
    let authority = address.find("://").map_or(0, |at| at + "://".len());
    let path = address
        .get(authority..path_end)
        .and_then(|rest| Some(authority + rest.find('/')?));
    let last = address[..path_end].rfind('/');
    match (path, last) {
        (Some(path), Some(last))
            if !address[path..last].trim_matches('/').is_empty() && last + 1 < address.len() =>
        {
            (&address[..last], Some(&address[last + 1..]))
        }
        _ => (address, None),
    }
}

fn without_user_info(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..authority].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[host..])
}

/// `text` without invisible characters, and without spaces and pairs of quotation marks around it.
fn tidied(text: &str) -> String {
    let mut visible = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let before = visible.chars().next_back();
        if !is_invisible(c) || is_joiner(before, c, characters.peek().copied()) {
            visible.push(c);
        }
    }
    let mut rest = visible.trim();
    while let Some(inner) = rest.chars().next().and_then(|first| {
        rest.strip_prefix(first)?
            .strip_suffix(closing_quote(first)?)
    }) {
        rest = inner.trim();
    }
    rest.to_owned()
}

/// The mark that ends what `mark` begins.
fn closing_quote(mark: char) -> Option<char> {
    Some(match mark {
        '"' | '\'' | '`' | '”' | '’' => mark,
        '“' => '”',
        '„' => '“',
        '‘' => '’',
        '«' => '»',
        '<' => '>',
        _ => return None,
    })
}

/// Characters that pages and messengers put into text to steer its layout: soft hyphen, zero-width spaces and
/// joiners, marks of writing direction, byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// Whether `c` holds together what is around it: the parts of an emoji, the letters of some scripts.
fn is_joiner(before: Option<char>, c: char, after: Option<char>) -> bool {
    let is_joined = |other: Option<char>| other.is_some_and(|c| !c.is_ascii() && !is_invisible(c));
    matches!(c, '\u{200c}' | '\u{200d}') && is_joined(before) && is_joined(after)
}

/// How labels of keys end.
const KEY_WORDS: [&str; 9] = [
    "key",
    "keys",
    "streamkey",
    "name",
    "playpath",
    "schlüssel",
    "streamschlüssel",
    "clé",
    "clave",
];
const MAX_LABEL_BYTES: usize = 48;

/// Far more than instructions with an address in them.
const MAX_PASTE_BYTES: usize = 64 * 1024;
