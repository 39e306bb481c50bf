//! The destinations one by one: which is meant, what is known of it beyond its settings.

use crate::{
    engine::{
        command::Trust,
        event::{DestinationState, StreamStatus},
    },
    rtmp::url::{ServerUrl, read_key},
    secret::Secret,
    settings::{
        destination::{AlsoSettings, DestinationSettings},
        secrets::SecretKind,
    },
    ui::{connection, secrets::Secrets, words::sentence},
};

use super::Desk;

/// One destination among all: the first, or one of those beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place(usize);

/// What the window knows of one destination beyond its settings.
#[derive(Debug, Default)]
pub struct Sheet {
    /// Its stream key, and the passwords of "Advanced connection".
    pub secrets: Secrets,
    /// Whether "Advanced connection" is open.
    pub advanced_shown: bool,
    /// What the chosen certificate file holds, or why it cannot be used; `None` before it has been read.
    pub trusted_file: Option<Result<Trust, String>>,
    /// What is to be told of the address just pasted, if anything is.
    pub remark: Option<&'static str>,
}

/// The destination whose dialog is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Which one.
    pub place: Place,
    /// Whether it is to be removed, if that is said once more.
    pub removing: bool,
}

/// One destination, as its fields show it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Which one.
    pub place: Place,
    /// What is remembered of it.
    pub settings: &'a DestinationSettings,
    /// What else is known.
    pub sheet: &'a Sheet,
    /// What only those beside the first have.
    pub also: Option<&'a AlsoSettings>,
}

impl Place {
    /// The first destination.
    pub const FIRST: Self = Self(0);

    /// The one at `index` of those beside the first.
    #[must_use]
    pub const fn also(index: usize) -> Self {
        Self(index + 1)
    }

    /// Its index among those beside the first; `None` for the first.
    #[must_use]
    pub const fn also_index(self) -> Option<usize> {
        self.0.checked_sub(1)
    }
}

impl Entry<'_> {
    /// The stream key.
    #[must_use]
    pub fn key(&self) -> &Secret {
        self.sheet.secrets.get(SecretKind::StreamKey)
    }

    /// What it is called: its name, or its server's.
    #[must_use]
    pub fn label(&self) -> String {
        let name = self.also.map_or("", |also| also.name.trim());
        if !name.is_empty() {
            return name.to_owned();
        }
        match ServerUrl::parse(&self.settings.server) {
            Ok(url) => url.host,
            Err(_) => "New destination".to_owned(),
        }
    }

    /// Under which name the keychain files its secrets. Those of the first are filed under the server alone.
    #[must_use]
    pub fn account(&self) -> String {
        match self.also {
            Some(also) => format!("{} [{}]", self.settings.server, also.number),
            None => self.settings.server.clone(),
        }
    }

    /// Whether the stream is to go there.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.also.is_none_or(|also| also.enabled)
    }

    /// What keeps it from being published to, in words, if anything does.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        let words = self.missing()?;
        Some(match self.also {
            Some(_) => format!("{} is not ready. {words}", self.label()),
            None => words,
        })
    }

    fn missing(&self) -> Option<String> {
        let server = self.settings.server.trim();
        if server.is_empty() {
            return Some("Enter the server's address to go live.".to_owned());
        }
        let url = match ServerUrl::parse(server) {
            Ok(url) => url,
            Err(error) => return Some(sentence(&error.to_string())),
        };
        match read_key(self.key().expose()) {
            Ok(key) if key.is_empty() && !url.has_query() => {
                return Some("Enter the stream key to go live.".to_owned());
            }
            Ok(_) => {}
            Err(error) => return Some(format!("The stream key {error}.")),
        }
        connection::destination(*self)
            .err()
            .map(|error| sentence(&error))
    }
}

impl Desk {
    /// The destination at `place`, if there is one.
    #[must_use]
    pub fn entry(&self, place: Place) -> Option<Entry<'_>> {
        let also = match place.also_index() {
            Some(index) => Some(self.settings.also.get(index)?),
            None => None,
        };
        Some(Entry {
            place,
            settings: also.map_or(&self.settings.destination, |also| &also.destination),
            sheet: self.sheets.get(place.0)?,
            also,
        })
    }

    /// The first destination and those beside it, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.sheets.len()).filter_map(|place| self.entry(Place(place)))
    }

    /// The destination whose fields are in front: the one in the dialog, else the first.
    #[must_use]
    pub fn front(&self) -> Place {
        self.opened.map_or(Place::FIRST, |opened| opened.place)
    }

    /// How the destination at `place` fares, if the stream went there.
    #[must_use]
    pub fn state_of(&self, place: Place) -> Option<&DestinationState> {
        let index = self.asked.iter().position(|asked| *asked == place)?;
        self.view.destinations.get(index)
    }

    /// Whether any destination waits for its next attempt.
    #[must_use]
    pub fn is_retrying(&self) -> bool {
        let waits = |status: &StreamStatus| matches!(status, StreamStatus::Reconnecting { .. });
        let mut all = self.view.destinations.iter().map(|state| &state.status);
        waits(&self.view.status) || all.any(waits)
    }

    pub(super) fn settings_at(&mut self, place: Place) -> Option<&mut DestinationSettings> {
        match place.also_index() {
            Some(index) => {
                let also = self.settings.also.get_mut(index)?;
                Some(&mut also.destination)
            }
            None => Some(&mut self.settings.destination),
        }
    }

    pub(super) fn sheet_at(&mut self, place: Place) -> Option<&mut Sheet> {
        self.sheets.get_mut(place.0)
    }

    /// Opens the dialog for a new destination beside the others.
    pub(super) fn add_destination(&mut self) {
        if self.settings.also.len() >= AlsoSettings::MOST || !self.view.is_offline() {
            return;
        }
        let also = AlsoSettings::beside(&self.settings.also);
        self.settings.also.push(also);
        self.sheets.push(Sheet::default());
        self.open_destination(Place::also(self.settings.also.len() - 1));
    }

    pub(super) fn open_destination(&mut self, place: Place) {
        self.key_shown = false;
        self.opened = Some(Opened {
            place,
            removing: false,
        });
    }

    /// Closes the dialog. A destination into which nothing was entered goes with it.
    pub(super) fn close_destination(&mut self) {
        let Some(Opened { place, .. }) = self.opened.take() else {
            return;
        };
        self.key_shown = false;
        let is_empty = self.entry(place).is_some_and(|entry| {
            entry.also.is_some() && entry.settings.server.is_empty() && entry.key().is_empty()
        });
        if is_empty {
            self.remove(place);
        } else {
            self.keep_key(place);
        }
    }

    /// Forgets the destination in the dialog, and its secrets, when asked for the second time: the key may be
    /// nowhere else.
    pub(super) fn remove_destination(&mut self) {
        let Some(opened) = &mut self.opened else {
            return;
        };
        if !std::mem::replace(&mut opened.removing, true) || !self.view.is_offline() {
            return;
        }
        let place = opened.place;
        self.opened = None;
        self.key_shown = false;
        self.forget_key(place);
        self.remove(place);
    }

    fn remove(&mut self, place: Place) {
        if let Some(index) = place.also_index()
            && index < self.settings.also.len()
        {
            self.settings.also.remove(index);
            self.sheets.remove(place.0);
            self.asked.clear();
        }
    }
}
