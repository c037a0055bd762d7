//! Many shops as text for people.

use console::{Alignment, measure_text_width, pad_str, truncate_str};

use super::{Clock, Text};
use crate::{
    fleet::{Report, Standing},
    render::printable::plain,
};

/// The headings of the table.
const HEAD: [&str; 4] = ["SHOP", "GROUP", "", "ANSWER"];
/// Between two columns.
const GAP: &str = "  ";

/// One line for a shop, as soon as it answers.
pub fn line(report: &Report) -> String {
    format!("{}: {}", report.shop.name, answer(report))
}

/// One line for a change, while watching.
pub fn change(report: &Report, clock: &Clock) -> String {
    format!("{}  {}", clock.time_of_day(), line(report))
}

/// The table, with lines that are at most `width` columns wide; and at most `rows` shops, if given.
pub fn table(reports: &[&Report], width: Option<usize>, rows: Option<usize>) -> Text {
    let shown = rows.unwrap_or(reports.len()).min(reports.len());
    let mut head = HEAD.map(str::to_owned);
    if reports.iter().all(|report| report.shop.group.is_none()) {
        head[1].clear();
    }
    let mut cells = vec![head];
    cells.extend(reports.iter().take(shown).map(|report| row(report)));
    let mut text: Text = lines(&cells)
        .iter()
        .map(|line| match width {
            Some(width) => Text::of(truncate_str(line, width, "…")),
            None => Text::of(line),
        })
        .collect();
    if shown < reports.len() {
        text.line(format!("and {} more", reports.len() - shown));
    }
    text
}

/// Printable already: the columns are as wide as what is shown.
fn row(report: &Report) -> [String; 4] {
    [
        plain(&report.shop.name),
        plain(report.shop.group.as_deref().unwrap_or_default()),
        word(report.standing).to_owned(),
        plain(&report.text),
    ]
}

/// Aligned; the last column is not padded.
fn lines(cells: &[[String; 4]]) -> Vec<String> {
    let mut widths = [0; 4];
    for row in cells {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = measure_text_width(cell).max(*widest);
        }
    }
    let line = |row: &[String; 4]| {
        let padded = row
            .iter()
            .zip(widths)
            // A column without any text takes no room.
            .filter(|(_, width)| *width > 0)
            .map(|(cell, width)| pad_str(cell, width, Alignment::Left, None).into_owned());
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    cells.iter().map(line).collect()
}

fn answer(report: &Report) -> String {
    let text = &report.text;
    match word(report.standing) {
        "" | "ok" => text.clone(),
        word => format!("{word}: {text}"),
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::NoAnswer => "no answer",
        Standing::Failed => "failed",
        Standing::Attention => "attention",
        Standing::Unknown => "unknown",
        Standing::Unfinished => "",
        Standing::Good => "ok",
    }
}

#[cfg(test)]
mod tests {
    use super::{super::clock::tests::clock, *};
    use crate::fleet::{Shop, report::Answer};

    fn report(name: &str, group: Option<&str>, standing: Standing, text: &str) -> Report {
        let shop = Shop {
            name: name.to_owned(),
            agent: "a".parse().unwrap(),
            group: group.map(str::to_owned),
        };
        Report {
            standing,
            text: text.to_owned(),
            ..Report::of(shop, Answer::Nothing)
        }
    }

    #[test]
    fn the_table_says_what_each_shop_answered() {
        let reports = [
            report(
                "wuse",
                Some("abuja"),
                Standing::NoAnswer,
                "no answer within 10 s",
            ),
            report("Käse 奶酪", None, Standing::Attention, "2 products refused"),
            report(
                "ikeja",
                Some("lagos"),
                Standing::Unfinished,
                "Sending 1 of 2",
            ),
            report(
                "yaba\x1b",
                Some("lagos"),
                Standing::Good,
                "All 3 products up to date",
            ),
        ];
        let all: Vec<_> = reports.iter().collect();
        assert_eq!(
            table(&all, None, None),
            "\
SHOP       GROUP             ANSWER
wuse       abuja  no answer  no answer within 10 s
Käse 奶酪         attention  2 products refused
ikeja      lagos             Sending 1 of 2
yaba\u{fffd}      lagos  ok         All 3 products up to date
"
        );
        assert_eq!(
            table(&all, Some(30), Some(1)),
            "SHOP  GROUP             ANSWER\nwuse  abuja  no answer  no an…\nand 3 more\n"
        );
    }

    #[test]
    fn a_fleet_without_groups_has_no_column_for_them() {
        let report = report("a", None, Standing::Good, "started: sync-1");
        let text = table(&[&report], None, None);
        assert_eq!(text, "SHOP      ANSWER\na     ok  started: sync-1\n");
    }

    #[test]
    fn a_line_says_how_bad_it_is() {
        let bad = report("a", None, Standing::NoAnswer, "no answer within 10 s");
        assert_eq!(line(&bad), "a: no answer: no answer within 10 s");
        let good = report("a", None, Standing::Good, "All 3 products up to date");
        assert_eq!(line(&good), "a: All 3 products up to date");
        assert_eq!(
            change(&good, &clock()),
            "14:30:00  a: All 3 products up to date"
        );
    }
}
