//! What a terminal would obey, and what is shown in its place. The texts of an agent, of a shop's database and of Digible
//! may hold anything.

use shopmaster_view::is_obeyed;

/// Shown in place of a character that a terminal would obey.
const REPLACEMENT: char = '\u{fffd}';

fn replaced(text: &str, kept: &[char]) -> String {
    let shown = |c| match is_obeyed(c) && !kept.contains(&c) {
        true => REPLACEMENT,
        false => c,
    };
    text.chars().map(shown).collect()
}

/// A text on one line: what a terminal would obey is replaced, ends of lines included.
pub fn plain(text: &str) -> String {
    replaced(text, &[])
}

/// A text with lines of its own: what a terminal would obey is replaced, except the ends of lines and tabs.
pub fn plain_lines(text: &str) -> String {
    replaced(&text.replace("\r\n", "\n"), &['\n', '\t'])
}

/// Lines of JSON whose values are the same: what a terminal would obey is escaped, except the ends of lines. Those do not
/// stand within strings, and everything else stands nowhere else.
pub fn escaped(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for c in json.chars() {
        match is_obeyed(c) && c != '\n' {
            // None of them needs more than four digits.
            true => line += &format!("\\u{:04x}", u32::from(c)),
            false => line.push(c),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_product_name() {
        assert_eq!(plain("Soap\x1b[2J\n"), "Soap\u{fffd}[2J\u{fffd}");
        assert_eq!(
            plain("\u{9b}2J\r\u{202e}\u{7f}"),
            "\u{fffd}2J\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(plain("Käse 奶酪 🧀"), "Käse 奶酪 🧀");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(
            plain_lines("a\tb\r\nc\rd\x1b\n"),
            "a\tb\nc\u{fffd}d\u{fffd}\n"
        );
    }

    #[test]
    fn json_keeps_its_value() {
        let value = "Käse\u{9b}2J\u{202e}\u{7f}\u{2066}\u{200f}\x1b\n".to_owned();
        let line = escaped(&serde_json::to_string(&value).unwrap());
        assert!(!line.chars().any(is_obeyed), "{line:?}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), value);
        assert_eq!(escaped("{}\n[]\n"), "{}\n[]\n");
    }
}
