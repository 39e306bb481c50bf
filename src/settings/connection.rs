//! How a destination is reached where address and key are not enough. Passwords are not among it: those are
//! for the keychain.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What differs from the usual way to a server. Each text is as it was typed, and empty where nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionSettings {
    /// Who logs in where the server asks for it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Whose certificates count for `rtmps://`.
    #[serde(skip_serializing_if = "is_default")]
    pub trust: TrustChoice,
    /// An address or a network interface of this computer that the stream leaves through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// An HTTP proxy on the way to `rtmps://` servers, without its password.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub proxy: String,
    /// Whether the handshake has digests.
    #[serde(skip_serializing_if = "is_default")]
    pub digest_handshake: bool,
    /// Whether the server is not told what Enhanced RTMP this program knows.
    #[serde(skip_serializing_if = "is_default")]
    pub plain_connect: bool,
}

/// Whose certificates count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TrustChoice {
    /// Those that the system trusts.
    #[default]
    System,
    /// Those, and the ones whose issuers are in a PEM file.
    File {
        /// The file; empty before one is chosen.
        #[serde(default)]
        file: PathBuf,
    },
    /// One certificate alone.
    Pinned {
        /// Its SHA-256 fingerprint as it was typed.
        #[serde(default)]
        fingerprint: String,
    },
}

impl ConnectionSettings {
    /// Whether everything is as usual.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// The same settings fit for a file: single lines of bearable length, no password in the proxy's address,
    /// no file that depends on where the program was started.
    #[must_use]
    pub fn sanitised(self) -> Self {
        let trust = match self.trust {
            TrustChoice::File { file } if !file.is_absolute() => TrustChoice::File {
                file: PathBuf::new(),
            },
            TrustChoice::Pinned { fingerprint } => TrustChoice::Pinned {
                fingerprint: one_line(&fingerprint),
            },
            other => other,
        };
        Self {
            user: one_line(&self.user),
            trust,
            from: one_line(&self.from),
            proxy: without_password(&one_line(&self.proxy)),
            ..self
        }
    }
}

/// `http://user:password@host:1` as `http://user@host:1`.
#[must_use]
pub fn without_password(proxy: &str) -> String {
    let (scheme, rest) = match proxy.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), proxy),
    };
    match rest.rsplit_once('@') {
        Some((login, host)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}{user}@{host}")
        }
        // A port that is no number is a password whose `@` has not been typed yet.
        None => match rest.trim_end_matches('/').rsplit_once(':') {
            Some((user, port)) if !port.ends_with(']') && !is_number(port) => {
                format!("{scheme}{user}")
            }
            _ => proxy.to_owned(),
        },
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_digit())
}

pub(super) fn one_line(text: &str) -> String {
    text.trim()
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_CHARS)
        .collect()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Longer than any name, address or fingerprint.
const MAX_CHARS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_the_usual_is_written() {
        let usual = toml::to_string(&ConnectionSettings::default()).unwrap();
        assert_eq!(usual, "");
        let settings = ConnectionSettings {
            user: "me".into(),
            trust: TrustChoice::Pinned {
                fingerprint: "AB:CD".into(),
            },
            plain_connect: true,
            ..ConnectionSettings::default()
        };
        let text = toml::to_string(&settings).unwrap();
        assert_eq!(
            text,
            "user = \"me\"\nplain_connect = true\n\n[trust]\nkind = \"pinned\"\nfingerprint = \"AB:CD\"\n"
        );
        assert_eq!(
            toml::from_str::<ConnectionSettings>(&text).unwrap(),
            settings
        );
        assert_eq!(
            toml::from_str::<ConnectionSettings>("").unwrap(),
            ConnectionSettings::default()
        );
    }

    #[test]
    fn a_proxys_password_is_not_kept() {
        for (given, kept) in [
            ("http://me:s3cret@proxy:3128", "http://me@proxy:3128"),
            ("me:s3@cret@proxy:3128", "me@proxy:3128"),
            ("http://proxy:3128", "http://proxy:3128"),
            ("proxy:3128", "proxy:3128"),
            ("http://[::1]:3128/", "http://[::1]:3128/"),
            ("http://[::1]/", "http://[::1]/"),
            ("http://me:s3cre", "http://me"),
            ("", ""),
        ] {
            let settings = ConnectionSettings {
                proxy: given.into(),
                ..ConnectionSettings::default()
            };
            assert_eq!(settings.sanitised().proxy, kept, "{given}");
        }
    }

    #[test]
    fn a_choice_of_trust_without_its_value_stays_a_choice_without_value() {
        for (kind, empty) in [
            (
                "file",
                TrustChoice::File {
                    file: PathBuf::new(),
                },
            ),
            (
                "pinned",
                TrustChoice::Pinned {
                    fingerprint: String::new(),
                },
            ),
        ] {
            let text = format!("[trust]\nkind = \"{kind}\"");
            let settings: ConnectionSettings = toml::from_str(&text).unwrap();
            assert_eq!(settings.sanitised().trust, empty);
        }
    }

    #[test]
    fn texts_become_single_lines_and_files_absolute() {
        let settings = ConnectionSettings {
            user: " me\n".into(),
            from: "eth0\0".repeat(1_000),
            trust: TrustChoice::File {
                file: "relative.pem".into(),
            },
            ..ConnectionSettings::default()
        }
        .sanitised();
        assert_eq!(settings.user, "me");
        assert_eq!(settings.from.len(), MAX_CHARS);
        assert_eq!(
            settings.trust,
            TrustChoice::File {
                file: PathBuf::new()
            }
        );
    }
}
