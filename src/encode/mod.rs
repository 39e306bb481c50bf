//! H.264 and AAC.
//!
//! | file | what it is about |
//! |---|---|
//! | [`aac`] | sound to AAC, by FDK AAC |
//! | [`encoder`] | what the engine asks of any encoder |
//! | [`h264`] | pictures to H.264, by OpenH264 |

pub mod aac;
pub mod encoder;
pub mod h264;

#[cfg(test)]
pub(crate) mod material;
