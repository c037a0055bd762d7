//! Text for people, a line at a time.

use std::{fmt, ops::Deref};

use crate::render::printable::{plain, plain_lines};

/// Lines for people. Nothing in them is obeyed by a terminal, and no text can begin a line of its own: each line is made
/// printable as it is added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// One line.
    pub fn of(line: impl AsRef<str>) -> Self {
        let mut text = Self::default();
        text.line(line);
        text
    }

    /// A text that has lines of its own, such as a script or a certificate. The last one is ended.
    pub fn of_lines(lines: &str) -> Self {
        let end = match lines.is_empty() || lines.ends_with('\n') {
            true => "",
            false => "\n",
        };
        Self(plain_lines(lines) + end)
    }

    /// Adds a line.
    pub fn line(&mut self, line: impl AsRef<str>) {
        self.0 += &plain(line.as_ref());
        self.0.push('\n');
    }

    /// Adds an empty line.
    pub fn gap(&mut self) {
        self.0.push('\n');
    }

    /// Adds lines.
    pub fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    /// This text and the lines of `other`.
    pub fn with(mut self, other: &Self) -> Self {
        self.add(other);
        self
    }
}

/// One line, or none for an empty text.
impl From<String> for Text {
    fn from(line: String) -> Self {
        match line.is_empty() {
            true => Self::default(),
            false => Self::of(line),
        }
    }
}

impl Extend<Self> for Text {
    fn extend<T: IntoIterator<Item = Self>>(&mut self, texts: T) {
        texts.into_iter().for_each(|text| self.add(&text));
    }
}

impl FromIterator<Self> for Text {
    fn from_iter<T: IntoIterator<Item = Self>>(texts: T) -> Self {
        let mut all = Self::default();
        all.extend(texts);
        all
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_begins_a_line_of_its_own() {
        let mut text = Text::of("All well\nerror: forged\r\x1b[2J");
        text.gap();
        text.line("");
        assert_eq!(
            text,
            "All well\u{fffd}error: forged\u{fffd}\u{fffd}[2J\n\n\n"
        );
        assert_eq!(Text::from(String::new()), "");
        assert_eq!(Text::of_lines("a\r\nb"), "a\nb\n");
        assert_eq!(Text::of_lines(""), "");
    }
}
