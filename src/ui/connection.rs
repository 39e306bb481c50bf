//! From what stands in the fields of "Advanced connection" to what the engine takes; each part says what is
//! wrong with it, in words for the place beside its field.

use crate::{
    engine::command::{
        Backup, Credentials, Destination, Fingerprint, HandshakeForm, LocalEnd, Proxy, Route,
        SessionOptions, Trust, connect_arguments,
    },
    rtmp::url::{Scheme, ServerUrl, read_key},
    secret::Secret,
    settings::{connection::TrustChoice, secrets::SecretKind},
};

use super::desk::Entry;

/// The server, its key and the way there.
///
/// # Errors
/// The first thing that cannot be right.
pub fn destination(entry: Entry<'_>) -> Result<Destination, String> {
    let settings = entry.settings;
    Ok(Destination {
        name: entry.also.map_or("", |also| also.name.trim()).to_owned(),
        credentials: credentials(entry)?,
        backup: backup(entry)?,
        route: Route {
            trust: trust(entry)?,
            local: local(entry)?,
            proxy: proxy(entry)?,
        },
        options: SessionOptions {
            handshake: if settings.connection.digest_handshake {
                HandshakeForm::Digest
            } else {
                HandshakeForm::Simple
            },
            enhanced: !settings.connection.plain_connect,
            ..arguments(entry)?
        },
        ..Destination::new(settings.server.trim(), entry.key().clone())
    })
}

/// The backup server, if there is one: with the same login, and with the same key unless it has its own.
///
/// # Errors
/// When its address or key cannot be one.
pub fn backup(entry: Entry<'_>) -> Result<Option<Backup>, String> {
    let settings = &entry.settings.backup;
    optional(&settings.server, |server| {
        ServerUrl::parse(server).map_err(|error| error.to_string())?;
        let own = read_key(entry.sheet.secrets.get(SecretKind::BackupKey).expose())
            .map_err(|error| format!("the backup's stream key {error}"))?;
        Ok(Backup {
            server: server.to_owned(),
            key: if own.is_empty() {
                entry.key().clone()
            } else {
                own
            },
            credentials: credentials(entry)?,
            warm: settings.warm,
            return_to_primary: settings.return_to_primary,
        })
    })
}

/// User and password.
///
/// # Errors
/// When one has been given without the other.
pub fn credentials(entry: Entry<'_>) -> Result<Option<Credentials>, String> {
    let user = entry.settings.connection.user.trim();
    let password = entry.sheet.secrets.get(SecretKind::Password);
    match (user.is_empty(), password.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err("there is a password but no user name; enter both or none".to_owned()),
        (false, true) => Err("the user has no password; enter both or none".to_owned()),
        (false, false) => Ok(Some(Credentials {
            user: user.to_owned(),
            password: password.clone(),
        })),
    }
}

/// Whose certificates count.
///
/// # Errors
/// When the file or the fingerprint is missing or not what it should be, or the server has no certificate.
pub fn trust(entry: Entry<'_>) -> Result<Trust, String> {
    let url = ServerUrl::parse(&entry.settings.server);
    let choice = &entry.settings.connection.trust;
    if *choice != TrustChoice::System && url.is_ok_and(|url| url.scheme == Scheme::Rtmp) {
        return Err(
            "rtmp:// has no certificate; write rtmps:// in the address, or choose \"As this system\""
                .to_owned(),
        );
    }
    match choice {
        TrustChoice::System => Ok(Trust::System),
        TrustChoice::File { file } if file.as_os_str().is_empty() => {
            Err("no certificate file is chosen; choose one in PEM form".to_owned())
        }
        TrustChoice::File { .. } => match &entry.sheet.trusted_file {
            Some(read) => read.clone(),
            None => Err("the certificate file has not been read yet".to_owned()),
        },
        TrustChoice::Pinned { fingerprint } if fingerprint.trim().is_empty() => {
            Err("there is no fingerprint; copy the certificate's SHA-256 fingerprint".to_owned())
        }
        TrustChoice::Pinned { fingerprint } => Fingerprint::parse(fingerprint)
            .map(Trust::Only)
            .map_err(|error| error.to_string()),
    }
}

/// Where the stream leaves this computer.
///
/// # Errors
/// When it is neither an address nor an interface.
pub fn local(entry: Entry<'_>) -> Result<Option<LocalEnd>, String> {
    optional(&entry.settings.connection.from, |text| {
        LocalEnd::parse(text).map_err(|error| error.to_string())
    })
}

/// The proxy on the way.
///
/// # Errors
/// When it is none, or has a password but no user.
pub fn proxy(entry: Entry<'_>) -> Result<Option<Proxy>, String> {
    let password = entry.sheet.secrets.get(SecretKind::ProxyPassword);
    let proxy = optional(&entry.settings.connection.proxy, |text| {
        Proxy::parse(text).map_err(|error| error.to_string())
    })?;
    match proxy {
        Some(mut proxy) if !password.is_empty() => {
            let login = proxy
                .credentials
                .as_mut()
                .ok_or("the proxy has a password but no user; write it as http://user@host:port")?;
            login.password.clone_from(password);
            Ok(Some(proxy))
        }
        other => Ok(other),
    }
}

/// The proxy's address without the password in it, and that password.
#[must_use]
pub fn proxy_password(address: &str) -> Option<Secret> {
    let login = Proxy::parse(address).ok()?.credentials?;
    (!login.password.is_empty()).then_some(login.password)
}

/// Further connect arguments, separated by spaces.
///
/// # Errors
/// When one of them cannot be read.
pub fn arguments(entry: Entry<'_>) -> Result<SessionOptions, String> {
    let text = entry
        .sheet
        .secrets
        .get(SecretKind::ConnectArguments)
        .expose();
    let texts: Vec<&str> = text.split_whitespace().collect();
    Ok(SessionOptions {
        connect_arguments: connect_arguments::parse(&texts).map_err(|error| error.to_string())?,
        ..SessionOptions::default()
    })
}

/// What is set, in a few words, for the line that stays when the fields are folded away.
#[must_use]
pub fn summary(entry: Entry<'_>) -> String {
    let settings = &entry.settings.connection;
    let own_arguments = !entry
        .sheet
        .secrets
        .get(SecretKind::ConnectArguments)
        .is_empty();
    let set: Vec<&str> = [
        (!entry.settings.backup.server.is_empty(), "backup"),
        (!settings.user.is_empty(), "login"),
        (settings.trust != TrustChoice::System, "certificate"),
        (!settings.from.is_empty(), "way out"),
        (!settings.proxy.is_empty(), "proxy"),
        (settings.digest_handshake, "handshake"),
        (own_arguments || settings.plain_connect, "connect"),
    ]
    .into_iter()
    .filter_map(|(is_set, word)| is_set.then_some(word))
    .collect();
    set.join(", ")
}

fn optional<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    parse(text).map(Some)
}
