//! What is remembered between runs.
//!
//! | file | what it is about |
//! |---|---|
//! | [`model`] | what there is to remember, and its limits |
//! | [`destination`] | where the stream goes: the first, those beside it, backups |
//! | [`connection`] | how a destination is reached where address and key are not enough |
//! | [`store`] | the settings file: read kindly, written atomically |
//! | [`secrets`] | stream keys and passwords, in the system's keychain and nowhere else |

pub mod connection;
pub mod destination;
pub mod model;
pub mod secrets;
pub mod store;
