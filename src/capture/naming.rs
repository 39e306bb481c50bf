//! Device names that are unique in a list, and devices found by what a person types.

use super::source::{CaptureError, DeviceId, DeviceKind};

/// Appends ` (2)`, ` (3)` to names that were there before.
pub fn make_unique<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        let plain = name.clone();
        let mut number = 1;
        while taken.contains(name) {
            number += 1;
            *name = format!("{plain} ({number})");
        }
        taken.push(name.clone());
    }
}

/// Which of `devices` is meant by `wanted`: an identity, a name, a number as listed (from 0), or a part of only
/// one name, tried in this order. Case does not matter.
///
/// # Errors
/// [`CaptureError::Missing`] when none is, [`CaptureError::Ambiguous`] when several names have the part.
pub fn find_device(
    wanted: &str,
    kind: DeviceKind,
    devices: &[(&DeviceId, &str)],
) -> Result<usize, CaptureError> {
    let lower = wanted.trim().to_lowercase();
    let exact = devices
        .iter()
        .position(|(id, _)| id.0 == wanted)
        .or_else(|| {
            devices
                .iter()
                .position(|(_, name)| name.to_lowercase() == lower)
        })
        .or_else(|| lower.parse().ok().filter(|index| *index < devices.len()));
    if let Some(index) = exact {
        return Ok(index);
    }
    let fitting: Vec<usize> = (0..devices.len())
        .filter(|index| !lower.is_empty() && devices[*index].1.to_lowercase().contains(&lower))
        .collect();
    match fitting[..] {
        [index] => Ok(index),
        [] => Err(CaptureError::Missing {
            kind,
            wanted: wanted.to_owned(),
        }),
        _ => Err(CaptureError::Ambiguous {
            kind,
            wanted: wanted.to_owned(),
            candidates: fitting
                .iter()
                .map(|index| devices[*index].1)
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_numbered() {
        let mut names = ["Cam", "Mic", "Cam", "Cam (2)", "Cam"].map(str::to_owned);
        make_unique(names.iter_mut());
        assert_eq!(names, ["Cam", "Mic", "Cam (2)", "Cam (2) (2)", "Cam (3)"]);
    }

    #[test]
    fn a_device_is_found_by_identity_name_number_or_part_of_its_name() {
        let ids = ["usb-1", "usb-2", "usb-3"].map(|id| DeviceId(id.to_owned()));
        let devices = [
            (&ids[0], "HD Webcam C920"),
            (&ids[1], "Document camera"),
            (&ids[2], "HD Webcam"),
        ];
        let find = |wanted| find_device(wanted, DeviceKind::Camera, &devices);
        assert_eq!(find("usb-2"), Ok(1));
        assert_eq!(find("hd webcam"), Ok(2), "a whole name before a part");
        assert_eq!(find("0"), Ok(0));
        assert_eq!(find("c920"), Ok(0));
        assert_eq!(find(" Document "), Ok(1));
        assert!(matches!(
            find("webcam"),
            Err(CaptureError::Ambiguous { .. })
        ));
        for wanted in ["", "3", "-1", "phone"] {
            assert!(
                matches!(find(wanted), Err(CaptureError::Missing { .. })),
                "{wanted}"
            );
        }
    }
}
