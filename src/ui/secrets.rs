//! The destination's secrets as they stand in their fields, and what the keychain holds of them.

use crate::{
    secret::Secret,
    settings::secrets::{Request, SecretKind},
};

/// One text for each kind of secret; an empty one where there is none.
#[derive(Debug, Default)]
pub struct Secrets([Slot; SecretKind::ALL.len()]);

#[derive(Debug, Default)]
struct Slot {
    text: Secret,
    /// What the keychain holds for the present server, as far as is known.
    kept: Option<Secret>,
}

impl Secrets {
    /// The secret of this kind.
    #[must_use]
    pub fn get(&self, kind: SecretKind) -> &Secret {
        &self.0[kind as usize].text
    }

    /// Takes over what was typed.
    pub fn set(&mut self, kind: SecretKind, text: Secret) {
        self.0[kind as usize].text = text;
    }

    /// Takes over what the keychain holds, unless something else has been typed meanwhile.
    pub fn hear_kept(&mut self, kind: SecretKind, kept: Secret) {
        let slot = &mut self.0[kind as usize];
        if slot.text.is_empty() {
            slot.text = kept.clone();
        }
        slot.kept = Some(kept);
    }

    /// What the keychain holds is no longer known: it failed, or the server is another.
    pub fn doubt_kept(&mut self) {
        for slot in &mut self.0 {
            slot.kept = None;
        }
    }

    /// Asks for those that are missing.
    #[must_use]
    pub fn load(&self, server: &str) -> Vec<Request> {
        self.requests(
            |slot| slot.text.is_empty(),
            server,
            |kind, server| Request::Load { kind, server },
        )
    }

    /// Has those kept that are not yet, and those forgotten that were emptied.
    #[must_use]
    pub fn keep(&mut self, server: &str) -> Vec<Request> {
        let mut requests = Vec::new();
        for kind in SecretKind::ALL {
            let slot = &mut self.0[kind as usize];
            let server = server.to_owned();
            if slot.text.is_empty() {
                if slot.kept.take().is_some() {
                    requests.push(Request::Delete { kind, server });
                }
            } else if slot.kept.as_ref() != Some(&slot.text) {
                slot.kept = Some(slot.text.clone());
                let secret = slot.text.clone();
                requests.push(Request::Store {
                    kind,
                    server,
                    secret,
                });
            }
        }
        requests
    }

    /// Has all of them forgotten by the keychain; they stay in their fields.
    #[must_use]
    pub fn forget(&mut self, server: &str) -> Vec<Request> {
        self.doubt_kept();
        self.requests(
            |_| true,
            server,
            |kind, server| Request::Delete { kind, server },
        )
    }

    fn requests(
        &self,
        which: impl Fn(&Slot) -> bool,
        server: &str,
        request: impl Fn(SecretKind, String) -> Request,
    ) -> Vec<Request> {
        SecretKind::ALL
            .into_iter()
            .filter(|kind| which(&self.0[*kind as usize]))
            .map(|kind| request(kind, server.to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "rtmp://a.example/live";

    #[test]
    fn only_what_is_new_goes_to_the_keychain() {
        let mut secrets = Secrets::default();
        assert_eq!(secrets.keep(SERVER), []);
        secrets.set(SecretKind::Password, Secret::new("p"));
        secrets.hear_kept(SecretKind::StreamKey, Secret::new("k"));
        assert!(matches!(
            secrets.keep(SERVER).as_slice(),
            [Request::Store {
                kind: SecretKind::Password,
                ..
            }]
        ));
        assert_eq!(secrets.keep(SERVER), []);
        secrets.set(SecretKind::Password, Secret::default());
        assert!(matches!(
            secrets.keep(SERVER).as_slice(),
            [Request::Delete {
                kind: SecretKind::Password,
                ..
            }]
        ));
    }

    #[test]
    fn what_was_typed_goes_before_what_was_kept() {
        let mut secrets = Secrets::default();
        assert_eq!(secrets.load(SERVER).len(), SecretKind::ALL.len());
        secrets.set(SecretKind::StreamKey, Secret::new("typed"));
        assert_eq!(secrets.load(SERVER).len(), SecretKind::ALL.len() - 1);
        secrets.hear_kept(SecretKind::StreamKey, Secret::new("kept"));
        assert_eq!(secrets.get(SecretKind::StreamKey).expose(), "typed");
        assert_eq!(secrets.forget(SERVER).len(), SecretKind::ALL.len());
        assert!(!secrets.get(SecretKind::StreamKey).is_empty());
    }
}
