//! What goes wrong with disks, in words a person can act on.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why there is no recording (any more).
#[derive(Debug, Error)]
pub enum RecordError {
    /// The folder is not there.
    #[error("the folder \"{}\" does not exist; choose another folder for recordings", path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The file is there already, and nothing is overwritten.
    #[error("\"{}\" exists already; choose another file name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system does not let this user write there.
    #[error("\"{}\" may not be written ({source}); choose another folder, or change its permissions", path.display())]
    NotPermitted {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No room is left.
    #[error("the disk is full, \"{}\" cannot grow; make room, or choose a folder on another disk", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The disk's format, often FAT32, does not take longer files.
    #[error("\"{}\" is as large as its disk lets files be; start a new recording, or choose another disk", path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Somebody deleted the file, or its folder, while it was being written.
    #[error("\"{}\" was deleted while it was being recorded; start a new recording", path.display())]
    Vanished {
        /// The file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("\"{}\" cannot be written ({source}); check the disk, or choose another folder", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The disk takes long; the rest is written in the background.
    #[error("\"{}\" is still being written because its disk is slow; wait a little before opening it", path.display())]
    StillWriting {
        /// The file.
        path: PathBuf,
    },
}

impl RecordError {
    /// What `source` means for the file at `path`.
    #[must_use]
    pub fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NoFolder {
                path: path.parent().map_or(PathBuf::new(), Path::to_owned),
            },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotPermitted { path, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, source }
            }
            io::ErrorKind::FileTooLarge => Self::FileTooLarge { path, source },
            _ => Self::Io { path, source },
        }
    }

    /// The file or folder it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::NoFolder { path }
            | Self::Exists { path }
            | Self::NotPermitted { path, .. }
            | Self::DiskFull { path, .. }
            | Self::FileTooLarge { path, .. }
            | Self::Vanished { path }
            | Self::Io { path, .. }
            | Self::StillWriting { path } => path,
        }
    }
}
