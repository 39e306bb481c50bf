//! The destination's part of the desk: address, secrets, certificate file.

use crate::{
    rtmp::url::{Credentials, PastedAddress, ServerUrl, UrlError, read_key, split_paste},
    secret::Secret,
    settings::{
        connection::{ConnectionSettings, TrustChoice, without_password},
        secrets::{Request, SecretKind},
    },
    ui::connection,
};

use super::{Desk, Effect};

impl Desk {
    pub(super) fn set_server(&mut self, server: String) {
        if server != self.settings.destination.server {
            self.settings.destination.server = server;
            self.secrets.doubt_kept();
            self.address_remark = None;
        }
    }

    /// What was pasted in the address's place: an address, perhaps with the key in it, or the key alone.
    pub(super) fn paste_address(&mut self, text: String) {
        match split_paste(&text) {
            Ok(address) => self.take_address(address),
            Err(UrlError::BareKey) if self.settings.destination.server.is_empty() => {
                self.secrets.set(SecretKind::StreamKey, Secret::new(text));
                self.tidy_key();
                self.address_remark = Some(
                    "That was a stream key: it is in the key's field now. Paste the server's address above.",
                );
            }
            // What is no address stays in the field as it is; the obstacle says what is wrong.
            Err(_) => self.set_server(text),
        }
    }

    fn take_address(&mut self, address: PastedAddress) {
        self.set_server(address.server);
        if let Some(credentials) = address.credentials {
            self.log_in_as(credentials);
        }
        if let Some(key) = address.key {
            self.secrets.set(SecretKind::StreamKey, key);
            self.keep_key();
        }
    }

    fn log_in_as(&mut self, credentials: Credentials) {
        self.settings.destination.connection.user = credentials.user;
        self.secrets.set(SecretKind::Password, credentials.password);
    }

    pub(super) fn set_connection(&mut self, connection: ConnectionSettings) {
        let before = &self.settings.destination.connection.trust;
        let is_new = *before != connection.trust;
        self.settings.destination.connection = connection;
        if is_new {
            self.read_certificate();
        }
    }

    /// Has the certificate file read, if there is one.
    pub(super) fn read_certificate(&mut self) {
        self.trusted_file = None;
        if let TrustChoice::File { file } = &self.settings.destination.connection.trust
            && !file.as_os_str().is_empty()
        {
            self.effects.push(Effect::ReadCertificate(file.clone()));
        }
    }

    pub(super) fn load_key(&mut self) {
        let destination = &self.settings.destination;
        if destination.remember_key && !destination.server.is_empty() {
            let requests = self.secrets.load(&destination.server);
            self.ask_keychain(requests);
        }
    }

    /// Gives key and passwords to the keychain, as far as they are to be remembered and are not there yet.
    pub(super) fn keep_key(&mut self) {
        self.tidy_key();
        let destination = &self.settings.destination;
        if destination.remember_key && !destination.server.is_empty() {
            let requests = self.secrets.keep(&destination.server);
            self.ask_keychain(requests);
        }
    }

    pub(super) fn forget_key(&mut self) {
        let server = &self.settings.destination.server;
        if !server.is_empty() {
            let requests = self.secrets.forget(server);
            self.ask_keychain(requests);
        }
    }

    /// Takes off the key what came along when it was copied.
    fn tidy_key(&mut self) {
        if let Ok(key) = read_key(self.key().expose()) {
            self.secrets.set(SecretKind::StreamKey, key);
        }
    }

    fn ask_keychain(&mut self, requests: Vec<Request>) {
        self.effects
            .extend(requests.into_iter().map(Effect::Keychain));
    }

    /// The address has been typed. It is not split, but a login in it goes to its own fields.
    pub(super) fn finish_address(&mut self) {
        if let Ok(mut url) = ServerUrl::parse(&self.settings.destination.server)
            && let Some(credentials) = url.credentials.take()
        {
            self.log_in_as(credentials);
            self.set_server(format!("{}/{}", url.origin(), url.app));
        }
        self.load_key();
    }

    /// What was pasted in the key's place: the key, or an address with it.
    pub(super) fn paste_key(&mut self, text: Secret) {
        match split_paste(text.expose()) {
            Ok(address) => self.take_address(address),
            Err(_) => self.secrets.set(SecretKind::StreamKey, text),
        }
    }

    /// The proxy has been typed. A password in it goes to its own field.
    pub(super) fn finish_proxy(&mut self) {
        let proxy = &mut self.settings.destination.connection.proxy;
        if let Some(password) = connection::proxy_password(proxy) {
            *proxy = without_password(proxy);
            self.secrets.set(SecretKind::ProxyPassword, password);
            self.keep_key();
        }
    }
}
