//! What the preflight asks of the server, and what else lives in the shop's database: nothing, and nothing of
//! the old program's either.

use crate::tds::model::{Answer, ColumnType, ResultSet, SqlError, Statement, Value};

/// What the rights' statement asks for, behind the user's name.
const RIGHTS: usize = 15;

pub(super) fn answer(statement: &Statement) -> Result<Answer, SqlError> {
    let text = |text: &str| Value::Text(text.to_owned());
    if statement.name.as_deref() == Some("old_found") {
        return Ok(no_old_program());
    }
    Ok(match statement.name.as_deref().unwrap_or_default() {
        "server" => {
            let mut kinds = [ColumnType::Int; 12];
            kinds[..5].fill(ColumnType::Text);
            kinds[8] = ColumnType::Text;
            let result = ResultSet::new(kinds.map(|kind| ("", kind)));
            result.row([
                text("16.0.1000.6"),
                text("Stand-in"),
                text("STAND-IN"),
                text("shopmaster"),
                text("ProductsDB"),
                Value::Int(0),
                Value::Int(1),
                Value::Int(0),
                text(""),
                Value::Int(160),
                Value::Int(0),
                Value::Int(0),
            ])
        }
        "encryption" => ResultSet::new([("", ColumnType::Text)]).row([text("FALSE")]),
        "sight" => {
            let mut kinds = [ColumnType::Int; 7];
            kinds[..2].fill(ColumnType::Text);
            let result = ResultSet::new(kinds.map(|kind| ("", kind)));
            let [may, user] = [Value::Int(1), text("shopmaster")];
            result.row([
                user.clone(),
                user,
                may.clone(),
                may.clone(),
                may.clone(),
                may.clone(),
                may,
            ])
        }
        // Off.
        "query_store_state" => ResultSet::new([("", ColumnType::Int)]).row([Value::Int(0)]),
        // Nothing of the kind. The columns of results without rows are nobody's.
        "triggers" | "modules" | "views" | "synonyms" | "encrypted_modules" | "plan_cache"
        | "query_store" | "connected" | "column_options" | "key_parts" | "predicates" | "masks"
        | "dependencies" | "base_tables" | "foreign_keys" | "column_sources" => {
            ResultSet::new([("", ColumnType::Int)])
        }
        "table_options" => {
            ResultSet::new([("is_published", ColumnType::Bit)]).row([Value::Bit(false)])
        }
        "rights" => {
            let mut result = ResultSet::new([("", ColumnType::Text)]);
            result
                .columns
                .resize(1 + RIGHTS, (String::new(), ColumnType::Int));
            let mut row = vec![text("shopmaster")];
            row.resize(1 + RIGHTS, Value::Int(1));
            result.rows.push(row);
            result
        }
        "can_impersonate" => ResultSet::new([("", ColumnType::Int)]).row([Value::Int(1)]),
        _ => return Err(SqlError::unknown(statement)),
    }
    .into())
}

/// No table, no trigger and no module of the old program's. The columns of results without rows are nobody's.
fn no_old_program() -> Answer {
    let nothing = ResultSet::new([("", ColumnType::Int)]);
    Answer {
        results: vec![nothing; 3],
        affected: 0,
    }
}
