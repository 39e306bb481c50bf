//! Server addresses, and splitting what people paste.
//!
//! Errors name what was typed only as far as it cannot be a key: scheme, host, port.

use core::net::Ipv6Addr;
use std::fmt;

use thiserror::Error;

use crate::secret::Secret;

/// Where a server is and which application on it: `rtmp://host:port/app`.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// Plain or through TLS.
    pub scheme: Scheme,
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// Path and query without the first and the last slash; may be empty.
    pub app: String,
    /// User and password, where the address has them.
    pub credentials: Option<Credentials>,
    port_was_given: bool,
}

/// How the connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain TCP.
    Rtmp,
    /// TLS from the first byte.
    Rtmps,
}

impl Scheme {
    /// The port where an address names none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Rtmp => 1935,
            Self::Rtmps => 443,
        }
    }

    /// As it stands before `://`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
        }
    }
}

/// A user and a password that stood before the host, percent-decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password; may be empty.
    pub password: Secret,
}

impl ServerUrl {
    /// Reads a server's address.
    ///
    /// # Errors
    /// When it is none, in words for the person who typed it.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        if text.len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(without_scheme(text));
        };
        let scheme = parse_scheme(scheme)?;

        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (credentials, host_and_port) = match authority.rsplit_once('@') {
            Some((user_info, rest)) => (Some(parse_credentials(user_info)), rest),
            None => (None, authority),
        };
        let (host, port) = parse_host_and_port(host_and_port)?;
        if path.chars().any(char::is_control) {
            return Err(UrlError::ControlCharacter);
        }
        let app = path.strip_prefix('/').unwrap_or(path);
        Ok(Self {
            scheme,
            host,
            port: port.unwrap_or_else(|| scheme.default_port()),
            app: app.strip_suffix('/').unwrap_or(app).to_owned(),
            credentials,
            port_was_given: port.is_some(),
        })
    }

    /// The address as `connect` tells it to the server: without user and password, the port only where it was
    /// given.
    #[must_use]
    pub fn tc_url(&self) -> String {
        format!("{}/{}", self.origin(), self.app)
    }

    /// Scheme, host and port: what may be shown and logged.
    #[must_use]
    pub fn origin(&self) -> String {
        let Self { scheme, host, .. } = self;
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        let mut origin = format!("{}://{host}", scheme.name());
        if self.port_was_given {
            origin = format!("{origin}:{}", self.port);
        }
        origin
    }
}

impl fmt::Debug for ServerUrl {
    /// The path is left out: people paste whole addresses, key and all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.origin())
    }
}

/// What a pasted text was split into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastedAddress {
    /// For the server field; [`ServerUrl::parse`] reads it.
    pub server: String,
    /// For the key field; `None` when the text was a server's address alone.
    pub key: Option<Secret>,
}

/// Splits one pasted address into server and key: at the last `/` before a `?`; the query stays with the key.
///
/// An address with a single path segment is a server with its application and no key, as all platforms write
/// it. The key is taken as it is, percent signs included.
///
/// # Errors
/// When it does not begin with a server's address, in words for the person who pasted it.
pub fn split_paste(text: &str) -> Result<PastedAddress, UrlError> {
    let text = text.trim();
    ServerUrl::parse(text)?;
    let whole = || PastedAddress {
        server: text.to_owned(),
        key: None,
    };

    let path_end = text.find('?').unwrap_or(text.len());
    let authority = text.find("://").map_or(0, |at| at + "://".len());
    let Some(path) = text
        .get(authority..path_end)
        .and_then(|rest| rest.find('/'))
    else {
        return Ok(whole());
    };
    let path = authority + path;
    Ok(match text[..path_end].rfind('/') {
        Some(last) if last > path && last + 1 < text.len() => PastedAddress {
            server: text[..last].to_owned(),
            key: Some(Secret::new(&text[last + 1..])),
        },
        _ => whole(),
    })
}

/// Why a text is not a server's address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UrlError {
    /// Nothing was given.
    #[error("the server address is empty; enter one such as rtmp://example.org/live")]
    Empty,
    /// It cannot be an address.
    #[error("the server address is longer than {MAX_URL_BYTES} characters; check what was pasted")]
    TooLong,
    /// It is one word such as platforms give out as keys.
    #[error(
        "the server address looks like a stream key; put it into the key field and enter an address such as rtmp://example.org/live here"
    )]
    BareKey,
    /// It names a host but not how to reach it.
    #[error("\"{host}/…\" does not say how to connect; write rtmp://{host}/… or rtmps://{host}/…")]
    NoScheme {
        /// What stands in the host's place.
        host: String,
    },
    /// Nothing in it can be recognised.
    #[error(
        "the server address does not begin with rtmp:// or rtmps://; copy it again from your platform"
    )]
    NotAnAddress,
    /// A kind of RTMP that is not spoken.
    #[error("{scheme}:// is an old form of RTMP that is not supported; use rtmp:// or rtmps://")]
    OldRtmp {
        /// `rtmpt`, `rtmpe`, ...
        scheme: String,
    },
    /// A web page's address.
    #[error(
        "{scheme}:// is the address of a web page; copy the one that begins with rtmp:// or rtmps://"
    )]
    WebPage {
        /// `http` or `https`.
        scheme: String,
    },
    /// Another streaming protocol.
    #[error(
        "{scheme}:// is another streaming protocol; use an address that begins with rtmp:// or rtmps://"
    )]
    OtherProtocol {
        /// `srt`, `rtsp`, ...
        scheme: String,
    },
    /// A scheme nobody knows.
    #[error("{scheme}:// is not known; write rtmp:// or rtmps://")]
    UnknownScheme {
        /// Letters and digits as they were typed.
        scheme: String,
    },
    /// There is nothing between `://` and the path.
    #[error("the server address names no server; write one such as rtmp://example.org/live")]
    NoHost,
    /// The host has characters that no name has.
    #[error("\"{host}\" is not a server's name; check it for spaces and typing errors")]
    InvalidHost {
        /// What stands in the host's place.
        host: String,
    },
    /// An IPv6 address without brackets, or a false one in brackets.
    #[error("the IPv6 address is not written as [::1]; check it and its brackets")]
    InvalidIpv6,
    /// The port is not a number, or out of range.
    #[error("the port of {host} is not a number from 1 to 65535; correct it, or leave it out")]
    InvalidPort {
        /// The host before it.
        host: String,
    },
    /// There is a line break or the like in it.
    #[error("the server address has a line break or another hidden character in it; copy it again")]
    ControlCharacter,
}

/// Longer than any platform's address; servers take some 256 bytes.
pub const MAX_URL_BYTES: usize = 2048;

/// The longest name DNS knows.
const MAX_HOST_BYTES: usize = 253;

/// Longer than any registered scheme; what is longer is not repeated in messages.
const MAX_SCHEME_BYTES: usize = 16;

fn parse_scheme(scheme: &str) -> Result<Scheme, UrlError> {
    let is_scheme = (1..=MAX_SCHEME_BYTES).contains(&scheme.len())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !is_scheme {
        return Err(UrlError::NotAnAddress);
    }
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "rtmp" => Ok(Scheme::Rtmp),
        "rtmps" => Ok(Scheme::Rtmps),
        "rtmpt" | "rtmpts" | "rtmpe" | "rtmpte" | "rtmfp" => Err(UrlError::OldRtmp { scheme }),
        "http" | "https" => Err(UrlError::WebPage { scheme }),
        "srt" | "rtsp" | "rtsps" | "rist" | "udp" | "rtp" | "tcp" | "hls" | "whip" | "whips"
        | "ws" | "wss" | "mms" | "icecast" | "ftp" => Err(UrlError::OtherProtocol { scheme }),
        _ => Err(UrlError::UnknownScheme { scheme }),
    }
}

/// What a text without `://` is: an address that lacks it, or a key.
fn without_scheme(text: &str) -> UrlError {
    let path_end = text.find('?').unwrap_or(text.len());
    match text[..path_end].split_once('/') {
        None => UrlError::BareKey,
        Some((host, _)) if looks_like_host(host) => UrlError::NoScheme {
            host: host.to_owned(),
        },
        Some(_) => UrlError::NotAnAddress,
    }
}

fn looks_like_host(host: &str) -> bool {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    (name.contains('.') || name == "localhost") && parse_host_and_port(host).is_ok()
}

fn parse_credentials(user_info: &str) -> Credentials {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    Credentials {
        user: percent_decoded(user),
        password: Secret::new(percent_decoded(password)),
    }
}

fn parse_host_and_port(text: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(UrlError::InvalidIpv6)?;
        // A zone as in fe80::1%eth0 is the system's business.
        let address = host.split_once('%').map_or(host, |(address, _)| address);
        if address.parse::<Ipv6Addr>().is_err() {
            return Err(UrlError::InvalidIpv6);
        }
        match (port, port.strip_prefix(':')) {
            ("", _) => (host, None),
            (_, Some(port)) => (host, Some(port)),
            _ => return Err(UrlError::InvalidIpv6),
        }
    } else {
        if text.parse::<Ipv6Addr>().is_ok() {
            return Err(UrlError::InvalidIpv6);
        }
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    if host.len() > MAX_HOST_BYTES || !host.chars().all(is_host_character) {
        return Err(UrlError::InvalidHost {
            host: host.chars().filter(|c| !c.is_control()).take(64).collect(),
        });
    }
    let port = match port {
        None | Some("") => None,
        Some(port) => {
            let number = port.parse().ok().filter(|&number: &u16| number > 0);
            Some(number.ok_or_else(|| UrlError::InvalidPort {
                host: host.to_owned(),
            })?)
        }
    };
    Ok((host.to_owned(), port))
}

/// Letters of any language: names may be international. `:` and `%` are left to IPv6 addresses.
fn is_host_character(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%')
}

/// `%41` to `A`; what is not of that form stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let [first, more @ ..] = rest {
        rest = more;
        let code = more.get(..2).and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            digits
                .chars()
                .all(|c| c.is_ascii_hexdigit())
                .then_some(digits)
        });
        match code.map(|digits| u8::from_str_radix(digits, 16)) {
            Some(Ok(byte)) if *first == b'%' => {
                decoded.push(byte);
                rest = &more[2..];
            }
            _ => decoded.push(*first),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parsed(text: &str) -> ServerUrl {
        ServerUrl::parse(text).unwrap()
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (text, scheme, host, port, app, tc_url) in [
            (
                "rtmp://a.example/live",
                Scheme::Rtmp,
                "a.example",
                1935,
                "live",
                "rtmp://a.example/live",
            ),
            (
                "  RTMP://a.example:1936/live/ \n",
                Scheme::Rtmp,
                "a.example",
                1936,
                "live",
                "rtmp://a.example:1936/live",
            ),
            (
                "rtmps://a.example/app/inst",
                Scheme::Rtmps,
                "a.example",
                443,
                "app/inst",
                "rtmps://a.example/app/inst",
            ),
            (
                "rtmps://a.example:443/rtmp/",
                Scheme::Rtmps,
                "a.example",
                443,
                "rtmp",
                "rtmps://a.example:443/rtmp",
            ),
            (
                "rtmp://[::1]:1936/live",
                Scheme::Rtmp,
                "::1",
                1936,
                "live",
                "rtmp://[::1]:1936/live",
            ),
            (
                "rtmp://[2001:db8::1]/live",
                Scheme::Rtmp,
                "2001:db8::1",
                1935,
                "live",
                "rtmp://[2001:db8::1]/live",
            ),
            (
                "rtmp://127.0.0.1/live?vhost=a/b",
                Scheme::Rtmp,
                "127.0.0.1",
                1935,
                "live?vhost=a/b",
                "rtmp://127.0.0.1/live?vhost=a/b",
            ),
            (
                "rtmp://localhost",
                Scheme::Rtmp,
                "localhost",
                1935,
                "",
                "rtmp://localhost/",
            ),
            (
                "rtmp://münchen.example/live",
                Scheme::Rtmp,
                "münchen.example",
                1935,
                "live",
                "rtmp://münchen.example/live",
            ),
        ] {
            let url = parsed(text);
            assert_eq!(
                (url.scheme, url.host.as_str(), url.port, url.app.as_str()),
                (scheme, host, port, app),
                "{text}"
            );
            assert_eq!(url.tc_url(), tc_url);
            assert_eq!(url.credentials, None);
        }
    }

    #[test]
    fn user_and_password_are_kept_apart_from_the_address() {
        let url = parsed("rtmp://me%40home:x%3Ayz%2@a.example/live");
        let credentials = url.credentials.clone().unwrap();
        assert_eq!(credentials.user, "me@home");
        assert_eq!(credentials.password.expose(), "x:yz%2");
        assert_eq!(url.tc_url(), "rtmp://a.example/live");
        assert!(!format!("{url:?} {credentials:?}").contains("yz"));

        assert_eq!(
            parsed("rtmp://me@a.example/").credentials.unwrap().user,
            "me"
        );
    }

    #[test]
    fn what_is_not_an_address_is_explained() {
        for (text, words) in [
            ("", "is empty"),
            ("rtmpt://a.example/live", "rtmpt:// is an old form"),
            ("RTMPE://a.example/live", "rtmpe:// is an old form"),
            ("https://a.example/live", "web page"),
            ("srt://a.example:9000", "another streaming protocol"),
            (
                "rtpm://a.example/live",
                "rtpm:// is not known; write rtmp://",
            ),
            ("a.example/live", "write rtmp://a.example/…"),
            ("localhost:1935/live", "write rtmp://localhost:1935/…"),
            ("live_123456_abcDEF", "looks like a stream key"),
            ("FB-1-0-AbC?s_bl=1&s_ps=1", "looks like a stream key"),
            ("abc/def", "does not begin with rtmp://"),
            ("rtmp://", "names no server"),
            ("rtmp:///live", "names no server"),
            ("rtmp://:1935/live", "names no server"),
            (
                "rtmp://a example/live",
                "\"a example\" is not a server's name",
            ),
            (
                "rtmp://a.example:port/live",
                "the port of a.example is not a number",
            ),
            ("rtmp://a.example:0/live", "the port of a.example"),
            ("rtmp://a.example:65536/live", "the port of a.example"),
            ("rtmp://::1/live", "IPv6"),
            ("rtmp://[::1/live", "IPv6"),
            ("rtmp://[a.example]/live", "IPv6"),
            ("rtmp://[::1]1935/live", "IPv6"),
            ("rtmp://a.example/li\nve", "line break"),
            ("://a.example/live", "does not begin with rtmp://"),
        ] {
            let message = ServerUrl::parse(text).unwrap_err().to_string();
            assert!(message.contains(words), "{text:?}: {message}");
            assert!(!message.contains('\n'));
        }
        let long = format!("rtmp://a.example/{}", "x".repeat(MAX_URL_BYTES));
        assert_eq!(ServerUrl::parse(&long), Err(UrlError::TooLong));
    }

    #[test]
    fn pasted_addresses_are_split_at_the_last_slash_before_the_query() {
        for (text, server, key) in [
            (
                "rtmp://a.example/live/k1",
                "rtmp://a.example/live",
                Some("k1"),
            ),
            (
                " rtmp://a.example/live/k1\r\n",
                "rtmp://a.example/live",
                Some("k1"),
            ),
            (
                "rtmps://a.example:443/app/inst/k-1",
                "rtmps://a.example:443/app/inst",
                Some("k-1"),
            ),
            (
                "rtmp://a.example/live/k?auth=1/2&b=%20",
                "rtmp://a.example/live",
                Some("k?auth=1/2&b=%20"),
            ),
            (
                "rtmp://a.example/live/?user=me",
                "rtmp://a.example/live",
                Some("?user=me"),
            ),
            ("rtmp://a.example/live", "rtmp://a.example/live", None),
            ("rtmp://a.example/live/", "rtmp://a.example/live/", None),
            (
                "rtmp://a.example/live?token=a/b",
                "rtmp://a.example/live?token=a/b",
                None,
            ),
            ("rtmp://a.example", "rtmp://a.example", None),
            ("rtmp://a.example?x=/y", "rtmp://a.example?x=/y", None),
        ] {
            let pasted = split_paste(text).unwrap();
            assert_eq!(pasted.server, server, "{text}");
            assert_eq!(pasted.key.as_ref().map(Secret::expose), key, "{text}");
            ServerUrl::parse(&pasted.server).unwrap();
        }
        assert_eq!(split_paste("sk_us-west-2_secret"), Err(UrlError::BareKey));
    }

    #[test]
    fn no_message_repeats_a_key() {
        const KEY: &str = "s3cretKEY";
        for text in [
            KEY.to_owned(),
            format!("{KEY}?a=b"),
            format!("{KEY}/x"),
            format!("x/{KEY}"),
            format!("a.example/live/{KEY}"),
            format!("srt://a.example/{KEY}"),
            format!("rtmp://a.example:x/live/{KEY}"),
            format!("rtmp://me:pa/{KEY}@a.example/live"),
            format!("rtmp://a b/live/{KEY}"),
            format!("rtmp://a.example/live/{KEY}\n{KEY}"),
            format!("key {KEY}://a.example"),
        ] {
            let message = ServerUrl::parse(&text).unwrap_err().to_string();
            assert!(!message.contains(KEY), "{message}");
        }
        let pasted = split_paste(&format!("rtmp://a.example/live/{KEY}")).unwrap();
        assert!(!format!("{pasted:?}").contains(KEY));
        let whole = parsed(&format!("rtmp://a.example/live/{KEY}"));
        assert!(!format!("{whole:?}").contains(KEY));
    }
}
