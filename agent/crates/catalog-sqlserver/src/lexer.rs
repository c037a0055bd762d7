//! Splits T-SQL into words, as far as is needed to find out what it touches.

/// A token of T-SQL; comments are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word, in upper case.
    Word(String),
    /// The content of brackets or double quotes.
    Quoted(String),
    /// A string literal, whatever its content.
    Text,
    Sign(char),
}

impl Token {
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    pub(crate) fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    pub(crate) fn is_sign(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }

    pub(crate) fn names(&self, name: &str) -> bool {
        self.name().is_some_and(|own| own == name.to_uppercase())
    }

    /// The name in upper case, however it was quoted; none for what cannot be a name.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Self::Word(name) => Some(name.clone()),
            Self::Quoted(name) => Some(name.to_uppercase()),
            Self::Text | Self::Sign(_) => None,
        }
    }
}

pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$');
        rest = match first {
            _ if first.is_whitespace() => rest.trim_start(),
            '-' if rest.starts_with("--") => rest.split_once('\n').map_or("", |(_, rest)| rest),
            '/' if rest.starts_with("/*") => behind_comment(rest),
            '\'' => {
                tokens.push(Token::Text);
                quoted(rest, '\'').1
            }
            '[' | '"' => {
                let (name, behind) = quoted(rest, if first == '[' { ']' } else { '"' });
                tokens.push(Token::Quoted(name));
                behind
            }
            _ if is_word(first) => {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_uppercase()));
                &rest[end..]
            }
            _ => {
                tokens.push(Token::Sign(first));
                &rest[first.len_utf8()..]
            }
        };
    }
    tokens
}

/// The rest of `text` after a block comment. Block comments nest.
fn behind_comment(text: &str) -> &str {
    let (mut rest, mut depth) = (&text[2..], 1);
    while depth > 0 {
        let Some(at) = rest.find(['/', '*']) else {
            return "";
        };
        rest = &rest[at..];
        if let Some(inner) = rest.strip_prefix("/*") {
            (rest, depth) = (inner, depth + 1);
        } else if let Some(outer) = rest.strip_prefix("*/") {
            (rest, depth) = (outer, depth - 1);
        } else {
            rest = &rest[1..];
        }
    }
    rest
}

/// The text up to `end`, which is doubled inside, and the rest after it. `text` begins after the opening quote.
fn quoted(text: &str, end: char) -> (String, &str) {
    let mut name = String::new();
    let mut rest = &text[1..];
    loop {
        let Some((before, behind)) = rest.split_once(end) else {
            name.push_str(rest);
            return (name, "");
        };
        name.push_str(before);
        match behind.strip_prefix(end) {
            Some(behind) => {
                name.push(end);
                rest = behind;
            }
            None => return (name, behind),
        }
    }
}
