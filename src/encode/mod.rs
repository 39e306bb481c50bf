//! H.264 and AAC.
//!
//! | file | what it is about |
//! |---|---|
//! | [`encoder`] | what the engine asks of any encoder |

pub mod encoder;
