//! What can be changed of a destination: address, secrets, certificate file, backup.

use std::path::Path;

use crate::{
    engine::command::Trust,
    rtmp::url::{Credentials, PastedAddress, ServerUrl, UrlError, read_key, split_paste},
    secret::Secret,
    settings::{
        connection::{ConnectionSettings, TrustChoice, without_password},
        secrets::{Request, SecretKind},
    },
    ui::{command::Change, connection},
};

use super::{Desk, Effect, Place};

impl Desk {
    pub(super) fn change(&mut self, place: Place, change: Change) {
        match change {
            Change::Name(name) => {
                let index = place.also_index();
                if let Some(also) = index.and_then(|index| self.settings.also.get_mut(index)) {
                    also.name = name;
                }
            }
            Change::Enabled(enabled) => {
                let index = place.also_index();
                if let Some(also) = index.and_then(|index| self.settings.also.get_mut(index)) {
                    also.enabled = enabled;
                }
            }
            Change::Server(server) => self.set_server(place, server),
            Change::Pasted(text) => self.paste_address(place, text),
            Change::ServerDone => self.finish_address(place),
            Change::Secret(kind, text) => self.set_secret(place, kind, text),
            Change::PastedKey(text) => self.paste_key(place, text),
            Change::KeyDone => self.keep_key(place),
            Change::Connection(connection) => self.set_connection(place, connection),
            Change::ProxyDone => self.finish_proxy(place),
            Change::Backup(backup) => {
                if let Some(settings) = self.settings_at(place) {
                    settings.backup = backup;
                }
            }
            Change::PastedBackup(text) => self.paste_backup(place, text),
            Change::RememberKey(remember) => self.remember_key(place, remember),
        }
    }

    fn set_secret(&mut self, place: Place, kind: SecretKind, text: Secret) {
        if let Some(sheet) = self.sheet_at(place) {
            sheet.secrets.set(kind, text);
        }
    }

    fn set_server(&mut self, place: Place, server: String) {
        let Some(settings) = self.settings_at(place) else {
            return;
        };
        if server != settings.server {
            settings.server = server;
            if let Some(sheet) = self.sheet_at(place) {
                sheet.secrets.doubt_kept();
                sheet.remark = None;
            }
        }
    }

    /// What was pasted in the address's place: an address, perhaps with the key in it, or the key alone.
    fn paste_address(&mut self, place: Place, text: String) {
        let entry = self.entry(place);
        let is_empty = entry.is_some_and(|entry| entry.settings.server.is_empty());
        match split_paste(&text) {
            Ok(address) => self.take_address(place, address),
            Err(UrlError::BareKey) if is_empty => {
                self.set_secret(place, SecretKind::StreamKey, Secret::new(text));
                self.tidy_key(place);
                if let Some(sheet) = self.sheet_at(place) {
                    sheet.remark = Some(
                        "That was a stream key: it is in the key's field now. Paste the server's address above.",
                    );
                }
            }
            // What is no address stays in the field as it is; the obstacle says what is wrong.
            Err(_) => self.set_server(place, text),
        }
    }

    fn take_address(&mut self, place: Place, address: PastedAddress) {
        self.set_server(place, address.server);
        if let Some(credentials) = address.credentials {
            self.log_in_as(place, credentials);
        }
        if let Some(key) = address.key {
            self.set_secret(place, SecretKind::StreamKey, key);
            self.keep_key(place);
        }
    }

    fn log_in_as(&mut self, place: Place, credentials: Credentials) {
        if let Some(settings) = self.settings_at(place) {
            settings.connection.user = credentials.user;
        }
        self.set_secret(place, SecretKind::Password, credentials.password);
    }

    /// What was pasted as the backup's address: an address, perhaps with the key in it.
    fn paste_backup(&mut self, place: Place, text: String) {
        let (server, key) = match split_paste(&text) {
            Ok(address) => (address.server, address.key),
            Err(_) => (text, None),
        };
        if let Some(settings) = self.settings_at(place) {
            settings.backup.server = server;
        }
        if let Some(key) = key {
            let first = self.entry(place).map(|entry| entry.key().clone());
            // The key that both servers share is not kept twice.
            let key = if first.as_ref() == Some(&key) {
                Secret::default()
            } else {
                key
            };
            self.set_secret(place, SecretKind::BackupKey, key);
            self.keep_key(place);
        }
    }

    fn set_connection(&mut self, place: Place, connection: ConnectionSettings) {
        let Some(settings) = self.settings_at(place) else {
            return;
        };
        let is_new = settings.connection.trust != connection.trust;
        settings.connection = connection;
        if is_new {
            self.read_certificate(place);
        }
    }

    /// Has the certificate file read, if there is one.
    pub(super) fn read_certificate(&mut self, place: Place) {
        if let Some(sheet) = self.sheet_at(place) {
            sheet.trusted_file = None;
        }
        let entry = self.entry(place);
        if let Some(TrustChoice::File { file }) =
            entry.map(|entry| entry.settings.connection.trust.clone())
            && !file.as_os_str().is_empty()
        {
            self.effects.push(Effect::ReadCertificate(file));
        }
    }

    /// Takes in what a certificate file holds, for all destinations that trust it.
    pub fn hear_certificate(&mut self, file: &Path, read: &Result<Trust, String>) {
        let places: Vec<Place> = self
            .entries()
            .filter(|entry| {
                matches!(&entry.settings.connection.trust, TrustChoice::File { file: own } if own == file)
            })
            .map(|entry| entry.place)
            .collect();
        for place in places {
            if let Some(sheet) = self.sheet_at(place) {
                sheet.trusted_file = Some(read.clone());
            }
        }
    }

    pub(super) fn load_key(&mut self, place: Place) {
        if let Some(account) = self.kept_under(place)
            && let Some(sheet) = self.sheet_at(place)
        {
            let requests = sheet.secrets.load(&account);
            self.ask_keychain(requests);
        }
    }

    /// Gives key and passwords to the keychain, as far as they are to be remembered and are not there yet.
    pub(super) fn keep_key(&mut self, place: Place) {
        self.tidy_key(place);
        if let Some(account) = self.kept_under(place)
            && let Some(sheet) = self.sheet_at(place)
        {
            let requests = sheet.secrets.keep(&account);
            self.ask_keychain(requests);
        }
    }

    pub(super) fn keep_all_keys(&mut self) {
        for place in self.places() {
            self.keep_key(place);
        }
    }

    pub(super) fn places(&self) -> Vec<Place> {
        self.entries().map(|entry| entry.place).collect()
    }

    pub(super) fn forget_key(&mut self, place: Place) {
        let entry = self
            .entry(place)
            .filter(|entry| !entry.settings.server.is_empty());
        if let Some(account) = entry.map(|entry| entry.account())
            && let Some(sheet) = self.sheet_at(place)
        {
            let requests = sheet.secrets.forget(&account);
            self.ask_keychain(requests);
        }
    }

    fn remember_key(&mut self, place: Place, remember: bool) {
        if let Some(settings) = self.settings_at(place) {
            settings.remember_key = remember;
        }
        self.keychain_trouble = None;
        if remember {
            if let Some(sheet) = self.sheet_at(place) {
                sheet.secrets.doubt_kept();
            }
            self.keep_key(place);
        } else {
            self.forget_key(place);
        }
    }

    /// The keychain's account for a destination whose key is to be remembered.
    fn kept_under(&self, place: Place) -> Option<String> {
        let entry = self.entry(place)?;
        let is_kept = entry.settings.remember_key && !entry.settings.server.is_empty();
        is_kept.then(|| entry.account())
    }

    /// Takes off the keys what came along when they were copied.
    fn tidy_key(&mut self, place: Place) {
        if let Some(sheet) = self.sheet_at(place) {
            for kind in [SecretKind::StreamKey, SecretKind::BackupKey] {
                if let Ok(key) = read_key(sheet.secrets.get(kind).expose()) {
                    sheet.secrets.set(kind, key);
                }
            }
        }
    }

    fn ask_keychain(&mut self, requests: Vec<Request>) {
        self.effects
            .extend(requests.into_iter().map(Effect::Keychain));
    }

    /// The address has been typed. It is not split, but a login in it goes to its own fields.
    fn finish_address(&mut self, place: Place) {
        let url = self
            .entry(place)
            .and_then(|entry| ServerUrl::parse(&entry.settings.server).ok());
        if let Some(mut url) = url
            && let Some(credentials) = url.credentials.take()
        {
            self.log_in_as(place, credentials);
            self.set_server(place, format!("{}/{}", url.origin(), url.app));
        }
        self.load_key(place);
    }

    /// What was pasted in the key's place: the key, or an address with it.
    fn paste_key(&mut self, place: Place, text: Secret) {
        match split_paste(text.expose()) {
            Ok(address) => self.take_address(place, address),
            Err(_) => self.set_secret(place, SecretKind::StreamKey, text),
        }
    }

    /// The proxy has been typed. A password in it goes to its own field.
    fn finish_proxy(&mut self, place: Place) {
        let Some(settings) = self.settings_at(place) else {
            return;
        };
        let proxy = &mut settings.connection.proxy;
        if let Some(password) = connection::proxy_password(proxy) {
            *proxy = without_password(proxy);
            self.set_secret(place, SecretKind::ProxyPassword, password);
            self.keep_key(place);
        }
    }
}
