//! The RTMP protocol without sockets, clocks or threads.
//!
//! | file | what it is about |
//! |---|---|
//! | [`refusal`] | what went wrong, in words, and whether waiting can help |

pub mod refusal;
