//! Connections: DNS, TCP, TLS, and the tasks that drive the protocol over them.
//!
//! | file | what it is about |
//! |---|---|
//! | [`connect`] | the way to a server, and what may stand in it |
//! | [`tcp_info`] | what the kernel knows about a connection |

pub mod connect;
pub mod tcp_info;
