//! Proving who we are, in the two ways that servers ask publishers for: Adobe's and Limelight's.
//!
//! Neither is in a specification. Each step takes a connection of its own: the server rejects `connect` and
//! says in the description what it wants, and the next connection has the answer behind its application and
//! `tcUrl`.
//!
//! | connection | behind application and `tcUrl` | the server's description |
//! |---|---|---|
//! | 1 | | `code=403 need auth; authmod=adobe` |
//! | 2 | `?authmod=adobe&user=U` | `?reason=needauth&user=U&salt=S&challenge=C&opaque=O` |
//! | 3 | `?authmod=adobe&user=U&challenge=c&response=R&opaque=O` | success, or `?reason=authfailed` |
//!
//! Values stand there as they are, nothing is escaped: base64 has `=` in it, so a pair is split at the first
//! `=` alone. The answer begins with `?` even behind an application that has one: servers look for
//! `?authmod=`.
//!
//! The password itself does not cross the wire, but MD5 protects it badly against who listens; TLS does.

pub mod adobe;
mod limelight;

use super::url::Credentials;
use crate::secret::Secret;

/// What is appended to application and `tcUrl` of a connection that answers an earlier one's demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `?authmod=adobe&user=...`; secret, as it proves who we are.
    pub query: Secret,
}

/// A connection that was rejected.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The application it asked for, without login.
    pub app: &'a str,
    /// Who we are, where that is known.
    pub credentials: Option<&'a Credentials>,
    /// The login it was made with.
    pub login: Option<&'a Login>,
    /// Varies our own challenge.
    pub seed: u64,
}

/// Why logging in goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// The server wants a user and a password, and they are not known.
    CredentialsNeeded,
    /// The password is wrong.
    WrongPassword,
    /// There is no such user.
    UnknownUser,
    /// The user may not log in any more, or not for now.
    LockedOut,
    /// Access was denied for another reason.
    Denied,
    /// The server wants a kind of proof that is not known here.
    UnknownMethod(String),
    /// The server asks again for what it was given.
    Again,
    /// The challenge lacks something.
    Incomplete,
}

/// The next step after a rejection with `description`; `None` if that has nothing to do with logging in.
#[must_use]
pub fn next_step(description: &str, attempt: &Attempt) -> Option<Result<Login, LoginError>> {
    if description.len() > LONGEST_DESCRIPTION {
        return None;
    }
    let demand = Demand::read(description)?;
    let query = demand.answer(attempt);
    Some(query.map(|query| Login {
        query: Secret::new(query),
    }))
}

/// What a rejection says about logging in.
#[derive(Debug)]
struct Demand<'a> {
    method: Option<&'a str>,
    what: Wanted,
    parameters: Parameters<'a>,
}

#[derive(Debug)]
enum Wanted {
    /// The user's name.
    User,
    /// The answer to a challenge.
    Proof,
    /// Nothing more.
    Nothing(LoginError),
}

impl<'a> Demand<'a> {
    fn read(description: &'a str) -> Option<Self> {
        let method = description.split_once("authmod=").map(|(_, rest)| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'));
            &rest[..end.unwrap_or(rest.len())]
        });
        let parameters = description.find("?reason=").map(|at| {
            // Some servers close the sentence behind it.
            let text = description[at + 1..].trim_end_matches([' ', ':', ']']);
            Parameters(text)
        });
        let words = description.to_ascii_lowercase();
        let denied = words.contains("code=403");
        if method.is_none() && parameters.is_none() && !denied {
            return None;
        }
        let reason = parameters.as_ref().and_then(|p| p.get("reason"));
        // Behind the reason stand names and challenges, which may have any letters.
        let told = words.split("?reason=").next().unwrap_or_default();
        let is_locked = told.contains("locked") || reason.is_some_and(|it| it.contains("locked"));
        let what = match reason {
            _ if is_locked => Wanted::Nothing(LoginError::LockedOut),
            Some("needauth") => Wanted::Proof,
            Some("nosuchuser") => Wanted::Nothing(LoginError::UnknownUser),
            Some(reason) if reason.starts_with("authfail") => {
                Wanted::Nothing(LoginError::WrongPassword)
            }
            Some(_) => Wanted::Nothing(LoginError::Denied),
            None if words.contains("need auth") => Wanted::User,
            None if denied => Wanted::Nothing(LoginError::Denied),
            None => Wanted::User,
        };
        Some(Self {
            method,
            what,
            parameters: parameters.unwrap_or(Parameters("")),
        })
    }

    fn answer(self, attempt: &Attempt) -> Result<String, LoginError> {
        if let Wanted::Nothing(error) = self.what {
            return Err(error);
        }
        let method = match self.method {
            Some(method @ ("adobe" | "llnw")) => method,
            other => return Err(LoginError::UnknownMethod(other.unwrap_or("").to_owned())),
        };
        // No server asks for a login that has no password.
        let credentials = attempt
            .credentials
            .filter(|known| !known.user.is_empty() && !known.password.is_empty())
            .ok_or(LoginError::CredentialsNeeded)?;
        // What was asked for and given before would be refused again, without end.
        let given = attempt.login.map_or("", |login| login.query.expose());
        let challenge = client_challenge(attempt.seed);
        match (self.what, method) {
            (Wanted::User, _) if given.is_empty() => {
                Ok(format!("?authmod={method}&user={}", credentials.user))
            }
            (Wanted::Proof, _) if given.contains("&response=") => Err(LoginError::Again),
            (Wanted::Proof, "adobe") => adobe::answer(self.parameters, credentials, &challenge),
            (Wanted::Proof, _) => {
                limelight::answer(self.parameters, attempt.app, credentials, &challenge)
            }
            _ => Err(LoginError::Again),
        }
    }
}

/// Pairs as in `reason=needauth&user=me`, unescaped.
#[derive(Clone, Copy, Debug)]
struct Parameters<'a>(&'a str);

impl<'a> Parameters<'a> {
    fn get(self, name: &str) -> Option<&'a str> {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    }
}

/// Eight hexadecimal digits that nobody can foresee who does not know `seed`'s source.
fn client_challenge(seed: u64) -> String {
    // One step of SplitMix64: neighbouring seeds give unlike challenges.
    let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    format!("{:08x}", (mixed ^ (mixed >> 31)) >> 32)
}

/// Bytes of a description that is read; what servers say there has less than 300.
const LONGEST_DESCRIPTION: usize = 4096;

#[cfg(test)]
mod tests;
