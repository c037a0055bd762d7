//! SQL text in pieces: enough to find what a view reads.
//!
//! Source: <https://www.sqlite.org/lang_keywords.html> and <https://www.sqlite.org/lang_comment.html>.

/// A piece of SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, or a name without quotes.
    Word(String),
    /// A name in quotes.
    Name(String),
    /// A text in quotes.
    Text(String),
    /// A number.
    Number,
    /// Any other character.
    Symbol(char),
}

/// The pieces of a text, without spaces and comments.
pub(super) fn read(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            _ if first.is_whitespace() => first.len_utf8(),
            '-' if rest.starts_with("--") => end_of(rest, "\n"),
            '/' if rest.starts_with("/*") => 2 + end_of(&rest[2..], "*/"),
            '\'' => {
                let (text, end) = quoted(rest, '\'');
                tokens.push(Token::Text(text));
                end
            }
            '"' | '`' => {
                let (name, end) = quoted(rest, first);
                tokens.push(Token::Name(name));
                end
            }
            '[' => {
                let end = end_of(rest, "]");
                tokens.push(Token::Name(rest[1..end].trim_end_matches(']').to_owned()));
                end
            }
            '0'..='9' => {
                tokens.push(Token::Number);
                length(rest, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_')
            }
            _ if is_of_word(first) => {
                let end = length(rest, is_of_word);
                tokens.push(Token::Word(rest[..end].to_owned()));
                end
            }
            _ => {
                tokens.push(Token::Symbol(first));
                first.len_utf8()
            }
        };
        rest = &rest[end..];
    }
    tokens
}

impl Token {
    /// Whether it is this keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Whether it is one of these keywords.
    pub(super) fn is_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    /// The name, if it may be one.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Name(name) => Some(name),
            _ => None,
        }
    }
}

/// How far the brackets that begin at `open` reach: the index of the one that closes them, or the end.
pub(super) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Symbol('(') => depth += 1,
            Token::Symbol(')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The pieces between those at which `separates` is true, outside of all brackets.
pub(super) fn split(tokens: &[Token], separates: impl Fn(&Token) -> bool) -> Vec<&[Token]> {
    let (mut parts, mut begin, mut index) = (Vec::new(), 0, 0);
    while index < tokens.len() {
        if tokens[index] == Token::Symbol('(') {
            index = closing(tokens, index);
        } else if separates(&tokens[index]) {
            parts.push(&tokens[begin..index]);
            begin = index + 1;
        }
        index += 1;
    }
    parts.push(&tokens[begin..]);
    parts
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

fn length(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// The end of the first `mark` in `text`, or of the text.
fn end_of(text: &str, mark: &str) -> usize {
    text.find(mark).map_or(text.len(), |at| at + mark.len())
}

/// What is between quotes, and where it ends. A quote inside is doubled.
fn quoted(text: &str, quote: char) -> (String, usize) {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            value.push(quote);
        } else {
            return (value, at + 1);
        }
    }
    (value, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_in_pieces() {
        let word = |text: &str| Token::Word(text.to_owned());
        let name = |text: &str| Token::Name(text.to_owned());
        let expected = [
            word("SELECT"),
            name("a\"b"),
            Token::Symbol('.'),
            name("c d"),
            Token::Symbol(','),
            name("e`f"),
            Token::Symbol(','),
            Token::Number,
            Token::Symbol('+'),
            Token::Text("it's -- no comment".to_owned()),
            word("größe_1"),
        ];
        let sql = "SELECT/* a comment */ \"a\"\"b\".[c d], `e``f`, 1.5e3 +'it''s -- no comment' -- FROM x\n größe_1";
        assert_eq!(read(sql), expected);
    }

    #[test]
    fn what_is_cut_off_is_read_to_the_end() {
        for sql in ["'abc", "\"abc", "[abc", "/* abc", "-- abc", "(abc", "", "é"] {
            let tokens = read(sql);
            assert!(tokens.len() <= 2, "{sql}: {tokens:?}");
            assert!(closing(&tokens, 0) <= tokens.len());
        }
    }
}
