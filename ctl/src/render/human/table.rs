//! Text in aligned columns.

use super::Text;
use crate::render::printable::plain;

/// One line for each label and its value, with the values aligned.
pub fn pairs<L: AsRef<str>>(pairs: &[(L, String)]) -> Text {
    let rows: Vec<_> = pairs
        .iter()
        .map(|(label, value)| [label.as_ref().to_owned(), value.clone()])
        .collect();
    columns(&rows)
}

/// One line for each row, with the columns aligned.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> Text {
    // As wide as they are shown.
    let rows: Vec<_> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| plain(cell)))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).max(*widest);
        }
    }
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(widths)
                .map(|(cell, widest)| format!("{cell}{}", " ".repeat(widest - width(cell))))
                .collect();
            Text::of(cells.join("  ").trim_end())
        })
        .collect()
}

/// Width in characters: right for shopMaster's own words, and close enough for ids.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_below_each_other() {
        let text = pairs(&[("a", "1".to_owned()), ("long", String::new())]);
        assert_eq!(text, "a     1\nlong\n");
        let rows = [["ä", "1", "x"], ["bcd", "22", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "ä    1   x\nbcd  22\n");
    }
}
