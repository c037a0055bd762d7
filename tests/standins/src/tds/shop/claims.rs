//! Application locks: `sp_getapplock` and `APPLOCK_MODE`.

use super::{State, text_parameter};
use crate::tds::model::{Answer, ColumnType, ResultSet, SqlError, Statement, Value};

/// What `sp_getapplock` gives: granted at once, and not granted in time.
const GRANTED: i32 = 0;
const TIMED_OUT: i32 = -1;

pub(super) fn answer(
    state: &mut State,
    session: u64,
    statement: &Statement,
) -> Result<Answer, SqlError> {
    let resource = text_parameter(statement, 1)?;
    if statement.name.as_deref() == Some("claimed") {
        let mode = match state.claims.get(&resource) {
            Some(holder) if *holder == session => "Exclusive",
            _ => "NoLock",
        };
        let result = ResultSet::new([("", ColumnType::Text)]);
        return Ok(result.row([Value::Text(mode.to_owned())]).into());
    }
    // First the claimant's own, and the table's only with it.
    let own = text_parameter(statement, 2)?;
    let self_held = take(state, session, own.clone());
    let held = (self_held == GRANTED).then(|| take(state, session, resource));
    if held == Some(TIMED_OUT) {
        state.claims.remove(&own);
    }
    let result = ResultSet::new([("", ColumnType::Int), ("", ColumnType::Int)]);
    let held = held.map_or(Value::Null, Value::Int);
    Ok(result.row([Value::Int(self_held), held]).into())
}

fn take(state: &mut State, session: u64, resource: String) -> i32 {
    let holder = *state.claims.entry(resource).or_insert(session);
    if holder == session {
        GRANTED
    } else {
        TIMED_OUT
    }
}
