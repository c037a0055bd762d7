//! The figures as one table.

use super::{Bench, Figure, Target};

const HEAD: [&str; 5] = ["bench", "what", "target", "measured", ""];

/// The figures as one table, one per line.
#[must_use]
pub fn table(figures: &[(Bench, Figure)]) -> String {
    let mut last = None;
    let lines = figures.iter().map(|(bench, figure)| {
        let name = if last == Some(bench) {
            ""
        } else {
            bench.name()
        };
        last = Some(bench);
        [
            name.to_owned(),
            figure.what.clone(),
            target(figure),
            measured(figure),
            verdict(figure).to_owned(),
        ]
    });
    let lines: Vec<_> = std::iter::once(HEAD.map(str::to_owned))
        .chain(lines)
        .collect();
    let widths: [usize; 5] = std::array::from_fn(|column| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or_default()
    });
    lines.iter().map(|line| row(line, widths)).collect()
}

fn row(cells: &[String; 5], widths: [usize; 5]) -> String {
    let [bench, what, target, measured, verdict] = cells;
    let [a, b, c, d, _] = widths;
    let line = format!("{bench:<a$}  {what:<b$}  {target:>c$}  {measured:>d$}  {verdict}");
    format!("{}\n", line.trim_end())
}

fn target(figure: &Figure) -> String {
    match figure.target {
        Some(Target::AtMost(most)) => format!("≤ {}", figure.unit.show(most)),
        Some(Target::AtLeast(least)) => format!("≥ {}", figure.unit.show(least)),
        None => String::new(),
    }
}

fn measured(figure: &Figure) -> String {
    let value = figure.value.map(|value| figure.unit.show(value));
    value.unwrap_or_else(|| "n/a".to_owned())
}

fn verdict(figure: &Figure) -> &'static str {
    match figure.is_met() {
        Some(true) => "ok",
        Some(false) => "miss",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Unit, *};

    #[test]
    fn columns_are_aligned() {
        let ratio = Figure::new("of the ideal", 1.31, Unit::Times).at_most(1.2);
        let time = Figure::new("median", 171.0, Unit::Milliseconds);
        let memory = Figure::new("peak memory", None, Unit::MiB).at_most(64.0);
        let figures = [
            (Bench::Sync, ratio),
            (Bench::Sync, time),
            (Bench::Upload, memory),
        ];
        assert_eq!(
            table(&figures),
            "bench   what              target  measured\n\
             sync    of the ideal    ≤ 1.20 ×    1.31 ×  miss\n\
             \u{20}       median                      171 ms\n\
             upload  peak memory   ≤ 64.0 MiB       n/a\n"
        );
    }
}
