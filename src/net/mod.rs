//! Connections: DNS, TCP, TLS, and the threads that drive the protocol over them.
//!
//! | file | what it is about |
//! |---|---|
//! | [`route`] | which way to take to a server |
//! | [`connect`] | the way to a server, and what may stand in it |
//! | [`tcp_info`] | what the kernel knows about a connection |
//! | [`network`] | this computer's own network, and its sleep |
//! | [`publisher`] | publishes one stream and keeps at it |
//! | `inbox` | the queue between the encoders and a publisher's connections |
//! | [`receiver`] | a small server that takes streams and lets players watch them |

pub mod connect;
mod inbox;
pub mod network;
pub mod publisher;
pub mod receiver;
pub mod route;
pub mod tcp_info;

// How a failure shows differs between systems; the words do not.
#[cfg(target_os = "linux")]
#[cfg(test)]
mod refusals;
