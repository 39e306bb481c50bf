//! Proving who we are, in the two ways that servers ask publishers for.

use crate::secret::Secret;

/// What is appended to application and `tcUrl` of a connection that answers an earlier one's demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `?authmod=adobe&user=...`; secret, as it proves who we are.
    pub query: Secret,
}
