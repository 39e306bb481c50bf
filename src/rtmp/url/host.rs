//! Names, IP addresses and ports.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::{error::UrlError, punycode};

/// Host and port of `host`, `host:port` or `[address]:port`: the host as the system looks it up, without
/// brackets.
pub(super) fn parse(text: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(UrlError::InvalidIpv6)?;
        let host = parse_ipv6(host)?;
        if !port.is_empty() && !port.starts_with(':') {
            return Err(UrlError::InvalidIpv6);
        }
        (host, port.strip_prefix(':'))
    } else {
        if text.parse::<Ipv6Addr>().is_ok() {
            return Err(UrlError::InvalidIpv6);
        }
        match text.split_once(':') {
            Some((host, port)) => (parse_name(host)?, Some(port)),
            None => (parse_name(text)?, None),
        }
    };
    let port = match port {
        None | Some("") => None,
        Some(digits) => match digits.parse() {
            Ok(number @ 1..) if digits.bytes().all(|digit| digit.is_ascii_digit()) => Some(number),
            _ => return Err(UrlError::InvalidPort { host }),
        },
    };
    Ok((host, port))
}

/// Whether `text` is a server's name or address, with or without a port, rather than a word of another kind:
/// so plainly that it may be repeated.
pub(super) fn is_likely(text: &str) -> bool {
    let name = text.split_once(':').map_or(text, |(name, _)| name);
    let is_name = name.rsplit_once('.').is_some_and(|(_, last)| {
        (2..=MAX_TOP_LEVEL_LETTERS).contains(&last.len())
            && last.bytes().all(|letter| letter.is_ascii_lowercase())
    }) && name.bytes().all(|c| !c.is_ascii_uppercase());
    (is_name || name == "localhost" || name.parse::<Ipv4Addr>().is_ok()) && parse(text).is_ok()
}

fn parse_name(text: &str) -> Result<String, UrlError> {
    // The dot at the end of `example.org.` is DNS's own; certificates and virtual hosts go without.
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() {
        return Err(UrlError::NoHost);
    }
    let shown = || name.chars().filter(|c| !c.is_control()).take(64).collect();
    let invalid = || UrlError::InvalidHost { host: shown() };
    let labels: Option<Vec<String>> = name.split('.').map(parse_label).collect();
    let labels = labels.ok_or_else(invalid)?;
    let host = labels.join(".");
    if host.len() > MAX_HOST_BYTES {
        return Err(invalid());
    }
    let ends_in_number = labels
        .last()
        .is_some_and(|last| last.bytes().all(|digit| digit.is_ascii_digit()));
    if ends_in_number && host.parse::<Ipv4Addr>().is_err() {
        return Err(invalid());
    }
    Ok(host)
}

/// One part of a name as DNS knows it, if it can be one. Letters of any language are taken.
fn parse_label(label: &str) -> Option<String> {
    let small: String = label.chars().flat_map(char::to_lowercase).collect();
    if small.is_empty() || small.len() > MAX_HOST_BYTES || !small.chars().all(is_in_names) {
        return None;
    }
    let ascii = if small.is_ascii() {
        small
    } else {
        format!("xn--{}", punycode::encode(&small)?)
    };
    (ascii.len() <= MAX_LABEL_BYTES).then_some(ascii)
}

/// Whether names have such a character. Beyond ASCII that is left to DNS, but for what can only be a mistake:
/// spaces, dashes and quotation marks of typesetters.
fn is_in_names(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    }
    !c.is_whitespace()
        && !c.is_control()
        && !matches!(c, '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{301f}')
}

/// An IPv6 address in the form systems look up, its zone kept: `fe80::1%eth0`, in addresses also written
/// `fe80::1%25eth0` (RFC 6874, 2).
fn parse_ipv6(text: &str) -> Result<String, UrlError> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, zone.strip_prefix("25").unwrap_or(zone)),
        None => (text, ""),
    };
    let is_zone = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    if address.parse::<Ipv6Addr>().is_err()
        || zone.is_empty() == text.contains('%')
        || zone.len() > MAX_LABEL_BYTES
        || !zone.chars().all(is_zone)
    {
        return Err(UrlError::InvalidIpv6);
    }
    let address = address.to_ascii_lowercase();
    Ok(if zone.is_empty() {
        address
    } else {
        format!("{address}%{zone}")
    })
}

/// The longest name and the longest part of one that DNS knows (RFC 1035, 2.3.4).
const MAX_HOST_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// Longer than the last part of any server's name that a person would type without `rtmp://`.
const MAX_TOP_LEVEL_LETTERS: usize = 12;
