//! Lines of a file that grows, and the clock they are stamped with.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    thread,
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// Reads a growing file line by line.
pub(crate) struct Tail {
    file: File,
    begun: Vec<u8>,
}

impl Tail {
    /// Begins at the file's first line.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            begun: Vec::new(),
        })
    }

    /// The lines that were completed since the last call.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        self.file
            .read_to_end(&mut self.begun)
            .expect("a file of the lab can be read");
        let complete = self.begun.iter().rposition(|byte| *byte == b'\n');
        let complete = complete.map_or(0, |end| end + 1);
        let rest = self.begun.split_off(complete);
        let lines = std::mem::replace(&mut self.begun, rest);
        let text = String::from_utf8_lossy(&lines);
        text.lines().map(str::to_owned).collect()
    }
}

/// Now, in seconds of the clock that all processes of this machine share.
pub(crate) fn now() -> f64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A short rest between two looks.
pub(crate) fn rest() {
    thread::sleep(Duration::from_millis(10));
}
