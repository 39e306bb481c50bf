//! Where a server sends us: redirects (status 302), Reconnect Requests, and the next step of a login.

use super::{Onward, OnwardReason, PublishSession, whole_number};
use crate::{
    amf0::Value,
    rtmp::{
        auth::{Attempt, LoginError, next_step},
        message::Command,
        refusal::Failure,
        url::{Scheme, ServerUrl, UrlError},
    },
    secret::Secret,
};

impl PublishSession {
    /// Where the refusal `command` leads on to, if it is not the end; a failure if it should but cannot.
    pub(super) fn redirect(&self, command: &Command) -> Result<Option<Onward>, Failure> {
        let Some(target) = redirect_target(command, &self.config.key) else {
            return Ok(None);
        };
        if target.is_empty() {
            return Err(Failure::redirect_unusable(&self.peer, "it gave none"));
        }
        let server = resolve(&self.config.server, &target).map_err(|error| match error {
            Unusable::Insecure => Failure::redirect_insecure(&self.peer),
            Unusable::Address(error) => {
                let problem = self.without_secrets(&error.to_string());
                Failure::redirect_unusable(&self.peer, &problem)
            }
        })?;
        Ok(Some(Onward {
            server,
            login: None,
            reason: OnwardReason::Redirect,
        }))
    }

    /// The next step of a login, if the refusal of `connect` with `description` asks for one; a failure if
    /// it cannot be done.
    pub(super) fn login(&self, description: &str) -> Result<Option<Onward>, Failure> {
        let server = &self.config.server;
        let credentials = server.credentials.as_ref();
        let attempt = Attempt {
            app: &server.app,
            credentials,
            login: self.config.login.as_ref(),
            seed: self.config.seed,
        };
        let error = match next_step(description, &attempt) {
            Some(Ok(login)) => {
                return Ok(Some(Onward {
                    server: server.clone(),
                    login: Some(login),
                    reason: OnwardReason::Login,
                }));
            }
            Some(Err(error)) => error,
            None => return Ok(None),
        };
        let peer = &self.peer;
        let failure = match (error, credentials.map(|known| known.user.as_str())) {
            (LoginError::UnknownMethod(method), _) if method.is_empty() => {
                Failure::unknown_login(peer, "it does not say which")
            }
            (LoginError::UnknownMethod(method), _) => Failure::unknown_login(peer, &method),
            (LoginError::Incomplete, _) => {
                Failure::unknown_login(peer, "its challenge is incomplete")
            }
            // Refused for another reason than who we are, as we did not say.
            (LoginError::Denied | LoginError::LockedOut, None) => return Ok(None),
            (_, None) | (LoginError::CredentialsNeeded, _) => Failure::login_needed(peer),
            (LoginError::WrongPassword, Some(user)) => Failure::wrong_password(peer, user),
            (LoginError::UnknownUser, Some(user)) => Failure::unknown_user(peer, user),
            (LoginError::LockedOut, Some(user)) => Failure::locked_out(peer, user),
            (LoginError::Denied | LoginError::Again, Some(user)) => {
                Failure::login_refused(peer, user)
            }
        };
        Err(failure)
    }

    /// Where a Reconnect Request asks us to move (Enhanced RTMP v2, "Reconnect Request"): without an address
    /// to the same server. In words for a person if we will not.
    pub(super) fn move_target(&self, request: &Command) -> Result<ServerUrl, String> {
        let information = request.information();
        let target = information.and_then(|info| info.get("tcUrl")?.as_str());
        let current = &self.config.server;
        resolve(current, target.unwrap_or_default()).map_err(|error| {
            let because = match error {
                Unusable::Insecure => "that connection would not be secure".to_owned(),
                Unusable::Address(error) => self.without_secrets(&error.to_string()),
            };
            format!("The server asked to move the stream elsewhere. It stays: {because}.")
        })
    }
}

/// The address in a refusal with status 302. It stands in an object `ex`, as the information's `redirect`
/// (an address without stream) or `redirect2` (SRS: the same with the stream's name behind it); forks of
/// nginx-rtmp give the name in `redirect`, too.
///
/// `Some("")` where the status is there but the address is not.
fn redirect_target(command: &Command, key: &Secret) -> Option<String> {
    let extra = command.information()?.get("ex")?;
    if whole_number(extra.get("code")?) != Some(REDIRECT) {
        return None;
    }
    let address = |name| {
        let text = extra.get(name).and_then(Value::as_str)?.trim();
        (!text.is_empty()).then(|| without_key(text, key).to_owned())
    };
    let address = address("redirect").or_else(|| address("redirect2"));
    Some(address.unwrap_or_default())
}

/// `address` without the stream's name, where it ends with ours.
fn without_key<'a>(address: &'a str, key: &Secret) -> &'a str {
    let before_query = |text: &'a str| text.split('?').next().unwrap_or(text);
    let name = key.expose().split('?').next().unwrap_or_default();
    let server = before_query(address)
        .strip_suffix(name)
        .and_then(|rest| rest.strip_suffix('/'))
        // What is left of a server whose name is that of the stream.
        .filter(|rest| !name.is_empty() && !rest.is_empty() && !rest.ends_with('/'));
    server.unwrap_or(address)
}

/// Why an address of the server's is not followed.
#[derive(Debug, PartialEq, Eq)]
enum Unusable {
    /// It leads from TLS to plain text.
    Insecure,
    /// It is none.
    Address(UrlError),
}

/// The server that `reference` means, seen from `current` (RFC 3986, 5.2). User and password stay unless it
/// has others.
fn resolve(current: &ServerUrl, reference: &str) -> Result<ServerUrl, Unusable> {
    // A server that repeats our address may repeat our login, which is for one connection.
    let reference = reference.trim();
    let reference = reference.split("?authmod=").next().unwrap_or_default();
    if reference.is_empty() {
        return Ok(current.clone());
    }
    let absolute = if has_scheme(reference) {
        reference.to_owned()
    } else if reference.starts_with("//") {
        format!("{}:{reference}", current.scheme.name())
    } else {
        let (path, query) = split_query(reference);
        let (base, _) = split_query(&current.app);
        let path = match path.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None if path.is_empty() => base.to_owned(),
            None => match base.rsplit_once('/') {
                Some((folder, _)) => format!("{folder}/{path}"),
                None => path.to_owned(),
            },
        };
        format!("{}/{}{query}", current.origin(), without_dots(&path))
    };
    let mut server = ServerUrl::parse(&absolute).map_err(Unusable::Address)?;
    if (current.scheme, server.scheme) == (Scheme::Rtmps, Scheme::Rtmp) {
        return Err(Unusable::Insecure);
    }
    server.credentials = server.credentials.or_else(|| current.credentials.clone());
    Ok(server)
}

fn has_scheme(reference: &str) -> bool {
    let scheme = reference.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| !scheme.contains(['/', '?', '#']))
}

/// `a/b?c` as `a/b` and `?c`.
fn split_query(text: &str) -> (&str, &str) {
    text.split_at(text.find('?').unwrap_or(text.len()))
}

/// A path without the segments `.` and `..` (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    kept.join("/")
}

/// As in HTTP: look elsewhere.
const REDIRECT: u32 = 302;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn resolved(current: &str, reference: &str) -> Result<String, Unusable> {
        let current = ServerUrl::parse(current).unwrap();
        resolve(&current, reference).map(|server| server.tc_url())
    }

    #[test]
    fn references_are_resolved_against_the_current_address() {
        let base = "rtmp://a.example:1936/live/one?x=/y";
        for (reference, expected) in [
            ("", base),
            ("rtmp://b.example/app", "rtmp://b.example/app"),
            ("RTMPS://b.example", "rtmps://b.example/"),
            ("//b.example/app", "rtmp://b.example/app"),
            ("/app", "rtmp://a.example:1936/app"),
            ("two", "rtmp://a.example:1936/live/two"),
            ("./two?q=1", "rtmp://a.example:1936/live/two?q=1"),
            ("../app", "rtmp://a.example:1936/app"),
            ("../../../app", "rtmp://a.example:1936/app"),
            ("?q=rtmp://b", "rtmp://a.example:1936/live/one?q=rtmp://b"),
            (
                "rtmp://b.example/app?authmod=adobe&user=u",
                "rtmp://b.example/app",
            ),
        ] {
            assert_eq!(
                resolved(base, reference).as_deref(),
                Ok(expected),
                "{reference}"
            );
        }
        let beside = resolved("rtmp://a.example/live", "other");
        assert_eq!(beside.as_deref(), Ok("rtmp://a.example/other"));
    }

    #[test]
    fn the_way_never_leads_from_tls_to_plain_text() {
        let secure = "rtmps://a.example/live";
        for reference in ["rtmp://a.example/live", "RTMP://b.example/live"] {
            assert_eq!(resolved(secure, reference), Err(Unusable::Insecure));
        }
        for reference in ["", "//b.example/live", "/live", "rtmps://b.example/live"] {
            let url = resolved(secure, reference).unwrap();
            assert!(url.starts_with("rtmps://"), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_followed() {
        for reference in ["http://b.example/", "rtmp://", "rtmp://b.example:x/live"] {
            assert!(
                matches!(
                    resolved("rtmp://a.example/live", reference),
                    Err(Unusable::Address(_))
                ),
                "{reference}"
            );
        }
    }

    #[test]
    fn user_and_password_stay_unless_there_are_others() {
        let current = ServerUrl::parse("rtmp://me:pass@a.example/live").unwrap();
        let user = |reference| {
            let server = resolve(&current, reference).unwrap();
            server.credentials.map(|known| known.user)
        };
        assert_eq!(user("rtmp://b.example/live").as_deref(), Some("me"));
        assert_eq!(user("rtmp://you:x@b.example/live").as_deref(), Some("you"));
    }

    #[test]
    fn an_address_with_the_streams_name_behind_it_means_the_server() {
        let key = Secret::new("name?token=t");
        for (address, server) in [
            (
                "rtmp://b.example/live/name?token=t",
                "rtmp://b.example/live",
            ),
            ("rtmp://b.example/live/name", "rtmp://b.example/live"),
            (
                "rtmp://b.example/live?x=/name",
                "rtmp://b.example/live?x=/name",
            ),
            ("rtmp://name", "rtmp://name"),
            ("rtmp://b.example/surname", "rtmp://b.example/surname"),
        ] {
            assert_eq!(without_key(address, &key), server);
        }
        let empty = without_key("rtmp://b.example/live/", &Secret::default());
        assert_eq!(empty, "rtmp://b.example/live/");
    }
}
