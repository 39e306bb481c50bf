//! Which cameras there are, and what makes one the same tomorrow.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::capture::{
    camera::device::{ConnectedCamera, readable_name},
    source::DeviceId,
};

/// The number N of `/dev/videoN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Address(pub(super) u32);

impl Address {
    /// The device's file.
    pub(super) fn path(self) -> PathBuf {
        Path::new("/dev").join(self.node())
    }

    fn node(self) -> String {
        format!("video{}", self.0)
    }

    fn of(node: &str) -> Option<Self> {
        node.strip_prefix("video")?.parse().ok().map(Self)
    }

    /// What the kernel tells of it.
    fn class(self) -> PathBuf {
        Path::new("/sys/class/video4linux").join(self.node())
    }
}

/// Every camera the system knows of, in the order of their numbers; nodes that carry metadata left out.
pub(in super::super) fn connected() -> Vec<ConnectedCamera> {
    let mut addresses: Vec<Address> = fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .filter_map(|entry| Address::of(entry.ok()?.file_name().to_str()?))
        .collect();
    addresses.sort_unstable();
    addresses
        .into_iter()
        .filter_map(|address| {
            // The kernel may have cut a name within a character.
            let name = fs::read(address.class().join("name")).unwrap_or_default();
            let name = String::from_utf8_lossy(&name);
            Some(ConnectedCamera {
                id: identity(address, name.trim())?,
                name: readable_name(&name),
                address,
            })
        })
        .collect()
}

/// The name of the link that udev makes of vendor, model and serial number; where there is none, the place
/// the camera is plugged in. `None` for nodes that carry metadata only.
fn identity(address: Address, name: &str) -> Option<DeviceId> {
    let class = address.class();
    // A UVC camera's second node tells of its first; other drivers number cameras of their own.
    let part = fs::read_to_string(class.join("index")).unwrap_or_default();
    let part = part.trim();
    let device = fs::canonicalize(class.join("device")).ok();
    let driver = fs::read_link(class.join("device/driver")).unwrap_or_default();
    let is_uvc = driver.file_name().is_some_and(|name| name == "uvcvideo");
    if is_uvc && !part.is_empty() && part != "0" && !is_named_capture(address) {
        return None;
    }
    let node = address.node();
    let id = link_to("/dev/v4l/by-id", &node)
        .or_else(|| link_to("/dev/v4l/by-path", &node))
        .unwrap_or_else(|| {
            let place = device.unwrap_or_else(|| address.path());
            format!("{}#{part} {name}", place.display())
        });
    Some(DeviceId(id))
}

/// Whether udev, which asks the driver, says that a node delivers pictures.
fn is_named_capture(address: Address) -> bool {
    let Ok(number) = fs::read_to_string(address.class().join("dev")) else {
        return false;
    };
    fs::read_to_string(format!("/run/udev/data/c{}", number.trim()))
        .is_ok_and(|data| data.contains("ID_V4L_CAPABILITIES=:capture:"))
}

/// The name of the link in `folder` that leads to `/dev/<node>`.
fn link_to(folder: &str, node: &str) -> Option<String> {
    let mut links: Vec<String> = fs::read_dir(folder)
        .ok()?
        .filter_map(Result::ok)
        .filter(|entry| {
            fs::read_link(entry.path())
                .is_ok_and(|target| target.file_name() == Path::new(node).file_name())
        })
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    links.sort();
    links.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_video_nodes_are_cameras() {
        assert_eq!(Address::of("video0"), Some(Address(0)));
        assert_eq!(Address::of("video12"), Some(Address(12)));
        for other in ["video", "videos", "vbi0", "video0a", "v4l-subdev0"] {
            assert_eq!(Address::of(other), None, "{other}");
        }
        assert_eq!(Address(3).path(), Path::new("/dev/video3"));
    }
}
