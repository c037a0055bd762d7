//! Placeholders in SQL texts.

/// Fills the placeholders `{like_this}` in `template` in one pass, so that a value may contain something that
/// looks like a placeholder. A placeholder without a value stays.
pub fn fill(template: &str, places: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let (before, marked) = rest.split_at(start);
        filled.push_str(before);
        let place = places.iter().find(|(name, _)| {
            marked[1..].starts_with(name) && marked[1 + name.len()..].starts_with('}')
        });
        let Some((name, value)) = place else {
            filled.push('{');
            rest = &marked[1..];
            continue;
        };
        filled.push_str(value);
        rest = &marked[name.len() + 2..];
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_look_like_a_place() {
        let filled = fill(
            "SELECT {id}, {odd}, {id} FROM {table}",
            &[("id", "{table}"), ("table", "t{")],
        );
        assert_eq!(filled, "SELECT {table}, {odd}, {table} FROM t{");
    }
}
