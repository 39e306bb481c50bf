//! Where the stream goes: the first destination, those beside it, and a backup for each. Keys and passwords are
//! not among it: those are for the keychain.

use serde::{Deserialize, Serialize};

use super::connection::{ConnectionSettings, one_line};

/// Where the stream goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestinationSettings {
    /// `rtmp://` or `rtmps://` address without the key.
    pub server: String,
    /// Whether key and passwords are kept in the system's keychain.
    pub remember_key: bool,
    /// How it is reached where that is not as usual.
    #[serde(skip_serializing_if = "ConnectionSettings::is_usual")]
    pub connection: ConnectionSettings,
    /// Where to go when the server fails.
    #[serde(skip_serializing_if = "BackupSettings::is_none")]
    pub backup: BackupSettings,
}

/// A second server for the same stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupSettings {
    /// Its address without the key; empty: there is none.
    pub server: String,
    /// Whether a connection is kept ready there.
    pub warm: bool,
    /// Whether to go back once the first server has been well for a while.
    pub return_to_primary: bool,
}

/// A destination beside the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlsoSettings {
    /// Its own for as long as it exists; tells its keys in the keychain from those of others on one server.
    pub number: u32,
    /// What the user calls it; empty: the server's name is shown.
    pub name: String,
    /// Whether the stream goes there too.
    pub enabled: bool,
    /// Where that is.
    #[serde(flatten)]
    pub destination: DestinationSettings,
}

/// Whose uplink decides on the bitrate that all destinations share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FollowChoice {
    /// The first destination's.
    #[default]
    Primary,
    /// That of the slowest that is live.
    Slowest,
}

impl DestinationSettings {
    /// The same settings fit for a file, with no password in an address.
    #[must_use]
    pub fn sanitised(self) -> Self {
        Self {
            server: clean_address(&self.server),
            connection: self.connection.sanitised(),
            backup: BackupSettings {
                server: clean_address(&self.backup.server),
                ..self.backup
            },
            ..self
        }
    }
}

impl BackupSettings {
    /// Whether there is no backup, nor any wish about one.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl AlsoSettings {
    /// Most destinations beside the first.
    pub const MOST: usize = 7;
    /// Longest name, in characters.
    pub const MAX_NAME_CHARS: usize = 60;

    /// A new one, with a number that none of `others` has.
    #[must_use]
    pub fn beside(others: &[Self]) -> Self {
        Self {
            number: free_number(others),
            enabled: true,
            ..Self::default()
        }
    }

    /// The same destinations fit for a file: no more than [`Self::MOST`], each with a number of its own.
    #[must_use]
    pub fn sanitised(list: Vec<Self>) -> Vec<Self> {
        let mut kept: Vec<Self> = list.into_iter().take(Self::MOST).collect();
        for index in 0..kept.len() {
            let number = kept[index].number;
            let is_taken = kept[..index].iter().any(|other| other.number == number);
            if number < FIRST_NUMBER || is_taken {
                kept[index].number = free_number(&kept);
            }
        }
        let kept = kept.into_iter().map(|also| Self {
            name: one_line(&also.name)
                .chars()
                .take(Self::MAX_NAME_CHARS)
                .collect(),
            destination: also.destination.sanitised(),
            ..also
        });
        kept.collect()
    }
}

impl Default for DestinationSettings {
    fn default() -> Self {
        Self {
            server: String::new(),
            remember_key: true,
            connection: ConnectionSettings::default(),
            backup: BackupSettings::default(),
        }
    }
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self {
            server: String::new(),
            warm: true,
            return_to_primary: false,
        }
    }
}

fn free_number(others: &[AlsoSettings]) -> u32 {
    let mut number = FIRST_NUMBER;
    while others.iter().any(|other| other.number == number) {
        number += 1;
    }
    number
}

/// An address fit for a file: one line, of bearable length, without `user:password@`. What is not an address
/// may be a key in the wrong place: it is not kept.
fn clean_address(address: &str) -> String {
    let line: String = address
        .trim()
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_ADDRESS_CHARS)
        .collect();
    let Some((scheme, rest)) = line.split_once("://") else {
        return String::new();
    };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    // A port that is no number is a password whose `@` has not been typed yet, or comes behind a `/` in it.
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') && !is_number(port) => {
            match path.rsplit_once('@') {
                Some((_, behind)) => format!("{scheme}://{behind}"),
                None => format!("{scheme}://{name}{path}"),
            }
        }
        _ => format!("{scheme}://{host}{path}"),
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_digit())
}

const MAX_ADDRESS_CHARS: usize = 2048;
/// The first destination counts as number 1.
const FIRST_NUMBER: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::model::Settings;

    fn also(number: u32, server: &str) -> AlsoSettings {
        AlsoSettings {
            number,
            enabled: true,
            destination: DestinationSettings {
                server: server.into(),
                ..DestinationSettings::default()
            },
            ..AlsoSettings::default()
        }
    }

    #[test]
    fn further_destinations_and_backups_survive_the_file_format() {
        let mut settings = Settings::default();
        settings.destination.backup = BackupSettings {
            server: "rtmp://b.example/live".into(),
            warm: false,
            return_to_primary: true,
        };
        settings.follow = FollowChoice::Slowest;
        let mut second = also(2, "rtmps://c.example/app");
        second.name = "Church \"hall\"".into();
        second.destination.connection.user = "me".into();
        second.destination.backup.server = "rtmp://d.example/live".into();
        let mut third = also(5, "rtmp://e.example/live");
        third.enabled = false;
        settings.also = vec![second, third];
        let text = toml::to_string_pretty(&settings).unwrap();
        assert!(text.contains("[[also]]"), "{text}");
        let read: Settings = toml::from_str(&text).unwrap();
        assert_eq!(read, settings);
        assert_eq!(read.sanitised(), settings);
    }

    #[test]
    fn a_file_from_before_has_no_further_destination_and_no_backup() {
        let text =
            "version = 1\n[destination]\nserver = \"rtmp://a.example/live\"\nremember_key = false";
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!(settings.also, []);
        assert!(settings.destination.backup.is_none());
        assert!(!settings.destination.remember_key);
        let written = toml::to_string_pretty(&settings).unwrap();
        assert!(!written.contains("also") && !written.contains("backup"));
    }

    #[test]
    fn what_an_entry_leaves_out_takes_its_default() {
        let text = "[[also]]\nserver = \"rtmp://a.example/live\"";
        let settings = toml::from_str::<Settings>(text).unwrap().sanitised();
        let [also] = settings.also.as_slice() else {
            panic!("{settings:?}");
        };
        assert!(
            !also.enabled,
            "nothing is published that was not switched on"
        );
        assert!(also.destination.remember_key);
        assert_eq!(also.number, FIRST_NUMBER);
    }

    #[test]
    fn a_list_is_brought_inside_its_limits() {
        let mut list = vec![also(2, "rtmp://me:secret@a.example/live"); 20];
        list[0].name = format!("a\nb{}", "x".repeat(500));
        list[0].destination.backup.server = "rtmp://me:secret@b.example/live".into();
        let kept = AlsoSettings::sanitised(list);
        assert_eq!(kept.len(), AlsoSettings::MOST);
        assert!(kept[0].name.starts_with("abx"));
        assert_eq!(kept[0].name.chars().count(), AlsoSettings::MAX_NAME_CHARS);
        assert!(!format!("{kept:?}").contains("secret"));
        let mut numbers: Vec<_> = kept.iter().map(|also| also.number).collect();
        assert_eq!(numbers[0], 2, "the first to have a number keeps it");
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), AlsoSettings::MOST);
    }

    #[test]
    fn one_without_a_number_does_not_take_that_of_another() {
        let list = vec![also(0, "rtmp://a.example"), also(2, "rtmp://b.example")];
        let kept = AlsoSettings::sanitised(list);
        let numbers: Vec<_> = kept.iter().map(|also| also.number).collect();
        assert_eq!(numbers, [3, 2], "keys are filed under the numbers");
    }

    #[test]
    fn passwords_in_the_address_and_keys_in_its_place_are_not_kept() {
        for (given, kept) in [
            ("rtmp://user:pass@host/app", "rtmp://host/app"),
            ("rtmp://host/app@home", "rtmp://host/app@home"),
            ("rtmp://host", "rtmp://host"),
            (" rtmp://host/a\nb ", "rtmp://host/ab"),
            ("rtmp://user:pass@host?a=b", "rtmp://host?a=b"),
            ("rtmp://user:pa/ss?w#rd@host/app", "rtmp://host/app"),
            ("live_123456_key", ""),
        ] {
            assert_eq!(clean_address(given), kept, "{given}");
        }
    }
}
