//! The layers that read strangers' bytes, and the one that reads a camera's, compiled without the rest of the program.

#![expect(missing_docs, reason = "the program's own lib.rs tells what these are")]

#[path = "../src"]
mod src {
    pub mod amf0;
    pub mod flv;
    pub mod media {
        pub mod convert;
        pub mod frame;
        pub mod mjpeg;
        pub mod packet;
        pub mod pool;
    }
    pub mod rtmp;
    pub mod secret;
    pub mod units;
}

pub use src::*;
