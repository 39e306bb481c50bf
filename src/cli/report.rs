//! The report's two files: a page for people, and beside it the figures for programs.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::exit::{Exit, ExitStatus};
use crate::report::{Report, html::to_html, json::to_json};

/// Where the two files will be. That they cannot be written is learnt before the stream begins; they come into
/// being at its end, so that none is left behind empty.
#[derive(Debug)]
pub struct ReportFiles {
    page: PathBuf,
    figures: PathBuf,
}

impl ReportFiles {
    /// Sees whether `path` and the file beside it that ends in `.json` can be created. Neither may exist yet.
    ///
    /// # Errors
    /// One line that says why not.
    pub fn at(path: &Path) -> Result<Self, Exit> {
        let figures = path.with_extension("json");
        if figures == path {
            let message = "--report: the page cannot end in .json, as the figures beside it do; name it .html";
            return Err(Exit::new(ExitStatus::Usage, message));
        }
        for file in [path, &figures] {
            File::create_new(file)
                .and_then(|_| fs::remove_file(file))
                .map_err(|error| Exit::new(ExitStatus::Usage, refused(file, &error)))?;
        }
        Ok(Self {
            page: path.to_owned(),
            figures,
        })
    }

    /// Writes both.
    ///
    /// # Errors
    /// One line that names the file which could not be written.
    pub fn write(&self, report: &Report) -> Result<(), Exit> {
        fill(&self.page, &to_html(report))?;
        fill(&self.figures, &format!("{:#}\n", to_json(report)))
    }
}

fn refused(file: &Path, error: &io::Error) -> String {
    let shown = file.display();
    if error.kind() == io::ErrorKind::AlreadyExists {
        format!("--report: {shown} exists already; choose another name, or move it away")
    } else {
        format!(
            "--report: {shown} cannot be created ({error}); choose a folder that can be written"
        )
    }
}

fn fill(path: &Path, text: &str) -> Result<(), Exit> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
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
            let exit = ReportFiles::at(path).unwrap_err();
            assert_eq!(exit.status, ExitStatus::Usage);
            exit.message
        };
        fs::write(&beside, "mine").unwrap();
        assert!(told(&page).contains("stream.json exists already"));
        assert!(!page.exists());
        fs::remove_file(&beside).unwrap();
        ReportFiles::at(&page).unwrap();
        assert!(
            !page.exists() && !beside.exists(),
            "not before there is a report"
        );
        fs::write(&page, "mine").unwrap();
        assert!(told(&page).contains("stream.html exists already"));
        assert_eq!(fs::read_to_string(&page).unwrap(), "mine");
        assert!(told(&folder.path().join("other.json")).contains("name it .html"));
        assert!(told(&folder.path().join("no/such/a.html")).contains("cannot be created"));
    }
}
