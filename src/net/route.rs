//! Which way to take to a server: whom to trust, where to leave this computer, through which proxy.
//!
//! Errors name what was typed, but never a proxy's password.

use std::{fmt, net::IpAddr};

use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio_rustls::rustls::{
    self, RootCertStore,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};

use crate::rtmp::url::{Credentials, ServerUrl, UrlError};

/// The way to one destination. The default is the system's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Whose certificates count for `rtmps://`.
    pub trust: Trust,
    /// Where connections leave this computer; `None` leaves it to the system.
    pub local: Option<LocalEnd>,
    /// A proxy to be passed on the way to `rtmps://` servers.
    pub proxy: Option<Proxy>,
}

/// Whose certificates count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that this system trusts.
    #[default]
    System,
    /// Those, and the ones issued by these.
    Also(Vec<CertificateDer<'static>>),
    /// One certificate alone, whoever issued it and whatever name it bears: the one with this fingerprint.
    Only(Fingerprint),
}

impl Trust {
    /// The system's trust, and the issuers in a PEM file: what stands between `-----BEGIN CERTIFICATE-----`
    /// and its end, as often as it comes. Anything else in the file is passed over.
    ///
    /// # Errors
    /// When it holds no certificate, or one that is damaged, or is longer than [`MAX_PEM_BYTES`].
    pub fn from_pem(bytes: &[u8]) -> Result<Self, RouteError> {
        if bytes.len() > MAX_PEM_BYTES {
            return Err(RouteError::PemTooLong);
        }
        let issuers: Vec<_> = CertificateDer::pem_slice_iter(bytes)
            .collect::<Result<_, _>>()
            .map_err(RouteError::Pem)?;
        if issuers.is_empty() {
            return Err(RouteError::NoCertificate);
        }
        let mut readable = RootCertStore::empty();
        for (index, issuer) in issuers.iter().enumerate() {
            let certificate = CertificateDer::from_slice(issuer);
            let number = index + 1;
            readable
                .add(certificate)
                .map_err(|cause| RouteError::DamagedCertificate { number, cause })?;
        }
        Ok(Self::Also(issuers))
    }
}

/// SHA-256 over a certificate's DER bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of `certificate`.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// Reads 64 hexadecimal digits of any case, with or without colons or spaces between them, and with or
    /// without what OpenSSL writes before them (`sha256 Fingerprint=`).
    ///
    /// # Errors
    /// When it is none, in words for the person who typed it.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        let digits = text.rsplit_once('=').map_or(text, |(_, digits)| digits);
        let digits: Vec<u8> = digits
            .chars()
            .filter(|c| *c != ':' && !c.is_whitespace())
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or(RouteError::FingerprintCharacter)?;
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return Err(RouteError::FingerprintLength {
                digits: digits.len(),
            });
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    /// `AA:BB:…`, as browsers and OpenSSL show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

/// Where connections leave this computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalEnd {
    /// From this address of this computer.
    Address(IpAddr),
    /// Through this network interface: `eth0`.
    Interface(String),
}

impl LocalEnd {
    /// Reads an IP address (`192.168.1.20`, `2001:db8::20`), else the name of a network interface.
    ///
    /// # Errors
    /// When it can be neither, in words for the person who typed it. Whether this computer has such an
    /// address or interface shows when it connects: both come and go.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            if address.is_unspecified() || address.is_multicast() {
                return Err(RouteError::NotOneComputer { address });
            }
            return Ok(Self::Address(address));
        }
        // The kernels' rules: at most 15 bytes, no slash, no space. A colon would be an address after all.
        let is_name = (1..=MAX_INTERFACE_BYTES).contains(&text.len())
            && text
                .chars()
                .all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | ':'));
        if !is_name {
            return Err(RouteError::LocalEnd { text: shown(text) });
        }
        Ok(Self::Interface(text.to_owned()))
    }
}

impl fmt::Display for LocalEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Interface(name) => f.write_str(name),
        }
    }
}

/// An HTTP proxy that tunnels with `CONNECT` (RFC 9110, 9.3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// For `Proxy-Authorization: Basic`.
    pub credentials: Option<Credentials>,
}

impl Proxy {
    /// Reads `http://host:port` or `http://user:password@host:port`; `http://` may be left out. In user and
    /// password `@`, `/`, `?`, `#` and `%` are written as `%40` and so on.
    ///
    /// # Errors
    /// When it is none, in words for the person who typed it, without user and password.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        let text = text.trim();
        let rest = match text.split_once("://") {
            None => text,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) if scheme.bytes().all(|c| c.is_ascii_alphanumeric()) => {
                return Err(RouteError::ProxyScheme {
                    scheme: shown(scheme),
                });
            }
            // That stands in the middle of a password.
            Some(_) => return Err(RouteError::ProxyPath),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(RouteError::ProxyPath);
        }
        let (_, host_and_port) = rest.rsplit_once('@').unwrap_or(("", rest));
        // What stands before the path in a server's address is the same.
        let url = ServerUrl::parse(&format!("rtmp://{rest}")).map_err(RouteError::Proxy)?;
        let has_port = host_and_port.rsplit_once(':').is_some_and(|(_, port)| {
            !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        if !has_port {
            return Err(RouteError::ProxyPort { host: url.host });
        }
        Ok(Self {
            host: url.host,
            port: url.port,
            credentials: url.credentials,
        })
    }
}

impl fmt::Display for Proxy {
    /// `proxy.example, port 3128`: what may be shown and logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, port {}", self.host, self.port)
    }
}

/// Why a text does not describe a part of a [`Route`].
#[derive(Debug, Error)]
pub enum RouteError {
    /// Not an address, nor can it be an interface's name.
    #[error(
        "\"{text}\" is neither an IP address nor the name of a network interface such as eth0; give the address of this computer that streams are to leave from"
    )]
    LocalEnd {
        /// What was typed.
        text: String,
    },
    /// An address that stands for any or for many computers.
    #[error(
        "{address} is not the address of one computer; give an address of this computer, or leave it empty"
    )]
    NotOneComputer {
        /// What was typed.
        address: IpAddr,
    },
    /// A proxy of another kind.
    #[error("{scheme}:// is not a kind of proxy that is supported; use one at http://host:port")]
    ProxyScheme {
        /// `https`, `socks5`, ...
        scheme: String,
    },
    /// There is more than host and port.
    #[error(
        "the proxy is not of the form http://host:port; leave out any path, and write /, ? and # in a password as %2F, %3F and %23"
    )]
    ProxyPath,
    /// No port, or none that is a number.
    #[error("the proxy {host} has no port; write it as http://{host}:3128 with the port it uses")]
    ProxyPort {
        /// The host before it.
        host: String,
    },
    /// Its host or port is not right.
    #[error("the proxy is not of the form http://host:port: {}", proxy_words(.0))]
    Proxy(#[source] UrlError),
    /// Other characters than hexadecimal digits.
    #[error(
        "the fingerprint has characters other than 0 to 9, A to F and colons; copy the certificate's SHA-256 fingerprint again"
    )]
    FingerprintCharacter,
    /// Not 64 digits.
    #[error("{}", fingerprint_words(*.digits))]
    FingerprintLength {
        /// How many there were.
        digits: usize,
    },
    /// Not a certificate file.
    #[error("the certificate file is longer than {} KiB; check that it is the right file", MAX_PEM_BYTES / 1024)]
    PemTooLong,
    /// Its text form is broken.
    #[error("the certificate file is damaged ({0}); save it again in PEM form")]
    Pem(#[source] pem::Error),
    /// There is none in it.
    #[error(
        "the certificate file has no certificate in it; save it in PEM form, where it begins with -----BEGIN CERTIFICATE-----"
    )]
    NoCertificate,
    /// What stands between the marks is not a certificate.
    #[error(
        "certificate {number} of the certificate file cannot be read; save the file again in PEM form"
    )]
    DamagedCertificate {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        cause: rustls::Error,
    },
}

/// The words of [`UrlError`] speak of a server.
fn proxy_words(error: &UrlError) -> String {
    match error {
        UrlError::InvalidHost { .. } | UrlError::InvalidPort { .. } | UrlError::InvalidIpv6 => {
            error.to_string()
        }
        UrlError::TooLong => "it is too long".to_owned(),
        UrlError::ControlCharacter => "it has a hidden character in it".to_owned(),
        _ => "it names no host".to_owned(),
    }
}

fn fingerprint_words(digits: usize) -> String {
    let which = match digits {
        40 => " (that is a SHA-1 fingerprint)",
        _ => "",
    };
    format!(
        "the fingerprint has {digits} digits instead of 64{which}; copy the certificate's SHA-256 fingerprint"
    )
}

/// What was typed, fit for a message.
fn shown(text: &str) -> String {
    let printable = text.chars().filter(|c| !c.is_control());
    printable.take(MOST_CHARACTERS_SHOWN).collect()
}

/// Several times as long as the lists of issuers that systems come with.
pub const MAX_PEM_BYTES: usize = 1024 * 1024;
/// `IFNAMSIZ` without its final zero, on Linux and macOS.
const MAX_INTERFACE_BYTES: usize = 15;
/// How much of a text is repeated in messages.
const MOST_CHARACTERS_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> Proxy {
        Proxy::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn an_address_is_told_from_an_interface() {
        for (text, expected) in [
            ("192.168.1.20", LocalEnd::Address([192, 168, 1, 20].into())),
            (" ::1 ", LocalEnd::Address("::1".parse().unwrap())),
            ("eth0", LocalEnd::Interface("eth0".to_owned())),
            (
                "wlp0s20f3.100",
                LocalEnd::Interface("wlp0s20f3.100".to_owned()),
            ),
            ("Wi-Fi", LocalEnd::Interface("Wi-Fi".to_owned())),
        ] {
            let parsed = LocalEnd::parse(text).unwrap();
            assert_eq!(parsed, expected);
            assert_eq!(parsed.to_string(), text.trim());
        }
        for text in [
            "",
            "eth0/1",
            "two words",
            "fe80::1%eth0",
            "[::1]",
            "e\0",
            "sixteencharacter",
        ] {
            let message = LocalEnd::parse(text).unwrap_err().to_string();
            assert!(
                message.contains("neither an IP address nor"),
                "{text}: {message}"
            );
        }
        for text in ["0.0.0.0", "::", "224.0.0.1"] {
            let message = LocalEnd::parse(text).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{text} is not")), "{message}");
        }
    }

    #[test]
    fn a_proxy_is_read_with_and_without_a_login() {
        for text in [
            "http://proxy.example:3128",
            "HTTP://proxy.example:3128/",
            " proxy.example:3128\n",
        ] {
            let proxy = proxy(text);
            assert_eq!(
                (&*proxy.host, proxy.port, proxy.credentials),
                ("proxy.example", 3128, None)
            );
        }
        let with_login = proxy("http://me:p%40ss@w@[::1]:80");
        assert_eq!((&*with_login.host, with_login.port), ("::1", 80));
        let credentials = with_login.credentials.unwrap();
        assert_eq!(
            (&*credentials.user, credentials.password.expose()),
            ("me", "p@ss@w")
        );
    }

    #[test]
    fn what_is_not_a_proxy_is_explained() {
        for (text, words) in [
            ("", "names no host"),
            ("http://", "names no host"),
            ("http://:3128", "names no host"),
            ("https://a.example:443", "https:// is not a kind of proxy"),
            (
                "socks5://a.example:1080",
                "socks5:// is not a kind of proxy",
            ),
            ("http://a.example", "the proxy a.example has no port"),
            ("http://[::1]", "the proxy ::1 has no port"),
            ("a.example:", "the proxy a.example has no port"),
            (
                "http://a.example:0",
                "the port of a.example is not a number",
            ),
            (
                "http://a.example:x",
                "the port of a.example is not a number",
            ),
            ("http://a b:1", "\"a b\" is not a server's name"),
            ("http://::1:3128", "IPv6"),
            ("http://a.example:3128/path", "leave out any path"),
            ("http://me%0d%0aX:x@a.example:1", "hidden character"),
        ] {
            let message = Proxy::parse(text).unwrap_err().to_string();
            assert!(message.contains(words), "{text:?}: {message}");
        }
    }

    #[test]
    fn a_proxys_password_is_in_no_message_and_no_debug_output() {
        const PASSWORD: &str = "s3cretPASS";
        let whole = proxy(&format!("http://me:{PASSWORD}@a.example:3128"));
        assert!(!format!("{whole:?} {whole}").contains(PASSWORD));
        let route = Route {
            proxy: Some(whole),
            ..Route::default()
        };
        assert!(!format!("{route:?}").contains(PASSWORD));
        for text in [
            format!("http://me:{PASSWORD}@a.example"),
            format!("http://me:{PASSWORD}@"),
            format!("http://me:{PASSWORD}@a b:1"),
            format!("me:{PASSWORD}@a.example:x"),
            format!("me:{PASSWORD}"),
            format!("me:1/{PASSWORD}@a.example:3128"),
            format!("ftp://me:{PASSWORD}@a.example:3128"),
            format!("me:{PASSWORD}://x@a.example:3128"),
        ] {
            let error = Proxy::parse(&text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error}");
        }
    }

    #[test]
    fn fingerprints_are_read_in_the_forms_that_tools_write() {
        let plain = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
        let shown = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\
                     00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";
        let openssl = format!("sha256 Fingerprint={shown}\n");
        for text in [
            plain,
            shown,
            &openssl,
            &shown.to_lowercase(),
            &shown.replace(':', " "),
        ] {
            assert_eq!(Fingerprint::parse(text).unwrap().to_string(), shown);
        }
        for (text, words) in [
            ("", "has 0 digits instead of 64"),
            (&plain[2..], "has 62 digits instead of 64;"),
            (&plain[24..], "has 40 digits instead of 64 (that is a SHA-1"),
            (&format!("{plain}00"), "has 66 digits"),
            ("0x00", "characters other than"),
            ("é", "characters other than"),
        ] {
            let message = Fingerprint::parse(text).unwrap_err().to_string();
            assert!(message.contains(words), "{text}: {message}");
        }
    }

    #[test]
    fn a_fingerprint_is_the_sha_256_of_the_certificate() {
        // FIPS 180-4's example.
        let certificate = CertificateDer::from_slice(b"abc");
        let expected = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        assert_eq!(
            Fingerprint::of(&certificate),
            Fingerprint::parse(expected).unwrap()
        );
    }

    #[test]
    fn all_certificates_of_a_pem_file_are_trusted() {
        let certificates: Vec<_> = (0..2)
            .map(|_| rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap())
            .collect();
        let key = certificates[0].signing_key.serialize_pem();
        let pem = format!(
            "two of them:\n{}{key}{}",
            certificates[0].cert.pem(),
            certificates[1].cert.pem()
        );
        let expected = certificates
            .iter()
            .map(|one| one.cert.der().clone())
            .collect();
        assert_eq!(
            Trust::from_pem(pem.as_bytes()).unwrap(),
            Trust::Also(expected)
        );
    }

    #[test]
    fn a_file_without_a_readable_certificate_is_refused() {
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let whole = certificate.cert.pem();
        let key = certificate.signing_key.serialize_pem();
        let cut = &whole[..whole.len() / 2];
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (bytes, words) in [
            (&b""[..], "no certificate in it"),
            (key.as_bytes(), "no certificate in it"),
            (certificate.cert.der(), "no certificate in it"),
            (cut.as_bytes(), "is damaged"),
            (format!("{whole}{damaged}").as_bytes(), "certificate 2 of"),
            (&vec![b'\n'; MAX_PEM_BYTES + 1], "longer than 1024 KiB"),
        ] {
            let message = Trust::from_pem(bytes).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
