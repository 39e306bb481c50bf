//! The preflight check: what viewers would get, proven over a loopback connection.
