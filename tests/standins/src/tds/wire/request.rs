//! Requests: SQLBatch (2.2.6.7) and RPCRequest (2.2.6.6) for `sp_executesql`.

use std::io;

use super::{
    bytes::{Reader, text},
    malformed, value,
};
use crate::tds::model::{Statement, Value};

/// `sp_executesql` by its number (2.2.6.6, ProcID).
const SP_EXECUTESQL: u16 = 10;
/// Instead of a name's length: a number follows.
const BY_NUMBER: u16 = 0xFFFF;

/// A batch: a text without parameters.
pub(in crate::tds) fn batch(body: &[u8]) -> io::Result<Statement> {
    let mut body = Reader::new(body);
    skip_headers(&mut body)?;
    Ok(Statement::new(text(body.rest())?, Vec::new()))
}

/// A call of `sp_executesql`: the text, the declaration of its parameters, and their values.
pub(in crate::tds) fn call(body: &[u8]) -> io::Result<Statement> {
    let mut body = Reader::new(body);
    skip_headers(&mut body)?;
    let procedure = match body.u16()? {
        BY_NUMBER => body.u16()?,
        _ => return Err(malformed("a procedure by its name")),
    };
    if procedure != SP_EXECUTESQL {
        return Err(malformed(&format!("procedure number {procedure}")));
    }
    let _options = body.u16()?;
    let mut values = Vec::new();
    while !body.is_empty() {
        let _name = body.b_varchar()?;
        let _status = body.u8()?;
        values.push(value::parameter(&mut body)?);
    }
    let mut values = values.into_iter();
    let Some(Value::Text(text)) = values.next() else {
        return Err(malformed("sp_executesql without a text"));
    };
    let _declaration = values.next();
    Ok(Statement::new(text, values.collect()))
}

/// ALL_HEADERS (2.2.5.3): their total length counts itself.
fn skip_headers(body: &mut Reader<'_>) -> io::Result<()> {
    let length = (body.u32()? as usize).checked_sub(4);
    body.take(length.ok_or_else(|| malformed("headers of no length"))?)?;
    Ok(())
}
