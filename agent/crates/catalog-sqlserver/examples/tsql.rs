//! Prints every T-SQL text that is shipped or made, for a grammar to judge: `cargo run --example tsql`.

use std::io::{self, Write as _};

use shopmaster_catalog_sqlserver::texts;

/// Schema, table, and the columns for key, name and price.
const SHOPS: [(&str, &str, [&str; 3]); 4] = [
    ("dbo", "Products", ["ProductID", "ProductName", "SellPrice"]),
    (
        "my schema",
        "All of it's \"products\".v2",
        ["the id", "the.name", "it's"],
    ),
    ("a]b", "c]]d", ["e]f", "[g]", "h; --"]),
    ("Größe", "ЖЖ", ["ключ", "имя", "цена"]),
];

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (number, (schema, table, columns)) in SHOPS.into_iter().enumerate() {
        for (name, text) in texts(schema, table, columns) {
            writeln!(
                out,
                "-- file: shop {} {name}\n{}\n",
                number + 1,
                text.trim_end()
            )?;
        }
    }
    Ok(())
}
