//! What is connected, by stable identity.
//!
//! On Linux the sound server is asked where one runs: it knows names that a person recognises. Only without one
//! are the sound cards themselves listed; of ALSA's many plugins none.

use cpal::{
    Device, Host,
    traits::{DeviceTrait, HostTrait},
};

use crate::capture::{
    naming::{find_device, make_unique},
    source::{CaptureError, DeviceId, DeviceKind, MicrophoneInfo},
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

/// A microphone the system knows of; it has not been opened.
pub(super) struct ConnectedMicrophone {
    pub(super) id: DeviceId,
    pub(super) name: String,
    pub(super) is_default: bool,
    pub(super) device: Device,
}

/// Every microphone, the names unique.
pub(super) fn connected() -> Vec<ConnectedMicrophone> {
    platform::host()
        .map(|host| connected_to(&host))
        .unwrap_or_default()
}

fn connected_to(host: &Host) -> Vec<ConnectedMicrophone> {
    let default = host
        .default_input_device()
        .and_then(|device| device.id().ok())
        .map(|id| id.to_string());
    let mut microphones: Vec<_> = host
        .input_devices()
        .into_iter()
        .flatten()
        .filter_map(|device| {
            let id = device.id().ok()?;
            let name = device.description().ok()?.name().trim().to_owned();
            let is_default = default.as_deref() == Some(&*id.to_string());
            Some(ConnectedMicrophone {
                id: platform::identity(&id)?,
                name: if name.is_empty() {
                    "Microphone".to_owned()
                } else {
                    name
                },
                is_default,
                device,
            })
        })
        .collect();
    make_unique(
        microphones
            .iter_mut()
            .map(|microphone| &mut microphone.name),
    );
    microphones
}

#[cfg(target_os = "linux")]
mod platform {
    use std::fs;

    use cpal::{Host, HostId};

    use crate::capture::source::DeviceId;

    /// The sound server, or else ALSA if there is a sound card. Without one ALSA is left alone: its library
    /// would only write complaints to standard error.
    pub(super) fn host() -> Option<Host> {
        if let Ok(host) = cpal::host_from_id(HostId::PulseAudio) {
            return Some(host);
        }
        let cards = fs::read_to_string("/proc/asound/cards").unwrap_or_default();
        let any = cards.lines().any(|line| line.contains('['));
        any.then(|| cpal::host_from_id(HostId::Alsa).ok())?
    }

    /// A sound server's names are stable. ALSA's card numbers are not, so the card's name takes their place;
    /// `None` for what is no sound card.
    pub(super) fn identity(id: &cpal::DeviceId) -> Option<DeviceId> {
        if id.host() != HostId::Alsa {
            return Some(DeviceId(id.to_string()));
        }
        let (card, device) = numbered_card(id.id())?;
        let name = fs::read_to_string(format!("/proc/asound/card{card}/id")).ok()?;
        Some(DeviceId(format!(
            "alsa:hw:CARD={},DEV={device}",
            name.trim()
        )))
    }

    /// Card and device number of `hw:CARD=1,DEV=0`, the one of ALSA's names per device that says in which
    /// direction the hardware goes.
    fn numbered_card(pcm: &str) -> Option<(u32, u32)> {
        let (card, device) = pcm.strip_prefix("hw:CARD=")?.split_once(",DEV=")?;
        Some((card.parse().ok()?, device.parse().ok()?))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn of_alsa_s_names_only_numbered_hardware_is_taken() {
            assert_eq!(numbered_card("hw:CARD=1,DEV=0"), Some((1, 0)));
            for plugin in [
                "null",
                "default",
                "pulse",
                "hw:CARD=PCH,DEV=0",
                "plughw:CARD=0,DEV=0",
                "sysdefault:CARD=PCH",
                "surround51:CARD=PCH,DEV=0",
            ] {
                assert_eq!(numbered_card(plugin), None, "{plugin}");
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use cpal::Host;

    use crate::capture::source::DeviceId;

    #[expect(clippy::unnecessary_wraps, reason = "on Linux there may be none")]
    pub(super) fn host() -> Option<Host> {
        Some(cpal::default_host())
    }

    #[expect(clippy::unnecessary_wraps, reason = "on Linux some devices have none")]
    pub(super) fn identity(id: &cpal::DeviceId) -> Option<DeviceId> {
        Some(DeviceId(id.to_string()))
    }
}
