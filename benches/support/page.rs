//! Tables in README.md, each between its own two marks.

use std::{env, error::Error, fs, path::Path};

/// Puts `text` between the marks of `name`, if `SKYWAVE_WRITE_PAGES` asks for it.
///
/// # Errors
/// When README.md cannot be read or written, or has no such marks.
pub(crate) fn write(name: &str, text: &str) -> Result<(), Box<dyn Error>> {
    if env::var_os("SKYWAVE_WRITE_PAGES").is_none() {
        return Ok(());
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = fs::read_to_string(&file)?;
    let (begin, end) = (
        format!("<!-- {name} -->"),
        format!("<!-- end of {name} -->"),
    );
    let parts = page
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("README.md has no place for {name}"))?;
    Ok(fs::write(
        file,
        format!("{before}{begin}\n{text}{end}{after}"),
    )?)
}
