//! Logging in, in Adobe's way: who may, and challenges that need not be remembered.
//!
//! Each step of a login comes on a connection of its own ([`crate::rtmp::auth`]), so a challenge outlives the
//! session that gave it. It carries its own time, sealed with a secret of this receiver, and comes back with the
//! answer.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{
    rtmp::{
        auth::adobe::{Challenge, DEMAND, Said, Verdict},
        url::Credentials,
    },
    units::MediaTime,
};

/// Lets in only who knows a user's password.
#[derive(Clone)]
pub struct Gate {
    known: Credentials,
    seal: [u8; 32],
}

impl Gate {
    /// For the user `known`. `seal` must be random, secret, and the same for all sessions of a receiver.
    #[must_use]
    pub fn new(known: Credentials, seal: [u8; 32]) -> Self {
        Self { known, seal }
    }

    /// Looks at what stands behind the application in `app`. `seed` varies the challenge.
    ///
    /// # Errors
    /// When `connect` is to be rejected: for the next step of the login, or because it failed.
    pub(super) fn examine(&self, app: &str, now: MediaTime, seed: u64) -> Result<(), Rejection> {
        let rejected = |description: String, because| {
            Err(Rejection {
                description,
                because,
            })
        };
        let told = |verdict: Verdict| verdict.description().unwrap_or_default();
        match Said::read(app) {
            Said::Nothing => rejected(DEMAND.to_owned(), "the client was asked to log in"),
            Said::User(user) if user == self.known.user => {
                let challenge = self.challenge(self.sealed(now.as_millis(), seed));
                let description = challenge.description(&user);
                rejected(description, "the client was asked for the password")
            }
            Said::User(_) => rejected(told(Verdict::UnknownUser), ANOTHER_USER),
            Said::Answer(answer) => {
                let opaque = answer.opaque.as_deref().unwrap_or_default();
                if !self.is_fresh(opaque, now) {
                    return rejected(told(Verdict::WrongPassword), "the login came too late");
                }
                let verdict = self
                    .challenge(opaque.to_owned())
                    .judge(&answer, &self.known);
                match verdict {
                    Verdict::Welcome => Ok(()),
                    Verdict::WrongPassword => {
                        rejected(told(verdict), "the client gave a wrong password")
                    }
                    Verdict::UnknownUser => rejected(told(verdict), ANOTHER_USER),
                }
            }
        }
    }

    fn challenge(&self, opaque: String) -> Challenge {
        Challenge {
            salt: self.mac("salt"),
            challenge: self.mac(&opaque),
            opaque: Some(opaque),
        }
    }

    /// Time and number in a form that only this receiver can have made.
    fn sealed(&self, millis: u64, number: u64) -> String {
        let text = format!("{millis:x}-{number:x}");
        let mac = self.mac(&text);
        format!("{text}-{mac}")
    }

    /// Whether this receiver made `opaque`, and not long ago.
    fn is_fresh(&self, opaque: &str, now: MediaTime) -> bool {
        let mut parts = opaque.splitn(3, '-');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let (Some(millis), Some(seed)) = (number(), number()) else {
            return false;
        };
        // What comes back says nothing about the seal that was not on the wire before.
        let is_ours = self.sealed(millis, seed) == opaque;
        is_ours && now.since(MediaTime::from_millis(millis)) <= CHALLENGE_LASTS
    }

    fn mac(&self, text: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.seal).expect("an HMAC takes keys of any length");
        mac.update(text.as_bytes());
        let bytes = mac.finalize().into_bytes();
        bytes[..MAC_BYTES]
            .iter()
            .fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}"); // to a string: cannot fail
                text
            })
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("user", &self.known.user)
            .finish_non_exhaustive()
    }
}

/// Why `connect` is rejected.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    /// For the client.
    pub(super) description: String,
    /// For the receiver's owner.
    pub(super) because: &'static str,
}

const ANOTHER_USER: &str = "the client gave another user's name";

/// How long a client may take to answer a challenge.
const CHALLENGE_LASTS: Duration = Duration::from_secs(30);
/// Enough that nobody guesses one in that time.
const MAC_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        rtmp::auth::{Attempt, Login, LoginError, next_step},
        secret::Secret,
    };

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials {
            user: user.to_owned(),
            password: Secret::new(password),
        }
    }

    fn gate() -> Gate {
        Gate::new(credentials("ann", "s3cret"), [7; 32])
    }

    /// Connects as often as the gate asks for it; each connection takes `pause`.
    fn log_in(credentials: &Credentials, pause: Duration) -> Result<u32, LoginError> {
        let (gate, mut now) = (gate(), MediaTime::from_millis(5_000));
        let mut login: Option<Login> = None;
        for connection in 1.. {
            let query = login.as_ref().map_or("", |login| login.query.expose());
            let Err(rejection) = gate.examine(&format!("live{query}"), now, 99) else {
                return Ok(connection);
            };
            now = now + pause;
            let attempt = Attempt {
                credentials: Some(credentials),
                app: "live",
                login: login.as_ref(),
                seed: 3,
            };
            login = Some(next_step(&rejection.description, &attempt).unwrap()?);
        }
        unreachable!("the login is refused before there are that many connections")
    }

    #[test]
    fn who_knows_the_password_is_let_in_at_the_third_connection() {
        let ann = credentials("ann", "s3cret");
        assert_eq!(log_in(&ann, Duration::from_secs(5)), Ok(3));
    }

    #[test]
    fn a_wrong_password_an_unknown_user_and_a_late_answer_are_refused() {
        let quick = Duration::from_secs(1);
        let wrong = log_in(&credentials("ann", "guess"), quick);
        assert_eq!(wrong, Err(LoginError::WrongPassword));
        let unknown = log_in(&credentials("bob", "s3cret"), quick);
        assert_eq!(unknown, Err(LoginError::UnknownUser));
        let late = log_in(&credentials("ann", "s3cret"), Duration::from_secs(31));
        assert_eq!(late, Err(LoginError::WrongPassword));
    }

    #[test]
    fn a_challenge_of_somebody_elses_making_is_worth_nothing() {
        let (ours, now) = (gate(), MediaTime::from_millis(5_000));
        let theirs = Gate::new(credentials("ann", "s3cret"), [8; 32]);
        assert!(ours.is_fresh(&ours.sealed(4_000, 1), now));
        assert!(!ours.is_fresh(&theirs.sealed(4_000, 1), now));
        for opaque in ["", "-", "a-b", "fffffffffffffffff-1-2", "4000-1-"] {
            assert!(!ours.is_fresh(opaque, now), "{opaque}");
        }
    }

    #[test]
    fn a_gate_never_prints_the_password() {
        let text = format!("{:?}", gate());
        assert_eq!(text, "Gate { user: \"ann\", .. }");
    }
}
