//! What is remembered between runs.
//!
//! | file | what it is about |
//! |---|---|
//! | [`model`] | what there is to remember, and its limits |
//! | [`store`] | the settings file: read kindly, written atomically |
//! | [`secrets`] | stream keys, in the system's keychain and nowhere else |

pub mod model;
pub mod secrets;
pub mod store;
