//! Staying live, simulated: our decisions and the rivals' on the same virtual links, without waiting.
//!
//! | file | what it is about |
//! |---|---|
//! | [`scenario`] | the links, servers and computers that a stream has to live with |
//! | [`held_out`] | others, that no constant of ours was chosen on |
//! | [`world`] | the virtual world: clock, sockets, and what drives them |
//! | [`network`], [`tcp`], [`server`], [`encoder`], [`random`] | its parts |
//! | [`ours`] | our publisher: `skywave::control` and thin glue |
//! | [`rivals`] | the laws of OBS, FMLE, Moblin and HaishinKit, as far as they are published |
//! | [`viewers`], [`score`] | what viewers got, and how that compares |

pub(crate) mod encoder;
pub(crate) mod held_out;
pub(crate) mod network;
pub(crate) mod ours;
pub(crate) mod random;
pub(crate) mod rivals;
pub(crate) mod scenario;
pub(crate) mod score;
pub(crate) mod server;
pub(crate) mod tcp;
pub(crate) mod viewers;
pub(crate) mod world;

use skywave::units::MediaTime;

/// A time as people write it.
pub(crate) fn seconds(time: MediaTime) -> f64 {
    time.as_nanos() as f64 / 1e9
}

/// The whole part of a number that is not negative.
pub(crate) fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the fraction is not wanted; what is below zero becomes zero"
    )]
    {
        value as u64
    }
}
