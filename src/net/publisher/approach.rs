//! From an address to a server that accepted the stream, by as many connections as it takes.

use std::{mem, pin::Pin};

use super::{link::Link, task::Context};
use crate::{
    net::connect::{Connection, connect},
    rtmp::{
        auth::Login,
        publish::{Event, Onward, OnwardReason},
        refusal::{Failure, Peer},
        url::{Scheme, ServerUrl},
    },
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
    server: ServerUrl,
    was_live: bool,
) -> Result<Link, Failure> {
    let mut approach = Approach::new(context, server, was_live);
    loop {
        match approach.step().await {
            Step::Connected => approach.speak(),
            Step::SentOn => {}
            Step::Accepted(link) => return Ok(*link),
            Step::Failed(failure) => return Err(failure),
        }
    }
}

/// An approach under way, step by step. Dropped, it closes what it had opened.
pub(super) struct Approach<'a> {
    context: &'a Context,
    was_live: bool,
    /// The server that is approached now.
    server: ServerUrl,
    trail: Trail,
    stage: Stage<'a>,
}

/// What an approach came to.
pub(super) enum Step {
    /// The way stands. Nothing more happens before [`Approach::speak`].
    Connected,
    /// The server sent us on, and another connection is being made.
    SentOn,
    Accepted(Box<Link>),
    Failed(Failure),
}

enum Stage<'a> {
    Connecting(
        Pin<Box<dyn Future<Output = Result<Connection, Failure>> + 'a>>,
        Option<Login>,
    ),
    Connected(Connection, Option<Login>),
    Speaking(Box<Link>),
    Over,
}

impl<'a> Approach<'a> {
    pub(super) fn new(context: &'a Context, server: ServerUrl, was_live: bool) -> Self {
        Self {
            context,
            was_live,
            trail: Trail::from(&server),
            stage: Self::connecting(context, &server, None),
            server,
        }
    }

    /// Waits until it came to something; for ever while it is connected and does not speak, and when it is over.
    ///
    /// Nothing is lost when it is given up for something else.
    pub(super) async fn step(&mut self) -> Step {
        match &mut self.stage {
            Stage::Connecting(connection, login) => match connection.await {
                Ok(connection) => {
                    self.stage = Stage::Connected(connection, login.take());
                    Step::Connected
                }
                Err(failure) => self.failed(failure),
            },
            Stage::Speaking(link) => match until_accepted(self.context, link).await {
                Ok(None) => match mem::replace(&mut self.stage, Stage::Over) {
                    Stage::Speaking(link) => Step::Accepted(link),
                    _ => std::future::pending().await,
                },
                Ok(Some(onward)) => self.sent_on(onward),
                Err(failure) => self.failed(failure),
            },
            Stage::Connected(..) | Stage::Over => std::future::pending().await,
        }
    }

    /// Begins to speak with the server, once connected.
    pub(super) fn speak(&mut self) {
        self.stage = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Connected(connection, login) => {
                let server = self.server.clone();
                let link = Link::new(self.context, server, connection, login, self.was_live);
                Stage::Speaking(Box::new(link))
            }
            other => other,
        };
    }

    /// The connection on which it speaks.
    pub(super) fn speaking(&mut self) -> Option<&mut Link> {
        match &mut self.stage {
            Stage::Speaking(link) => Some(link),
            _ => None,
        }
    }

    fn sent_on(&mut self, onward: Onward) -> Step {
        if let Err(failure) = self.trail.follow(&self.server, &onward) {
            return self.failed(failure);
        }
        match onward.reason {
            OnwardReason::Redirect => {
                let host = &onward.server.host;
                self.context
                    .inform(format!("The server sent us on to {host}."));
            }
            OnwardReason::Login => tracing::debug!(host = %self.server.host, "another login step"),
        }
        self.server = onward.server;
        self.stage = Self::connecting(self.context, &self.server, onward.login);
        Step::SentOn
    }

    fn failed(&mut self, failure: Failure) -> Step {
        self.stage = Stage::Over;
        Step::Failed(failure)
    }

    fn connecting(context: &'a Context, server: &ServerUrl, login: Option<Login>) -> Stage<'a> {
        let peer = Peer::of(server);
        let secure = server.scheme == Scheme::Rtmps;
        let route = &context.config.route;
        let connection = async move { connect(&peer, secure, route).await };
        Stage::Connecting(Box::pin(connection), login)
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
