//! Pictures, sound and time, free of devices and codecs.
//!
//! | file | what it is about |
//! |---|---|
//! | [`clock`] | the one monotonic clock |
//! | [`frame`] | raw pictures (I420) |
//! | [`pool`] | raw pictures used again |
//! | [`convert`] | any camera's pixels to I420 |
//! | [`mjpeg`] | a camera's Motion JPEG to I420 |
//! | [`scale`] | any size to the output's size, with black bars |
//! | [`draw`] | rectangles and block letters |
//! | [`level`] | how loud the sound is |
//! | [`resample`] | any sample rate to any other, and drift taken out |
//! | [`drift`] | how fast to resample so that sound keeps its time |
//! | [`latency`] | how long pictures take to the wire |
//! | [`packet_buffer`] | where encoders put their packets |
//! | [`packet`] | encoded pictures and sound, ready for any output |

pub mod clock;
pub mod convert;
pub mod draw;
pub mod drift;
pub mod frame;
pub mod latency;
pub mod level;
pub mod mjpeg;
pub mod packet;
pub mod packet_buffer;
pub mod pool;
pub mod resample;
pub mod scale;
