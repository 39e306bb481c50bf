//! What the benches and the check of their figures share.
//!
//! | file | what it is about |
//! |---|---|
//! | [`callgrind`] | the instructions that a program executes, in all and by function |
//! | [`stages`] | the way from a source's bytes to the bytes for the socket, stage by stage |
//! | [`session`] | a publisher that a server has accepted, in memory |
//! | [`material`] | what cameras and a microphone deliver |
//! | [`peers`] | the programs to compare with |
//! | [`machine`] | where and with what is measured |

pub(crate) mod callgrind;
pub(crate) mod machine;
pub(crate) mod material;
pub(crate) mod peers;
pub(crate) mod session;
pub(crate) mod stages;
