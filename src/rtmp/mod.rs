//! The RTMP protocol without sockets, clocks or threads.
//!
//! | file | what it is about |
//! |---|---|
//! | [`url`] | server addresses, and splitting what people paste |
//! | [`handshake`] | the first 3,073 bytes each way |
//! | [`chunk`] | messages in pieces: chunk streams |
//! | [`message`] | what the messages mean |
//! | [`auth`] | proving who we are |
//! | [`session`] | what both sides of a session have in common |
//! | [`options`] | how one destination wants to be spoken to |
//! | [`connect_arguments`] | further arguments of `connect`, from text |
//! | [`publish`] | our side: a publisher |
//! | [`receive`] | the other side: a server that takes streams and lets players watch them |
//! | [`status`] | what a server's status means |
//! | [`acknowledged`] | how much the server says it has received |
//! | [`refusal`] | what went wrong, in words, and whether waiting can help |
//!
//! The sections named in comments are those of Adobe's *RTMP specification 1.0* (2012).

pub mod acknowledged;
pub mod auth;
pub mod chunk;
pub mod connect_arguments;
pub mod handshake;
pub mod message;
pub mod options;
pub mod publish;
pub mod receive;
pub mod refusal;
pub mod session;
pub mod status;
pub mod url;
