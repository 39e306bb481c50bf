//! Logging in, and being sent elsewhere.

use super::{Cause, Failure, Peer, presentable};
use crate::secret::Secret;

/// Logging in.
impl Failure {
    /// The server wants a user and a password, and none are known.
    #[must_use]
    pub fn login_needed(peer: &Peer) -> Self {
        Self::new(Cause::LoginNeeded, peer, &[])
    }

    /// The password is wrong.
    #[must_use]
    pub fn wrong_password(peer: &Peer, user: &str) -> Self {
        Self::of_user(Cause::WrongPassword, peer, user)
    }

    /// There is no such user.
    #[must_use]
    pub fn unknown_user(peer: &Peer, user: &str) -> Self {
        Self::of_user(Cause::UnknownUser, peer, user)
    }

    /// The user may not log in any more, or not for now.
    #[must_use]
    pub fn locked_out(peer: &Peer, user: &str) -> Self {
        Self::of_user(Cause::LockedOut, peer, user)
    }

    /// User and password did not help, and the server does not say why.
    #[must_use]
    pub fn login_refused(peer: &Peer, user: &str) -> Self {
        Self::of_user(Cause::LoginRefused, peer, user)
    }

    /// The server wants a kind of proof that is not known here; `problem` names it or what is odd about it.
    #[must_use]
    pub fn unknown_login(peer: &Peer, problem: &str) -> Self {
        let problem = presentable(problem, &Secret::default()).unwrap_or_default();
        Self::new(Cause::UnknownLogin, peer, &[("reason", &problem)])
    }

    fn of_user(cause: Cause, peer: &Peer, user: &str) -> Self {
        let shown: String = user.chars().filter(|c| !c.is_control()).take(64).collect();
        Self::new(cause, peer, &[("user", &shown)])
    }
}

/// Being sent elsewhere.
impl Failure {
    /// The server sent us from a secure connection to one that is not.
    #[must_use]
    pub fn redirect_insecure(peer: &Peer) -> Self {
        Self::new(Cause::RedirectInsecure, peer, &[])
    }

    /// The server sent us to where we cannot go.
    #[must_use]
    pub fn redirect_unusable(peer: &Peer, problem: &str) -> Self {
        Self::new(Cause::RedirectUnusable, peer, &[("reason", problem)])
    }
}
