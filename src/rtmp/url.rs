//! Server addresses, and splitting what people paste.
//!
//! | file | what it is about |
//! |---|---|
//! | [`host`] | names, IP addresses and ports |
//! | [`paste`] | addresses, keys and whole instructions as people paste them |
//! | [`punycode`] | names in letters of any language, as DNS knows them |
//! | [`error`] | why a text is not an address, in words |
//!
//! Errors name what was typed only as far as it cannot be a key: scheme, host, port.

pub mod error;
mod host;
pub mod paste;
mod punycode;

use std::fmt;

pub use error::{KeyError, UrlError};
pub use paste::{PastedAddress, read_key, split_paste};

use crate::secret::Secret;

/// Where a server is and which application on it: `rtmp://host:port/app`.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// Plain or through TLS.
    pub scheme: Scheme,
    /// Name or address as the system looks it up: in small ASCII letters, an IPv6 address without brackets but
    /// with its zone.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// Path and query without the slashes around them; may be empty.
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

impl Credentials {
    /// Reads what stands before the `@` of an address: `user`, or `user:password`, percent-encoded or not.
    #[must_use]
    pub fn from_user_info(user_info: &str) -> Self {
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        Self {
            user: percent_decoded(user),
            password: Secret::new(percent_decoded(password)),
        }
    }
}

impl ServerUrl {
    /// Reads a server's address. Spaces, quotation marks and invisible characters that came along when it was
    /// copied do not matter.
    ///
    /// # Errors
    /// When it is none, in words for the person who typed it.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = paste::tidy(text)?;
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(without_scheme(&text));
        };
        let scheme = parse_scheme(scheme)?;

        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (credentials, host_and_port) = match authority.rsplit_once('@') {
            Some((user_info, rest)) => (Some(Credentials::from_user_info(user_info)), rest),
            None => (None, authority),
        };
        let (host, port) = host::parse(host_and_port).map_err(|error| match error {
            UrlError::InvalidPort { .. } if path.contains('@') => UrlError::SlashInPassword,
            other => other,
        })?;
        let decoded = |credentials: &Credentials| {
            [credentials.user.as_str(), credentials.password.expose()].concat()
        };
        let user_info = credentials.as_ref().map(decoded).unwrap_or_default();
        if path.chars().chain(user_info.chars()).any(char::is_control) {
            return Err(UrlError::ControlCharacter);
        }
        let url = Self {
            scheme,
            host,
            port: port.unwrap_or_else(|| scheme.default_port()),
            app: application(path).to_owned(),
            credentials,
            port_was_given: port.is_some(),
        };
        // Names of any language are longer as DNS knows them.
        if url.tc_url().len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong);
        }
        Ok(url)
    }

    /// The address as `connect` tells it to the server: without user and password, the port only where it was
    /// given. A zone (`%eth0`) is this computer's business (RFC 6874, 1).
    #[must_use]
    pub fn tc_url(&self) -> String {
        let host = self.host.split('%').next().unwrap_or_default();
        format!("{}/{}", self.origin_of(host), self.app)
    }

    /// Scheme, host and port: what may be shown and logged.
    #[must_use]
    pub fn origin(&self) -> String {
        self.origin_of(&self.host)
    }

    /// Whether the address itself may say what is published, as `?stream=...` does, so that no key is needed.
    #[must_use]
    pub fn has_query(&self) -> bool {
        self.app
            .split_once('?')
            .is_some_and(|(_, query)| !query.is_empty())
    }

    fn origin_of(&self, host: &str) -> String {
        let scheme = self.scheme.name();
        let mut origin = if host.contains(':') {
            format!("{scheme}://[{host}]")
        } else {
            format!("{scheme}://{host}")
        };
        if self.port_was_given {
            origin = format!("{origin}:{}", self.port);
        }
        origin
    }
}

/// The application that `path` names: without the slashes around it and what spaces they leave. A query keeps
/// its slashes: they may belong to a token.
fn application(path: &str) -> &str {
    let path = path.trim_start_matches('/');
    if path.contains('?') {
        return path;
    }
    path.trim_end_matches(|c: char| c == '/' || c.is_whitespace())
}

impl fmt::Debug for ServerUrl {
    /// The path is left out: people paste whole addresses, key and all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.origin())
    }
}

/// Longer than any platform's address; servers take some 256 bytes.
pub const MAX_URL_BYTES: usize = 2048;

/// Longer than any platform's key, signed ones included.
pub const MAX_KEY_BYTES: usize = 4096;

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
        "rtmpt" | "rtmpts" => Err(UrlError::Tunnelled { scheme }),
        "rtmpe" | "rtmpte" => Err(UrlError::OldEncryption { scheme }),
        "http" | "https" => Err(UrlError::WebPage { scheme }),
        "srt" | "rtsp" | "rtsps" | "rist" | "udp" | "rtp" | "tcp" | "hls" | "whip" | "whips"
        | "whep" | "webrtc" | "ws" | "wss" | "mms" | "icecast" | "ftp" | "rtmfp" => {
            Err(UrlError::OtherProtocol { scheme })
        }
        _ => Err(UrlError::UnknownScheme { scheme }),
    }
}

/// What a text without `://` is: an address that lacks it, or a key.
fn without_scheme(text: &str) -> UrlError {
    let begins_like_one = |name: &str| {
        let (start, rest) = text.split_at_checked(name.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(name) && rest.starts_with([':', '/', '\\', ';'])
    };
    if begins_like_one("rtmp") || begins_like_one("rtmps") {
        return UrlError::MistypedScheme;
    }
    let path_end = text.find('?').unwrap_or(text.len());
    match text[..path_end].split_once('/') {
        None if text.contains(char::is_whitespace) || host::is_likely(text) => {
            UrlError::NotAnAddress
        }
        None => UrlError::BareKey,
        Some((host, _)) if host::is_likely(host) => UrlError::NoScheme {
            host: host.to_owned(),
        },
        Some(_) => UrlError::NotAnAddress,
    }
}

/// `%41` to `A`; what is not of that form stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let [first, more @ ..] = rest {
        rest = more;
        let hex = |at: usize| {
            more.get(at)
                .and_then(|digit| char::from(*digit).to_digit(16))
        };
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                // Two hexadecimal digits are at most 255.
                decoded.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = &more[2..];
            }
            _ => decoded.push(*first),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests;
