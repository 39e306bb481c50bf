//! Stream keys in the system's keychain, reached on a thread of their own: a keychain may ask the user for
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

/// What may be asked. Keys are filed under the server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read the key for this server.
    Load {
        /// The server's address.
        server: String,
    },
    /// Keep this key for this server.
    Store {
        /// The server's address.
        server: String,
        /// The key.
        key: Secret,
    },
    /// Forget the key for this server, if there is one.
    Delete {
        /// The server's address.
        server: String,
    },
}

/// What came of a request.
#[derive(Debug)]
pub enum Answer {
    /// This is the key for that server, if there is one.
    Loaded {
        /// The server's address.
        server: String,
        /// Its key.
        key: Option<Secret>,
    },
    /// The key is kept.
    Stored,
    /// The key is forgotten.
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

/// A place that keeps keys. The system's own is [`SystemVault`].
pub trait Vault: Send {
    /// The key for `server`, if there is one.
    ///
    /// # Errors
    /// When the place cannot be reached.
    fn load(&mut self, server: &str) -> Result<Option<Secret>, SecretError>;

    /// Keeps `key` for `server`.
    ///
    /// # Errors
    /// When the place cannot be reached or refuses.
    fn store(&mut self, server: &str, key: &Secret) -> Result<(), SecretError>;

    /// Forgets the key for `server`; it is fine if there is none.
    ///
    /// # Errors
    /// When the place cannot be reached or refuses.
    fn delete(&mut self, server: &str) -> Result<(), SecretError>;
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
    fn load(&mut self, server: &str) -> Result<Option<Secret>, SecretError> {
        match entry(server)?.get_password() {
            Ok(key) => Ok(Some(Secret::new(key))),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn store(&mut self, server: &str, key: &Secret) -> Result<(), SecretError> {
        Ok(entry(server)?.set_password(key.expose())?)
    }

    fn delete(&mut self, server: &str) -> Result<(), SecretError> {
        match entry(server)?.delete_credential() {
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

fn entry(server: &str) -> Result<keyring::Entry, SecretError> {
    Ok(keyring::Entry::new(SERVICE, server)?)
}

fn answer(vault: &mut impl Vault, request: Request) -> Answer {
    let result = match request {
        Request::Load { server } => vault
            .load(&server)
            .map(|key| Answer::Loaded { server, key }),
        Request::Store { server, key } => vault.store(&server, &key).map(|()| Answer::Stored),
        Request::Delete { server } => vault.delete(&server).map(|()| Answer::Deleted),
    };
    result.unwrap_or_else(Answer::Failed)
}

/// The name under which keychains list our entries.
const SERVICE: &str = "Skywave stream key";
const MAX_WAITING: usize = 8;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// A vault in memory.
    #[derive(Default)]
    struct Drawer(HashMap<String, Secret>);

    impl Vault for Drawer {
        fn load(&mut self, server: &str) -> Result<Option<Secret>, SecretError> {
            Ok(self.0.get(server).cloned())
        }

        fn store(&mut self, server: &str, key: &Secret) -> Result<(), SecretError> {
            self.0.insert(server.into(), key.clone());
            Ok(())
        }

        fn delete(&mut self, server: &str) -> Result<(), SecretError> {
            self.0.remove(server);
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
    fn a_stored_key_is_loaded_by_its_server_and_forgotten_on_request() {
        let keychain = Keychain::start(Drawer::default(), || {}).unwrap();
        let server = || "rtmp://example.org/live".to_owned();
        let key = Secret::new("k");
        keychain
            .ask(Request::Store {
                server: server(),
                key: key.clone(),
            })
            .unwrap();
        assert!(matches!(next(&keychain), Answer::Stored));
        let load = || keychain.ask(Request::Load { server: server() }).unwrap();
        load();
        assert!(matches!(next(&keychain), Answer::Loaded { key: Some(found), .. } if found == key));
        keychain.ask(Request::Delete { server: server() }).unwrap();
        assert!(matches!(next(&keychain), Answer::Deleted));
        load();
        assert!(matches!(next(&keychain), Answer::Loaded { key: None, .. }));
    }

    #[test]
    fn finishing_lets_the_last_request_be_done() {
        struct Told(SyncSender<()>);
        impl Vault for Told {
            fn load(&mut self, _: &str) -> Result<Option<Secret>, SecretError> {
                Ok(None)
            }
            fn store(&mut self, _: &str, _: &Secret) -> Result<(), SecretError> {
                Ok(())
            }
            fn delete(&mut self, _: &str) -> Result<(), SecretError> {
                let _ = self.0.send(());
                Ok(())
            }
        }
        let (told, heard) = sync_channel(1);
        let keychain = Keychain::start(Told(told), || {}).unwrap();
        keychain
            .ask(Request::Delete {
                server: String::new(),
            })
            .unwrap();
        keychain.finish(Duration::from_secs(10));
        assert!(heard.try_recv().is_ok());
    }

    #[test]
    fn requests_and_answers_never_print_a_key() {
        let request = Request::Store {
            server: "s".into(),
            key: Secret::new("live_123"),
        };
        assert!(!format!("{request:?}").contains("live_123"));
        let answer = Answer::Loaded {
            server: "s".into(),
            key: Some(Secret::new("live_123")),
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
