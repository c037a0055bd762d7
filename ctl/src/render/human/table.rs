//! Text in aligned columns.

/// One line for each label and its value, with the values aligned.
pub fn pairs<L: AsRef<str>>(pairs: &[(L, String)]) -> String {
    let widest = pairs
        .iter()
        .map(|(label, _)| width(label.as_ref()))
        .max()
        .unwrap_or_default();
    pairs
        .iter()
        .map(|(label, value)| {
            let padding = " ".repeat(widest - width(label.as_ref()));
            format!("{}{padding}  {value}", label.as_ref())
                .trim_end()
                .to_owned()
                + "\n"
        })
        .collect()
}

/// One line for each row, with the columns aligned.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
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
            cells.join("  ").trim_end().to_owned() + "\n"
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
