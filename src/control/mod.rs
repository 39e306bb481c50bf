//! Decisions as pure functions of what is observed, each with its reason.
