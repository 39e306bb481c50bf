//! What is connected, by stable identity.

use super::{cards, device::ConnectedMicrophone};
use crate::capture::{
    naming::{find_device, make_unique},
    source::{CaptureError, DeviceKind, MicrophoneInfo},
};

/// All microphones, and a sound server's monitors (what is being played).
#[must_use]
pub fn list() -> Vec<MicrophoneInfo> {
    connected()
        .into_iter()
        .map(|microphone| MicrophoneInfo {
            id: microphone.id,
            name: microphone.name,
            is_default: microphone.is_default,
        })
        .collect()
}

/// The microphone meant by `wanted`: its identity, its name, its number in [`list`] or a part of only one name.
///
/// # Errors
/// [`CaptureError::Missing`] and [`CaptureError::Ambiguous`].
pub fn find(wanted: &str) -> Result<MicrophoneInfo, CaptureError> {
    let mut microphones = list();
    let names: Vec<_> = microphones
        .iter()
        .map(|microphone| (&microphone.id, microphone.name.as_str()))
        .collect();
    let index = find_device(wanted, DeviceKind::Microphone, &names)?;
    Ok(microphones.swap_remove(index))
}

/// The microphone that the system would pick by itself; `None` when there is none at all.
#[must_use]
pub fn default() -> Option<MicrophoneInfo> {
    let mut microphones = list();
    let index = microphones
        .iter()
        .position(|microphone| microphone.is_default)
        .unwrap_or(0);
    (index < microphones.len()).then(|| microphones.swap_remove(index))
}

/// Every microphone, the names unique.
pub(super) fn connected() -> Vec<ConnectedMicrophone> {
    let mut microphones = offered();
    for microphone in &mut microphones {
        if microphone.name.is_empty() {
            "Microphone".clone_into(&mut microphone.name);
        }
    }
    make_unique(
        microphones
            .iter_mut()
            .map(|microphone| &mut microphone.name),
    );
    microphones
}

/// The sound server's microphones where one answers: it knows names that a person recognises, and the sound
/// cards are in its hands. Only without one the cards' own.
#[cfg(target_os = "linux")]
fn offered() -> Vec<ConnectedMicrophone> {
    super::pulse::connected().unwrap_or_else(|reason| {
        tracing::debug!(%reason, "no sound server; asking the sound cards");
        cards::connected()
    })
}

#[cfg(not(target_os = "linux"))]
fn offered() -> Vec<ConnectedMicrophone> {
    cards::connected()
}
