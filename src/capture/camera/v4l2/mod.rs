//! Cameras on Linux: V4L2, single-planar capture through mapped buffers.
//!
//! | file | what it is about |
//! |---|---|
//! | `node` | which cameras there are, and what makes one the same tomorrow |
//! | `mode` | what a camera offers, in this program's words |
//! | `colour` | what its YUV values mean |
//! | `stream` | an open camera, its buffers and its errors |

mod colour;
mod mode;
mod node;
mod stream;

pub(super) use node::{Address, connected};
pub(super) use stream::Device;
