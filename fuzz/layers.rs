//! The layers that read strangers' bytes, compiled without the rest of the program.

#![expect(missing_docs, reason = "the program's own lib.rs tells what these are")]

#[path = "../src/amf0.rs"]
pub mod amf0;
#[path = "../src/flv/mod.rs"]
pub mod flv;
#[path = "../src/rtmp/mod.rs"]
pub mod rtmp;
#[path = "../src/secret.rs"]
pub mod secret;
#[path = "../src/units.rs"]
pub mod units;

#[path = "../src/media/packet.rs"]
pub mod packet;

pub mod media {
    pub use crate::packet;
}
