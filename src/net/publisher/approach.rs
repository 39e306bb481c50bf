//! From an address to a server that accepted the stream, by as many connections as it takes.

use super::{link::Link, task::Context};
use crate::rtmp::{
    publish::{Event, Onward, OnwardReason},
    refusal::{Failure, Peer},
    url::{Scheme, ServerUrl},
};

/// Makes a connection to `server` and brings it to where the stream is accepted. Where a server answers that
/// another connection is to be made, there or elsewhere, that is made at once.
///
/// Given up, it closes what it had opened.
///
/// # Errors
/// What stands in the way, or that servers lead on without end.
pub(super) async fn approach(
    context: &Context,
    mut server: ServerUrl,
    was_live: bool,
) -> Result<Link, Failure> {
    let mut login = None;
    let mut trail = Trail::from(&server);
    loop {
        let mut link = Link::connect(context, server, login, was_live).await?;
        let Some(onward) = until_accepted(context, &mut link).await? else {
            return Ok(link);
        };
        trail.follow(&link.server, &onward)?;
        match onward.reason {
            OnwardReason::Redirect => {
                let host = &onward.server.host;
                context.inform(format!("The server sent us on to {host}."));
            }
            OnwardReason::Login => tracing::debug!(peer = %link.peer, "another login step"),
        }
        server = onward.server;
        login = onward.login;
    }
}

/// Drives `link` until the stream is accepted, or it leads on.
async fn until_accepted(context: &Context, link: &mut Link) -> Result<Option<Onward>, Failure> {
    loop {
        match link.next_event() {
            Some(Event::Accepted) => return Ok(None),
            Some(Event::Onward(onward)) => return Ok(Some(onward)),
            Some(event) => {
                if let Some(failure) = context.end_of(&link.peer, event) {
                    return Err(failure);
                }
            }
            None => link.step().await,
        }
    }
}

/// The way servers have led us so far.
#[derive(Debug)]
struct Trail {
    /// All servers, in order.
    hosts: Vec<String>,
    /// Login steps in a row.
    logins: usize,
}

impl Trail {
    fn from(server: &ServerUrl) -> Self {
        Self {
            hosts: vec![server.host.clone()],
            logins: 0,
        }
    }

    /// Whether `onward` is to be followed.
    fn follow(&mut self, from: &ServerUrl, onward: &Onward) -> Result<(), Failure> {
        let peer = Peer::of(from);
        let to = &onward.server;
        if leaves_security(from, to) {
            return Err(Failure::redirect_insecure(&peer));
        }
        match onward.reason {
            OnwardReason::Redirect => {
                if self.hosts.len() > MOST_REDIRECTS {
                    return Err(Failure::redirect_loop(&peer, &self.hosts));
                }
                self.hosts.push(to.host.clone());
                self.logins = 0;
            }
            OnwardReason::Login => {
                if self.logins >= MOST_LOGIN_STEPS {
                    return Err(Failure::login_without_end(&peer));
                }
                self.logins += 1;
            }
        }
        Ok(())
    }
}

/// Whether the way from one server to the other leads out of TLS: a stream key that was asked to be protected
/// is never sent in the clear.
pub(super) fn leaves_security(from: &ServerUrl, to: &ServerUrl) -> bool {
    from.scheme == Scheme::Rtmps && to.scheme != Scheme::Rtmps
}

/// How many servers in a row may send us on.
const MOST_REDIRECTS: usize = 3;
/// How many connections in a row may be spent on logging in: the known ways take two.
const MOST_LOGIN_STEPS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ServerUrl {
        ServerUrl::parse(text).unwrap()
    }

    fn onward(reason: OnwardReason, server: &str) -> Onward {
        Onward {
            server: url(server),
            login: None,
            reason,
        }
    }

    #[test]
    fn three_redirects_are_followed_and_the_fourth_is_told_with_all_servers() {
        let mut from = url("rtmp://a.example/live");
        let mut trail = Trail::from(&from);
        for host in ["b", "c", "d"] {
            let onward = onward(
                OnwardReason::Redirect,
                &format!("rtmp://{host}.example/live"),
            );
            trail.follow(&from, &onward).unwrap();
            from = onward.server;
        }
        let back = onward(OnwardReason::Redirect, "rtmp://a.example/live");
        let failure = trail.follow(&from, &back).unwrap_err();
        for host in ["a.example", "b.example", "c.example", "d.example"] {
            assert!(failure.what.contains(host), "{failure}");
        }
    }

    #[test]
    fn four_login_steps_are_taken_and_not_a_fifth() {
        let here = url("rtmp://a.example/live");
        let mut trail = Trail::from(&here);
        let step = onward(OnwardReason::Login, "rtmp://a.example/live");
        for _ in 0..MOST_LOGIN_STEPS {
            trail.follow(&here, &step).unwrap();
        }
        let failure = trail.follow(&here, &step).unwrap_err();
        assert!(failure.what.contains("a.example"), "{failure}");
        assert!(!failure.may_mend());

        // Another server may ask for a login of its own.
        let mut trail = Trail::from(&here);
        for _ in 0..MOST_LOGIN_STEPS {
            trail.follow(&here, &step).unwrap();
        }
        let redirect = onward(OnwardReason::Redirect, "rtmp://b.example/live");
        trail.follow(&here, &redirect).unwrap();
        trail.follow(&redirect.server, &step).unwrap();
    }

    #[test]
    fn a_redirect_never_leads_out_of_tls() {
        let secure = url("rtmps://a.example/live");
        let mut trail = Trail::from(&secure);
        let plain = onward(OnwardReason::Redirect, "rtmp://b.example/live");
        let failure = trail.follow(&secure, &plain).unwrap_err();
        assert!(
            failure.what.contains("without a secure connection"),
            "{failure}"
        );

        let still_secure = onward(OnwardReason::Redirect, "rtmps://b.example/live");
        trail.follow(&secure, &still_secure).unwrap();
        let into_security = onward(OnwardReason::Redirect, "rtmps://c.example/live");
        let mut trail = Trail::from(&url("rtmp://a.example/live"));
        trail
            .follow(&url("rtmp://a.example/live"), &into_security)
            .unwrap();
    }
}
