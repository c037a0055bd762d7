//! What a column's declared type says beyond its affinity.

/// Whether the declared type is one that other databases fill up with spaces: `CHAR(20)`, `NCHAR(20)`,
/// `CHARACTER(20)`. A program that came from such a database may still write the spaces.
pub(super) fn is_padded(declared: &str) -> bool {
    let Some((name, _)) = declared.split_once('(') else {
        return false;
    };
    let words: Vec<_> = name
        .split_ascii_whitespace()
        .map(str::to_ascii_uppercase)
        .collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    matches!(
        words[..],
        ["CHAR" | "NCHAR" | "CHARACTER"] | ["NATIONAL" | "NATIVE", "CHAR" | "CHARACTER"]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_types_of_a_fixed_length_are_padded() {
        for (declared, expected) in [
            ("CHAR(20)", true),
            ("nchar (255)", true),
            ("CHARACTER(20)", true),
            ("NATIVE CHARACTER(70)", true),
            ("national char(5)", true),
            ("VARCHAR(20)", false),
            ("NVARCHAR(20)", false),
            ("CHARACTER VARYING(20)", false),
            ("VARYING CHARACTER(20)", false),
            ("TEXT", false),
            ("CHAR", false),
            ("", false),
        ] {
            assert_eq!(is_padded(declared), expected, "{declared}");
        }
    }
}
