//! Stream keys and passwords in the system's keychain, reached on a thread of their own: a keychain may ask the user for
//! a password and take minutes to answer.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use thiserror::Error;

use crate::secret::Secret;

/// The way to the keychain: requests go in, answers come back in order, nothing blocks.
#[derive(Debug)]
pub struct Keychain {
    requests: SyncSender<Request>,
    answers: Receiver<Answer>,
}

/// What there is to keep, each filed under the server's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// The stream key.
    StreamKey,
    /// The stream key at the backup server, where that is another.
    BackupKey,
    /// The password of the user who logs in.
    Password,
    /// The password of the proxy on the way.
    ProxyPassword,
    /// Further connect arguments; servers take tokens there.
    ConnectArguments,
}

impl SecretKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::StreamKey,
        Self::BackupKey,
        Self::Password,
        Self::ProxyPassword,
        Self::ConnectArguments,
    ];

    /// The name under which keychains list it.
    fn service(self) -> &'static str {
        match self {
            Self::StreamKey => "Skywave stream key",
            Self::BackupKey => "Skywave backup stream key",
            Self::Password => "Skywave password",
            Self::ProxyPassword => "Skywave proxy password",
            Self::ConnectArguments => "Skywave connect arguments",
        }
    }
}

/// What may be asked, of one kind of secret for one server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read it.
    Load {
        /// Which secret.
        kind: SecretKind,
        /// The server's address.
        server: String,
    },
    /// Keep it.
    Store {
        /// Which secret.
        kind: SecretKind,
        /// The server's address.
        server: String,
        /// Its text.
        secret: Secret,
    },
    /// Forget it, if it is there.
    Delete {
        /// Which secret.
        kind: SecretKind,
        /// The server's address.
        server: String,
    },
}

/// What came of a request.
#[derive(Debug)]
pub enum Answer {
    /// This is what was kept for that server, if anything was.
    Loaded {
        /// Which secret.
        kind: SecretKind,
        /// The server's address.
        server: String,
        /// Its text.
        secret: Option<Secret>,
    },
    /// It is kept.
    Stored,
    /// It is forgotten.
    Deleted,
    /// It did not work.
    Failed(SecretError),
}

/// Why a key cannot be remembered.
#[derive(Debug, Error)]
pub enum SecretError {
    /// There is no keychain, or nobody unlocks it.
    #[error("no keychain on this system: the key is used for this run but not remembered")]
    NoKeychain(#[source] keyring::Error),
    /// The keychain is there but refuses.
    #[error("the keychain refused: {0}; the key is used for this run but not remembered")]
    Refused(#[source] keyring::Error),
    /// The keychain has not answered the last requests yet.
    #[error("the keychain does not answer; unlock it, then switch \"Remember\" off and on")]
    Busy,
}

/// A place that keeps secrets. The system's own is [`SystemVault`].
pub trait Vault: Send {
    /// What is kept for `server`, if anything is.
    ///
    /// # Errors
    /// When the place cannot be reached.
    fn load(&mut self, kind: SecretKind, server: &str) -> Result<Option<Secret>, SecretError>;

    /// Keeps `secret` for `server`.
    ///
    /// # Errors
    /// When the place cannot be reached or refuses.
    fn store(&mut self, kind: SecretKind, server: &str, secret: &Secret)
    -> Result<(), SecretError>;

    /// Forgets what is kept for `server`; it is fine if nothing is.
    ///
    /// # Errors
    /// When the place cannot be reached or refuses.
    fn delete(&mut self, kind: SecretKind, server: &str) -> Result<(), SecretError>;
}

/// macOS Keychain, Windows Credential Manager, or the Secret Service.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemVault;

impl Keychain {
    /// Starts the thread that talks to `vault` and calls `wake` after each answer.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        mut vault: impl Vault + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let (requests, inbox) = sync_channel::<Request>(MAX_WAITING);
        let (outbox, answers) = sync_channel(MAX_WAITING);
        thread::Builder::new()
            .name("keychain".into())
            .spawn(move || {
                while let Ok(request) = inbox.recv() {
                    if outbox.send(answer(&mut vault, request)).is_err() {
                        return;
                    }
                    wake();
                }
            })?;
        Ok(Self { requests, answers })
    }

    /// Asks for something; the answer comes later.
    ///
    /// # Errors
    /// [`SecretError::Busy`] when earlier requests are still unanswered.
    pub fn ask(&self, request: Request) -> Result<(), SecretError> {
        self.requests.try_send(request).or(Err(SecretError::Busy))
    }

    /// The next answer, if one has come.
    pub fn try_answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// Lets what was asked be done before the program ends, but waits no longer than `within`.
    pub fn finish(self, within: Duration) {
        drop(self.requests);
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.answers.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => return,
            }
        }
    }
}

impl Vault for SystemVault {
    fn load(&mut self, kind: SecretKind, server: &str) -> Result<Option<Secret>, SecretError> {
        match entry(kind, server)?.get_password() {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn store(
        &mut self,
        kind: SecretKind,
        server: &str,
        secret: &Secret,
    ) -> Result<(), SecretError> {
        Ok(entry(kind, server)?.set_password(secret.expose())?)
    }

    fn delete(&mut self, kind: SecretKind, server: &str) -> Result<(), SecretError> {
        match entry(kind, server)?.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl From<keyring::Error> for SecretError {
    fn from(error: keyring::Error) -> Self {
        match error {
            keyring::Error::NoDefaultStore
            | keyring::Error::NoStorageAccess(_)
            | keyring::Error::PlatformFailure(_) => Self::NoKeychain(error),
            _ => Self::Refused(error),
        }
    }
}

fn entry(kind: SecretKind, server: &str) -> Result<keyring::Entry, SecretError> {
    Ok(keyring::Entry::new(kind.service(), server)?)
}

fn answer(vault: &mut impl Vault, request: Request) -> Answer {
    let result = match request {
        Request::Load { kind, server } => vault.load(kind, &server).map(|secret| Answer::Loaded {
            kind,
            server,
            secret,
        }),
        Request::Store {
            kind,
            server,
            secret,
        } => vault.store(kind, &server, &secret).map(|()| Answer::Stored),
        Request::Delete { kind, server } => vault.delete(kind, &server).map(|()| Answer::Deleted),
    };
    result.unwrap_or_else(Answer::Failed)
}

/// Room for a request for each kind of every destination, and more.
const MAX_WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// A vault in memory.
    #[derive(Default)]
    struct Drawer(HashMap<(SecretKind, String), Secret>);

    impl Vault for Drawer {
        fn load(&mut self, kind: SecretKind, server: &str) -> Result<Option<Secret>, SecretError> {
            Ok(self.0.get(&(kind, server.into())).cloned())
        }

        fn store(
            &mut self,
            kind: SecretKind,
            server: &str,
            secret: &Secret,
        ) -> Result<(), SecretError> {
            self.0.insert((kind, server.into()), secret.clone());
            Ok(())
        }

        fn delete(&mut self, kind: SecretKind, server: &str) -> Result<(), SecretError> {
            self.0.remove(&(kind, server.into()));
            Ok(())
        }
    }

    fn next(keychain: &Keychain) -> Answer {
        keychain
            .answers
            .recv_timeout(Duration::from_secs(10))
            .unwrap()
    }

    #[test]
    fn secrets_are_kept_by_kind_and_server_and_forgotten_on_request() {
        let keychain = Keychain::start(Drawer::default(), || {}).unwrap();
        let server = || "rtmp://example.org/live".to_owned();
        let load = |kind| {
            let server = server();
            keychain.ask(Request::Load { kind, server }).unwrap();
            match next(&keychain) {
                Answer::Loaded { secret, .. } => secret,
                other => panic!("{other:?}"),
            }
        };
        for kind in SecretKind::ALL {
            keychain
                .ask(Request::Store {
                    kind,
                    server: server(),
                    secret: Secret::new(kind.service()),
                })
                .unwrap();
            assert!(matches!(next(&keychain), Answer::Stored));
        }
        for kind in SecretKind::ALL {
            assert_eq!(load(kind), Some(Secret::new(kind.service())));
        }
        let kind = SecretKind::Password;
        let server = server();
        keychain.ask(Request::Delete { kind, server }).unwrap();
        assert!(matches!(next(&keychain), Answer::Deleted));
        assert_eq!(load(kind), None);
        assert!(load(SecretKind::StreamKey).is_some());
    }

    #[test]
    fn finishing_lets_the_last_request_be_done() {
        struct Told(SyncSender<()>);
        impl Vault for Told {
            fn load(&mut self, _: SecretKind, _: &str) -> Result<Option<Secret>, SecretError> {
                Ok(None)
            }
            fn store(&mut self, _: SecretKind, _: &str, _: &Secret) -> Result<(), SecretError> {
                Ok(())
            }
            fn delete(&mut self, _: SecretKind, _: &str) -> Result<(), SecretError> {
                let _ = self.0.send(());
                Ok(())
            }
        }
        let (told, heard) = sync_channel(1);
        let keychain = Keychain::start(Told(told), || {}).unwrap();
        keychain
            .ask(Request::Delete {
                kind: SecretKind::StreamKey,
                server: String::new(),
            })
            .unwrap();
        keychain.finish(Duration::from_secs(10));
        assert!(heard.try_recv().is_ok());
    }

    #[test]
    fn requests_and_answers_never_print_a_secret() {
        let (kind, secret) = (SecretKind::Password, Secret::new("live_123"));
        let request = Request::Store {
            kind,
            server: "s".into(),
            secret: secret.clone(),
        };
        assert!(!format!("{request:?}").contains("live_123"));
        let answer = Answer::Loaded {
            kind,
            server: "s".into(),
            secret: Some(secret),
        };
        assert!(!format!("{answer:?}").contains("live_123"));
    }

    #[test]
    fn a_missing_keychain_is_told_in_plain_words() {
        let error = SecretError::from(keyring::Error::NoDefaultStore);
        assert_eq!(
            error.to_string(),
            "no keychain on this system: the key is used for this run but not remembered"
        );
    }
}
