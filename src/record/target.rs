//! Where to record: file names, and creating the file without overwriting any.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use chrono::NaiveDateTime;

use super::error::RecordError;

/// Where to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingTarget {
    /// A new file in this folder, named from date and time.
    Folder(PathBuf),
    /// This file; it must not exist yet.
    File(PathBuf),
}

impl RecordingTarget {
    /// Creates the file; `now` is the local time that names it.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(super) fn create(&self, now: NaiveDateTime) -> Result<(File, PathBuf), RecordError> {
        match self {
            Self::File(path) => match create_new(path) {
                Ok(file) => Ok((file, path.clone())),
                Err(error) => Err(RecordError::from_io(path, error)),
            },
            Self::Folder(folder) => create_in(folder, now),
        }
    }
}

/// How many recordings may begin within one second.
const MAX_SAME_NAMES: u32 = 999;

fn create_in(folder: &Path, now: NaiveDateTime) -> Result<(File, PathBuf), RecordError> {
    let name = now.format("Skywave %Y-%m-%d %H.%M.%S");
    let mut path = folder.join(format!("{name}.flv"));
    for number in 2..=MAX_SAME_NAMES {
        match create_new(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = folder.join(format!("{name} ({number}).flv"));
            }
            Err(error) => return Err(RecordError::from_io(&path, error)),
        }
    }
    Err(RecordError::Exists { path })
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn afternoon() -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2026, 11, 22)
            .and_then(|day| day.and_hms_opt(14, 5, 33))
            .unwrap()
    }

    #[test]
    fn files_are_named_from_date_and_time_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let target = RecordingTarget::Folder(folder.path().to_owned());
        let names = [(); 3].map(|()| {
            let (_, path) = target.create(afternoon()).unwrap();
            path.file_name().unwrap().to_string_lossy().into_owned()
        });
        assert_eq!(
            names,
            [
                "Skywave 2026-11-22 14.05.33.flv",
                "Skywave 2026-11-22 14.05.33 (2).flv",
                "Skywave 2026-11-22 14.05.33 (3).flv"
            ]
        );
    }

    #[test]
    fn a_file_that_exists_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.flv");
        std::fs::write(&path, "mine").unwrap();
        let error = RecordingTarget::File(path.clone())
            .create(afternoon())
            .unwrap_err();
        assert!(matches!(error, RecordError::Exists { .. }));
        assert!(error.to_string().contains("mine.flv\" exists already"));
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap().path().join("gone");
        for target in [
            RecordingTarget::Folder(folder.clone()),
            RecordingTarget::File(folder.join("x.flv")),
        ] {
            let error = target.create(afternoon()).unwrap_err();
            assert!(matches!(error, RecordError::NoFolder { .. }), "{error}");
            assert_eq!(error.path(), folder);
        }
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let target = RecordingTarget::Folder(file.path().to_owned());
        let error = target.create(afternoon()).unwrap_err();
        assert_eq!(error.path(), file.path());
    }
}
