//! Opens a page in the system's browser.

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

/// Opens `page` and waits until the system has taken it over; a moment, so not on the window's thread.
///
/// # Errors
/// When the system has nothing to open it with, or says it did not.
pub fn open(page: &Path) -> io::Result<()> {
    let status = system::opener(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other("no program here opens web pages"))
    }
}

#[cfg(target_os = "macos")]
mod system {
    use super::{Command, Path};

    pub(super) fn opener(page: &Path) -> Command {
        let mut command = Command::new("open");
        command.arg(page);
        command
    }
}

#[cfg(windows)]
mod system {
    use super::{Command, Path};

    pub(super) fn opener(page: &Path) -> Command {
        let mut command = Command::new("cmd");
        // The first quoted argument of `start` is a title.
        command.args(["/C", "start", ""]).arg(page);
        command
    }
}

#[cfg(not(any(target_os = "macos", windows)))]
mod system {
    use super::{Command, Path};

    pub(super) fn opener(page: &Path) -> Command {
        let mut command = Command::new("xdg-open");
        command.arg(page);
        command
    }
}
