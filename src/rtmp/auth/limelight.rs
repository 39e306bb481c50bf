//! `authmod=llnw`: that of Limelight's network, made after HTTP's digest authentication (RFC 2617, 3.2.2).

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

use super::{LoginError, Parameters};
use crate::rtmp::url::Credentials;

/// The client's answer to the challenge that `given` describes, for the application `app`.
pub(super) fn answer(
    given: Parameters,
    app: &str,
    credentials: &Credentials,
    client_nonce: &str,
) -> Result<String, LoginError> {
    let nonce = given.get("nonce").ok_or(LoginError::Incomplete)?;
    let user = &credentials.user;
    let response = response(credentials, app, nonce, client_nonce);
    Ok(format!(
        "?authmod=llnw&user={user}&nonce={nonce}&cnonce={client_nonce}&nc={COUNT}&response={response}"
    ))
}

/// What proves that the client knows the password.
fn response(credentials: &Credentials, app: &str, nonce: &str, client_nonce: &str) -> String {
    let Credentials { user, password } = credentials;
    let secret = hash(&format!("{user}:{REALM}:{}", password.expose()));
    let path = app.split('?').next().unwrap_or_default();
    // The instance that Adobe's servers mean where none is named.
    let instance = if path.contains('/') { "" } else { "/_definst_" };
    let what = hash(&format!("publish:/{path}{instance}"));
    hash(&format!(
        "{secret}:{nonce}:{COUNT}:{client_nonce}:auth:{what}"
    ))
}

fn hash(text: &str) -> String {
    Md5::digest(text)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            // Writing to text cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// Whom passwords are for; always the same.
const REALM: &str = "live";
/// How often the nonce was used, this time included; each has one use.
const COUNT: &str = "00000001";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_response_is_that_of_the_published_vector() {
        let credentials = Credentials {
            user: "myuser".to_owned(),
            password: Secret::new("mypass"),
        };
        for app in ["live", "live?a=b/c", "live/_definst_"] {
            assert_eq!(
                response(&credentials, app, "abcdef01", "0a0b0c0d"),
                "a29127d07e35fd3946223a21e15761a0",
                "{app}"
            );
        }
        let elsewhere = response(&credentials, "live/other", "abcdef01", "0a0b0c0d");
        assert_ne!(elsewhere, "a29127d07e35fd3946223a21e15761a0");
    }
}
