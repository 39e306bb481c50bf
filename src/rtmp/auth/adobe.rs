//! `authmod=adobe`: what Flash Media Live Encoder and Adobe's servers agreed on; Wowza and others kept it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::{Digest as _, Md5};

use super::{LoginError, Parameters};
use crate::{rtmp::url::Credentials, secret::Secret};

/// What a server answers to who has not said anything about themselves.
pub const DEMAND: &str = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] :";

/// What a server gives a client to prove itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Goes into the hash of the password; belongs to the user.
    pub salt: String,
    /// To be used once.
    pub challenge: String,
    /// Comes back as it is, by which the server finds the challenge again. Where it is given, it takes the
    /// challenge's place in the hash.
    pub opaque: Option<String>,
}

impl Challenge {
    /// The description of the rejection that carries this challenge to `user`.
    #[must_use]
    pub fn description(&self, user: &str) -> String {
        let Self {
            salt, challenge, ..
        } = self;
        let opaque =
            (self.opaque.as_ref()).map_or_else(String::new, |opaque| format!("&opaque={opaque}"));
        format!("{REJECT}?reason=needauth&user={user}&salt={salt}&challenge={challenge}{opaque}")
    }

    /// What a client has to answer that made up `client_challenge`.
    #[must_use]
    pub fn response(&self, credentials: &Credentials, client_challenge: &str) -> String {
        let challenge = self.opaque.as_ref().unwrap_or(&self.challenge);
        let Credentials { user, password } = credentials;
        let secret = hash(&[user, &self.salt, password.expose()]);
        hash(&[&secret, challenge, client_challenge])
    }

    /// A server's judgement of the answer to this challenge, when only `known` may log in.
    #[must_use]
    pub fn judge(&self, answer: &Answer, known: &Credentials) -> Verdict {
        if answer.user != known.user {
            return Verdict::UnknownUser;
        }
        let right = self.response(known, &answer.challenge);
        if answer.opaque == self.opaque && same(&right, answer.response.expose()) {
            Verdict::Welcome
        } else {
            Verdict::WrongPassword
        }
    }
}

/// What a client says about itself behind its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing, or what is not of this method: [`DEMAND`] is the reply.
    Nothing,
    /// Its name: a [`Challenge`] is the reply.
    User(String),
    /// The answer to a challenge.
    Answer(Answer),
}

/// A client's answer to a [`Challenge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who it is.
    pub user: String,
    /// Its own challenge.
    pub challenge: String,
    /// The proof.
    pub response: Secret,
    /// As it was given.
    pub opaque: Option<String>,
}

impl Said {
    /// Reads what stands behind the application in `app`.
    #[must_use]
    pub fn read(app: &str) -> Self {
        let Some((_, query)) = app.split_once("?authmod=adobe&") else {
            return Self::Nothing;
        };
        let parameters = Parameters(query);
        let get = |name| parameters.get(name).map(str::to_owned);
        match (get("user"), get("challenge"), get("response")) {
            (None, ..) => Self::Nothing,
            (Some(user), Some(challenge), Some(response)) => Self::Answer(Answer {
                user,
                challenge,
                response: Secret::new(response),
                opaque: get("opaque"),
            }),
            (Some(user), ..) => Self::User(user),
        }
    }
}

/// What a server thinks of an [`Answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The client is who it says.
    Welcome,
    /// It does not know the password.
    WrongPassword,
    /// There is no user of that name.
    UnknownUser,
}

impl Verdict {
    /// The description of the rejection, if it is one.
    #[must_use]
    pub fn description(self) -> Option<String> {
        let reason = match self {
            Self::Welcome => return None,
            Self::WrongPassword => "authfailed",
            Self::UnknownUser => "nosuchuser",
        };
        Some(format!("{REJECT}?reason={reason}"))
    }
}

/// The client's answer to the challenge that `given` describes.
pub(super) fn answer(
    given: Parameters,
    credentials: &Credentials,
    client_challenge: &str,
) -> Result<String, LoginError> {
    let text = |name| given.get(name).map(str::to_owned);
    let challenge = Challenge {
        // Some servers have no salt for users they do not know.
        salt: text("salt").ok_or(LoginError::UnknownUser)?,
        challenge: text("challenge").unwrap_or_default(),
        opaque: text("opaque"),
    };
    if challenge.challenge.is_empty() && challenge.opaque.is_none() {
        return Err(LoginError::Incomplete);
    }
    let user = &credentials.user;
    let response = challenge.response(credentials, client_challenge);
    let opaque = (challenge.opaque).map_or_else(String::new, |opaque| format!("&opaque={opaque}"));
    Ok(format!(
        "?authmod=adobe&user={user}&challenge={client_challenge}&response={response}{opaque}"
    ))
}

fn hash(parts: &[&str]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part);
    }
    STANDARD.encode(md5.finalize())
}

/// Compares in a time that tells nothing about where the texts differ.
fn same(a: &str, b: &str) -> bool {
    let differences = a
        .bytes()
        .zip(b.bytes())
        .fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && differences == 0
}

/// How rejections begin that carry parameters.
const REJECT: &str = "[ AccessManager.Reject ] : [ authmod=adobe ] : ";
