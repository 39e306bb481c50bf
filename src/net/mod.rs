//! Connections: DNS, TCP, TLS, and the tasks that drive the protocol over them.
