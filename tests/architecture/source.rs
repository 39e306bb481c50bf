//! As much of Rust's syntax as checking layers takes: code without its comments, texts and unit tests,
//! the words in it, and the paths it names.

/// A source file's code: comments and the insides of texts are blanked, unit tests are cut off.
pub(crate) struct Code(String);

impl Code {
    /// Reads a file's text.
    pub(crate) fn of(text: &str) -> Self {
        let mut code = blanked(text);
        if let Some(tests) = code.find("#[cfg(test)]\nmod ") {
            code.truncate(tests);
        }
        Self(code)
    }

    /// How many lines it has, comments included.
    pub(crate) fn lines(&self) -> usize {
        self.0.lines().count()
    }

    /// Every identifier and keyword, in order.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.0
            .split(|c: char| !is_word(c))
            .filter(|word| !word.is_empty())
    }

    /// Whether `word` occurs as a word of its own.
    pub(crate) fn mentions(&self, word: &str) -> bool {
        self.words().any(|other| other == word)
    }

    /// How often `text` occurs, letter by letter but for white space.
    pub(crate) fn count(&self, text: &str) -> usize {
        let dense = |code: &str| code.split_whitespace().collect::<String>();
        dense(&self.0).matches(&dense(text)).count()
    }

    /// Every path that begins at the crate's root, without the root: `media::frame::I420` for
    /// `crate::media::frame::I420`, one for each leaf of a `use` tree. `depth` is how many modules deep
    /// the file is, so that `super::` chains that reach the root are seen too.
    pub(crate) fn root_paths(&self, depth: usize) -> Vec<String> {
        let supers = "super::".repeat(depth);
        let mut paths = Vec::new();
        for root in ["crate::", supers.as_str()] {
            for (at, _) in self.0.match_indices(root).filter(|_| !root.is_empty()) {
                let before = &self.0[..at];
                let part_of_longer = before.ends_with(is_word) || before.ends_with("super::");
                let rest = &self.0[at + root.len()..];
                if !part_of_longer && !rest.starts_with("super::") {
                    leaves(&mut Cursor(rest), "", &mut paths);
                }
            }
        }
        paths
    }

    /// Whether a channel is made without saying how much fits: `channel()`, `channel::<T>()`, `unbounded…`.
    pub(crate) fn makes_unbounded_channel(&self) -> bool {
        let dense: String = self.0.split_whitespace().collect();
        let empty_call = dense.match_indices("channel").any(|(at, name)| {
            let rest = &dense[at + name.len()..];
            let arguments = rest
                .strip_prefix("::<")
                .and_then(|rest| rest.split_once(">("))
                .map_or(rest.strip_prefix('('), |(_, arguments)| Some(arguments));
            // `sync_channel()` would not compile; a method of ours called `…channel()` is another word.
            !dense[..at].ends_with(is_word) && arguments.is_some_and(|rest| rest.starts_with(')'))
        });
        empty_call || self.words().any(|word| word.starts_with("unbounded"))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What is left to read of a path or `use` tree.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn take(&mut self, token: &str) -> bool {
        let rest = self.0.trim_start().strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn word(&mut self) -> &'a str {
        let text = self.0.trim_start();
        let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
        self.0 = &text[end..];
        &text[..end]
    }
}

/// Reads `a::b`, `a::{b, c::d}` or `*` at the cursor and adds each leaf's whole path.
fn leaves(cursor: &mut Cursor, prefix: &str, paths: &mut Vec<String>) {
    if cursor.take("{") {
        while !cursor.take("}") {
            let before = cursor.0.len();
            leaves(cursor, prefix, paths);
            cursor.take(",");
            if cursor.0.len() == before {
                return;
            }
        }
        return;
    }
    let word = cursor.word();
    let path = match (prefix, word) {
        (_, "" | "self") => prefix.to_owned(),
        ("", word) => word.to_owned(),
        (prefix, word) => format!("{prefix}::{word}"),
    };
    if cursor.take("::") {
        if cursor.take("*") || cursor.0.trim_start().starts_with('<') {
            paths.push(path);
        } else {
            leaves(cursor, &path, paths);
        }
        return;
    }
    if !word.is_empty() {
        paths.push(path);
    }
    if cursor.take("as ") {
        cursor.word();
    }
}

/// `text` with every comment and the inside of every literal replaced by spaces, line for line.
fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = literal_or_comment(rest, code.ends_with(is_word));
        if skipped > 0 {
            let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
            code.extend(rest[..skipped].chars().map(blank));
            rest = &rest[skipped..];
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    code
}

/// How many bytes at the start of `text` are a comment or a literal; 0 for neither.
fn literal_or_comment(text: &str, in_word: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if !in_word && let Some(hashes) = raw_string_hashes(text) {
        let end = format!("\"{}", "#".repeat(hashes));
        let begin = text.find('"').map_or(0, |quote| quote + 1);
        return text[begin..]
            .find(&end)
            .map_or(text.len(), |at| begin + at + end.len());
    }
    if let Some(inside) = text.strip_prefix('"') {
        return 1 + quoted(inside, '"');
    }
    // `'a` is a lifetime, `'a'` and `'\n'` are characters.
    let mut characters = text.chars();
    match (characters.next(), characters.next(), characters.next()) {
        (Some('\''), Some('\\'), _) | (Some('\''), Some(_), Some('\'')) => {
            1 + quoted(&text[1..], '\'')
        }
        _ => 0,
    }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// How many `#` a raw string at the start of `text` has; `None` when there is no raw string.
fn raw_string_hashes(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].starts_with('"').then_some(hashes)
}

/// How many bytes until after the closing `quote`.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}
