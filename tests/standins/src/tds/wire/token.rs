//! Answers: the token stream of a tabular result (2.2.7).

use super::{
    bytes::{put_b_varchar, put_length, put_us_varchar, utf16},
    packet, prelogin, value,
};
use crate::tds::model::{ResultSet, SqlError};

/// Tokens (2.2.7).
const RETURN_STATUS: u8 = 0x79;
const COL_METADATA: u8 = 0x81;
const ERROR: u8 = 0xAA;
const INFO: u8 = 0xAB;
const LOGIN_ACK: u8 = 0xAD;
const ROW: u8 = 0xD1;
const ENV_CHANGE: u8 = 0xE3;
/// ENVCHANGE of the database, and of the packet size (2.2.7.9).
const ENV_DATABASE: u8 = 1;
const ENV_PACKET_SIZE: u8 = 4;
/// TDS 7.3 (2.2.7.14): the newest that tiberius needs here.
const VERSION: [u8; 4] = [0x73, 0x0B, 0x00, 0x03];
/// Column flags (2.2.7.4): can be NULL, and can be written.
const COLUMN_FLAGS: u16 = 0x0009;
/// "Changed database context", as every login to a database is told.
const CHANGED_DATABASE: u32 = 5_701;

/// What a piece of an answer ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tds) enum Done {
    /// A statement of a batch (2.2.7.6).
    Statement,
    /// A statement inside of a procedure (2.2.7.7).
    InProcedure,
    /// A procedure (2.2.7.8).
    Procedure,
}

/// The bits of a DONE's status (2.2.7.6).
pub(in crate::tds) mod status {
    pub(in crate::tds) const FINAL: u16 = 0x00;
    pub(in crate::tds) const MORE: u16 = 0x01;
    pub(in crate::tds) const ERROR: u16 = 0x02;
    pub(in crate::tds) const COUNT: u16 = 0x10;
    pub(in crate::tds) const ATTENTION: u16 = 0x20;
}

impl Done {
    const fn token(self) -> u8 {
        match self {
            Self::Statement => 0xFD,
            Self::Procedure => 0xFE,
            Self::InProcedure => 0xFF,
        }
    }
}

/// Everything that a client hears when it may come in: 2.2.7.9, 2.2.7.13, 2.2.7.14.
pub(in crate::tds) fn welcome(database: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put_env_change(&mut out, ENV_DATABASE, database, "master");
    let changed = SqlError {
        number: CHANGED_DATABASE,
        state: 2,
        class: 0,
        message: format!("Changed database context to '{database}'."),
    };
    put_message(&mut out, INFO, &changed);
    let mut acknowledged = vec![1];
    acknowledged.extend(VERSION);
    put_b_varchar(&mut acknowledged, "Microsoft SQL Server");
    acknowledged.extend(prelogin::SERVER_VERSION);
    put_token(&mut out, LOGIN_ACK, &acknowledged);
    let size = packet::SIZE.to_string();
    put_env_change(&mut out, ENV_PACKET_SIZE, &size, &size);
    put_done(&mut out, Done::Statement, status::FINAL, 0);
    out
}

/// ERROR (2.2.7.10).
pub(in crate::tds) fn put_error(out: &mut Vec<u8>, error: &SqlError) {
    put_message(out, ERROR, error);
}

/// COLMETADATA (2.2.7.4) and a ROW (2.2.7.19) for each row.
pub(in crate::tds) fn put_result(out: &mut Vec<u8>, result: &ResultSet) {
    out.push(COL_METADATA);
    put_length(out, result.columns.len());
    for (name, kind) in &result.columns {
        // UserType: none of the shop's own.
        out.extend(0_u32.to_le_bytes());
        out.extend(COLUMN_FLAGS.to_le_bytes());
        value::put_type(out, *kind);
        put_b_varchar(out, name);
    }
    for row in &result.rows {
        out.push(ROW);
        for ((_, kind), value) in result.columns.iter().zip(row) {
            value::put_value(out, *kind, value);
        }
    }
}

/// RETURNSTATUS (2.2.7.18).
pub(in crate::tds) fn put_return_status(out: &mut Vec<u8>, value: i32) {
    out.push(RETURN_STATUS);
    out.extend(value.to_le_bytes());
}

/// DONE, DONEINPROC or DONEPROC (2.2.7.6 to 2.2.7.8).
pub(in crate::tds) fn put_done(out: &mut Vec<u8>, done: Done, status: u16, rows: u64) {
    out.push(done.token());
    out.extend(status.to_le_bytes());
    // CurCmd: which kind of statement it was; nobody asks.
    out.extend([0, 0]);
    out.extend(rows.to_le_bytes());
}

fn put_env_change(out: &mut Vec<u8>, kind: u8, new: &str, old: &str) {
    let mut body = vec![kind];
    put_b_varchar(&mut body, new);
    put_b_varchar(&mut body, old);
    put_token(out, ENV_CHANGE, &body);
}

/// The common form of ERROR and INFO (2.2.7.10, 2.2.7.13).
fn put_message(out: &mut Vec<u8>, token: u8, error: &SqlError) {
    let mut body = Vec::with_capacity(utf16(&error.message).len() + 32);
    body.extend(error.number.to_le_bytes());
    body.extend([error.state, error.class]);
    put_us_varchar(&mut body, &error.message);
    put_b_varchar(&mut body, "STAND-IN");
    put_b_varchar(&mut body, "");
    body.extend(1_u32.to_le_bytes());
    put_token(out, token, &body);
}

fn put_token(out: &mut Vec<u8>, token: u8, body: &[u8]) {
    out.push(token);
    put_length(out, body.len());
    out.extend(body);
}
