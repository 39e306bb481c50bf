//! Standard output and standard error, which may be closed at any time: `skywave devices | head -1`.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

use super::exit::{Exit, ExitStatus};

/// Prints `text` and a line end. A reader that went away wants no more, which is no error.
///
/// # Errors
/// When standard output takes nothing for another reason, such as a full disk.
pub fn print_line(text: impl Display) -> Result<(), Exit> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let message = format!("standard output cannot be written: {error}");
            Err(Exit::new(ExitStatus::Problems, message))
        }
        _ => Ok(()),
    }
}

/// Prints a line to standard error, whatever becomes of it.
pub fn print_error(text: impl Display) {
    let _ = writeln!(io::stderr(), "skywave: {text}");
}

/// The same for what is not an error.
pub fn print_warning(text: impl Display) {
    print_error(format_args!("warning: {text}"));
}
