//! How one destination wants to be spoken to, where that differs from what suits every known server.

use std::fmt;

use crate::amf0::Value;

/// Choices a person may make per destination. The default suits every server known.
#[derive(Clone, PartialEq)]
pub struct SessionOptions {
    /// Which handshake is offered.
    pub handshake: HandshakeForm,
    /// Whether `connect` tells what Enhanced RTMP we know (v2, the section on the connect command).
    pub enhanced: bool,
    /// Further arguments of `connect`, behind its object: what other programs call `conn=`.
    pub connect_arguments: Vec<Value>,
}

impl fmt::Debug for SessionOptions {
    /// Arguments of `connect` may be tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionOptions")
            .field("handshake", &self.handshake)
            .field("enhanced", &self.enhanced)
            .field("connect_arguments", &self.connect_arguments.len())
            .finish()
    }
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            handshake: HandshakeForm::Simple,
            enhanced: true,
            connect_arguments: Vec::new(),
        }
    }
}

/// The two forms of the handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HandshakeForm {
    /// That of the specification (5.2). Every known server takes it from publishers.
    #[default]
    Simple,
    /// With digests, as Flash Player sent it. Some old Adobe servers insist on it.
    Digest,
}
