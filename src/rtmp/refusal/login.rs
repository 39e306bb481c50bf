//! Logging in, and being sent elsewhere.

use super::{Failure, FailureKind, Peer, presentable};
use crate::secret::Secret;

impl Failure {
    /// The server wants a user and a password, and none are known.
    #[must_use]
    pub fn login_needed(peer: &Peer) -> Self {
        Self::new(
            FailureKind::Refused,
            format!("{peer} asks for a user name and password."),
            "Write them into the address, before the server's name: rtmp://user:password@server/application.",
        )
    }

    /// The password is wrong.
    #[must_use]
    pub fn wrong_password(peer: &Peer, user: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!(
                "{peer} did not accept the password of \"{}\".",
                shown_user(user)
            ),
            "Type the password again; in an address, %, @, : and / in it are written %25, %40, %3A and %2F.",
        )
    }

    /// There is no such user.
    #[must_use]
    pub fn unknown_user(peer: &Peer, user: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!("{peer} knows no user \"{}\".", shown_user(user)),
            "Compare the user name letter by letter with the one you were given.",
        )
    }

    /// The user may not log in any more, or not for now.
    #[must_use]
    pub fn locked_out(peer: &Peer, user: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!("{peer} has locked the user \"{}\".", shown_user(user)),
            "Wait a quarter of an hour before trying again with the right password, or ask the server's operator.",
        )
    }

    /// User and password did not help, and the server does not say why.
    #[must_use]
    pub fn login_refused(peer: &Peer, user: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!(
                "{peer} refused the user \"{}\" with the password given.",
                shown_user(user)
            ),
            "Type both again, and ask the server's operator whether that user may publish there.",
        )
    }

    /// The server wants a kind of proof that is not known here; `problem` names it or what is odd about it.
    #[must_use]
    pub fn unknown_login(peer: &Peer, problem: &str) -> Self {
        let problem = presentable(problem, &Secret::default()).unwrap_or_default();
        Self::new(
            FailureKind::Refused,
            format!("{peer} asks for a login of a kind this program does not know ({problem})."),
            "Ask the server's operator for an address that works with a stream key alone.",
        )
    }

    /// The server sent us from a secure connection to one that is not.
    #[must_use]
    pub fn redirect_insecure(peer: &Peer) -> Self {
        Self::new(
            FailureKind::Refused,
            format!(
                "{peer} sent this program on to a server without a secure connection, which it does not follow."
            ),
            "Tell the service; only if you trust the network in between, use an rtmp:// address yourself.",
        )
    }

    /// The server sent us to where we cannot go.
    #[must_use]
    pub fn redirect_unusable(peer: &Peer, problem: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!("{peer} sent this program on to an address that cannot be used: {problem}."),
            "Copy the address again from the service's page, or tell the service.",
        )
    }
}

/// A user's name, kept short.
fn shown_user(user: &str) -> String {
    user.chars().filter(|c| !c.is_control()).take(64).collect()
}
