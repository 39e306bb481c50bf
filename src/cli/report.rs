//! The report's two files: a page for people, and beside it the figures for programs.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::exit::{Exit, ExitStatus};
use crate::report::{Report, html::to_html, json::to_json};

/// Two empty files, created before the stream begins: that they cannot be is not learnt at its end.
#[derive(Debug)]
pub struct ReportFiles {
    page: (PathBuf, File),
    figures: (PathBuf, File),
}

impl ReportFiles {
    /// Creates `path` and the file beside it that ends in `.json`. Neither may exist yet.
    ///
    /// # Errors
    /// One line that says why not.
    pub fn create(path: &Path) -> Result<Self, Exit> {
        let beside = path.with_extension("json");
        if beside == path {
            let message = "--report: the page cannot end in .json, as the figures beside it do; name it .html";
            return Err(Exit::new(ExitStatus::Usage, message));
        }
        let page = create_new(path)?;
        let figures = create_new(&beside).inspect_err(|_| {
            // Nobody asked for an empty page.
            let _ = fs::remove_file(path);
        })?;
        Ok(Self {
            page: (path.to_owned(), page),
            figures: (beside, figures),
        })
    }

    /// Writes both.
    ///
    /// # Errors
    /// One line that names the file which could not be written.
    pub fn write(self, report: &Report) -> Result<(), Exit> {
        fill(self.page, &to_html(report))?;
        fill(self.figures, &format!("{:#}\n", to_json(report)))
    }
}

fn create_new(path: &Path) -> Result<File, Exit> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    created.map_err(|error| {
        let shown = path.display();
        let message = if error.kind() == io::ErrorKind::AlreadyExists {
            format!("--report: {shown} exists already; choose another name, or move it away")
        } else {
            format!(
                "--report: {shown} cannot be created ({error}); choose a folder that can be written"
            )
        };
        Exit::new(ExitStatus::Usage, message)
    })
}

fn fill((path, mut file): (PathBuf, File), text: &str) -> Result<(), Exit> {
    file.write_all(text.as_bytes()).map_err(|error| {
        let shown = path.display();
        let message = format!("the report {shown} could not be written ({error})");
        Exit::new(ExitStatus::Problems, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten_and_nothing_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("stream.html");
        let beside = folder.path().join("stream.json");
        let told = |path: &Path| {
            let exit = ReportFiles::create(path).unwrap_err();
            assert_eq!(exit.status, ExitStatus::Usage);
            exit.message
        };
        fs::write(&beside, "mine").unwrap();
        assert!(told(&page).contains("stream.json exists already"));
        assert!(!page.exists());
        fs::remove_file(&beside).unwrap();
        ReportFiles::create(&page).unwrap();
        assert!(page.exists() && beside.exists());
        assert!(told(&page).contains("stream.html exists already"));
        assert!(told(&folder.path().join("other.json")).contains("name it .html"));
        assert!(told(&folder.path().join("no/such/a.html")).contains("cannot be created"));
    }
}
