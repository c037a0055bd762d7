//! Types (2.2.5.4, 2.2.5.5) and values (2.2.5.2.3): both ways, as far as the agent uses them.

use std::io;

use super::{
    bytes::{Reader, put_length, text, utf16},
    malformed,
};
use crate::tds::model::{ColumnType, Value};

/// Type tokens (2.2.5.4.2).
const GUID: u8 = 0x24;
const INT_N: u8 = 0x26;
const BIT_N: u8 = 0x68;
const DECIMAL_N: u8 = 0x6A;
const NUMERIC_N: u8 = 0x6C;
const FLOAT_N: u8 = 0x6D;
const DATETIME_N: u8 = 0x6F;
const VAR_BINARY: u8 = 0xA5;
const VARCHAR: u8 = 0xA7;
const BINARY: u8 = 0xAD;
const NVARCHAR: u8 = 0xE7;
/// The length that says: as long as it likes, in pieces (2.2.5.2.3).
const MAX: u16 = 0xFFFF;
/// A NULL of such a type, and one whose length is not known before its end.
const PLP_NULL: u64 = u64::MAX;
const PLP_UNKNOWN: u64 = u64::MAX - 1;
/// A NULL of a type with a length of two bytes.
const CHARBIN_NULL: u16 = u16::MAX;
/// SQL_Latin1_General_CP1_CI_AS (2.2.5.1.2): 1033, case, kana and width ignored, sort id 52.
const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];
/// The most bytes of a text that does not travel in pieces.
const LONGEST: usize = 8_000;
/// Pieces are cut small, so that a text of some length has several.
const PIECE: usize = 1_000;
/// `datetime` counts days from 1900-01-01 and ticks of 1/300 second (2.2.5.5.1.8).
const DAYS_TO_1970: i64 = 25_567;
const MS_PER_DAY: i64 = 86_400_000;

/// Writes TYPE_INFO (2.2.5.6). All types can be NULL.
pub(super) fn put_type(out: &mut Vec<u8>, kind: ColumnType) {
    match kind {
        ColumnType::Bit => out.extend([BIT_N, 1]),
        ColumnType::Int => out.extend([INT_N, 4]),
        ColumnType::BigInt => out.extend([INT_N, 8]),
        ColumnType::Float => out.extend([FLOAT_N, 8]),
        ColumnType::Decimal { precision, scale } => {
            out.extend([DECIMAL_N, decimal_size(precision), precision, scale]);
        }
        ColumnType::DateTime => out.extend([DATETIME_N, 8]),
        ColumnType::Guid => out.extend([GUID, 16]),
        ColumnType::Text => {
            out.push(NVARCHAR);
            put_length(out, LONGEST);
            out.extend(COLLATION);
        }
        ColumnType::LongText => {
            out.push(NVARCHAR);
            out.extend(MAX.to_le_bytes());
            out.extend(COLLATION);
        }
        ColumnType::Binary => {
            out.push(VAR_BINARY);
            put_length(out, LONGEST);
        }
    }
}

/// Writes a value of this type. What does not fit it is NULL: the model's own tests would see that.
pub(super) fn put_value(out: &mut Vec<u8>, kind: ColumnType, value: &Value) {
    match (kind, value) {
        (ColumnType::Bit, Value::Bit(bit)) => out.extend([1, u8::from(*bit)]),
        (ColumnType::Int, Value::Int(int)) => put_short(out, &int.to_le_bytes()),
        (ColumnType::BigInt, Value::Int(int)) => put_short(out, &i64::from(*int).to_le_bytes()),
        (ColumnType::BigInt, Value::BigInt(int)) => put_short(out, &int.to_le_bytes()),
        (ColumnType::Float, Value::Float(float)) => put_short(out, &float.to_le_bytes()),
        (ColumnType::Decimal { precision, .. }, Value::Decimal(units)) => {
            let size = usize::from(decimal_size(precision));
            out.extend([decimal_size(precision), u8::from(*units >= 0)]);
            out.extend(&units.unsigned_abs().to_le_bytes()[..size - 1]);
        }
        (ColumnType::DateTime, Value::DateTime(ms)) => {
            let days = ms.div_euclid(MS_PER_DAY) + DAYS_TO_1970;
            let ticks = (ms.rem_euclid(MS_PER_DAY) * 3 + 5) / 10;
            out.push(8);
            out.extend(i32::try_from(days).unwrap_or_default().to_le_bytes());
            out.extend(u32::try_from(ticks).unwrap_or_default().to_le_bytes());
        }
        (ColumnType::Guid, Value::Guid(guid)) => put_short(out, guid),
        (ColumnType::Text, Value::Text(text)) => put_bytes(out, &utf16(text)),
        (ColumnType::Binary, Value::Binary(bytes)) => put_bytes(out, bytes),
        (ColumnType::LongText, Value::Text(text)) => {
            out.extend(PLP_UNKNOWN.to_le_bytes());
            for piece in utf16(text).chunks(PIECE) {
                out.extend(u32::try_from(piece.len()).unwrap_or_default().to_le_bytes());
                out.extend(piece);
            }
            out.extend([0; 4]);
        }
        (ColumnType::LongText, _) => out.extend(PLP_NULL.to_le_bytes()),
        (ColumnType::Text | ColumnType::Binary, _) => out.extend(CHARBIN_NULL.to_le_bytes()),
        (_, _) => out.push(0),
    }
}

/// Reads a parameter's TYPE_INFO and value (2.2.6.6).
pub(super) fn parameter(body: &mut Reader<'_>) -> io::Result<Value> {
    let kind = body.u8()?;
    match kind {
        INT_N | BIT_N | FLOAT_N | GUID | DATETIME_N => {
            body.u8()?;
            let length = usize::from(body.u8()?);
            short(kind, body.take(length)?)
        }
        DECIMAL_N | NUMERIC_N => {
            let [_size, _precision, _scale] = body.array()?;
            let length = usize::from(body.u8()?);
            decimal(body.take(length)?)
        }
        NVARCHAR | VARCHAR | VAR_BINARY | BINARY => {
            let most = body.u16()?;
            if matches!(kind, NVARCHAR | VARCHAR) {
                body.take(COLLATION.len())?;
            }
            let bytes = if most == MAX {
                pieces(body)?
            } else {
                match body.u16()? {
                    CHARBIN_NULL => None,
                    length => Some(body.take(usize::from(length))?.to_vec()),
                }
            };
            let Some(bytes) = bytes else {
                return Ok(Value::Null);
            };
            Ok(match kind {
                NVARCHAR => Value::Text(text(&bytes)?),
                VARCHAR => Value::Text(String::from_utf8_lossy(&bytes).into_owned()),
                _ => Value::Binary(bytes),
            })
        }
        // The types of a fixed length (2.2.5.4.1), which tiberius uses where there is a value.
        0x1F => Ok(Value::Null),
        0x30 => Ok(Value::Int(body.u8()?.into())),
        0x32 => Ok(Value::Bit(body.u8()? != 0)),
        0x34 => Ok(Value::Int(i16::from_le_bytes(body.array()?).into())),
        0x38 => Ok(Value::Int(i32::from_le_bytes(body.array()?))),
        0x3E => Ok(Value::Float(f64::from_le_bytes(body.array()?))),
        0x7F => Ok(Value::BigInt(i64::from_le_bytes(body.array()?))),
        other => Err(malformed(&format!(
            "a parameter of type {other:#04X}, which the stand-in does not know"
        ))),
    }
}

fn short(kind: u8, bytes: &[u8]) -> io::Result<Value> {
    let whole = |bytes: &[u8]| {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        i64::from_le_bytes(wide)
    };
    Ok(match (kind, bytes) {
        (_, []) => Value::Null,
        (BIT_N, [bit]) => Value::Bit(*bit != 0),
        (INT_N, [byte]) => Value::Int((*byte).into()),
        (INT_N, [low, high]) => Value::Int(i16::from_le_bytes([*low, *high]).into()),
        (INT_N, [a, b, c, d]) => Value::Int(i32::from_le_bytes([*a, *b, *c, *d])),
        (INT_N, bytes) if bytes.len() == 8 => Value::BigInt(whole(bytes)),
        (FLOAT_N, bytes) if bytes.len() == 8 => {
            Value::Float(f64::from_bits(whole(bytes).cast_unsigned()))
        }
        (FLOAT_N, [a, b, c, d]) => Value::Float(f32::from_le_bytes([*a, *b, *c, *d]).into()),
        (GUID, bytes) => Reader::new(bytes).array().map(Value::Guid)?,
        (DATETIME_N, bytes) if bytes.len() == 8 => {
            let days = i64::from(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            let ticks = i64::from(u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]));
            Value::DateTime((days - DAYS_TO_1970) * MS_PER_DAY + (ticks * 10 + 1) / 3)
        }
        _ => return Err(malformed("a value longer than its type")),
    })
}

fn decimal(bytes: &[u8]) -> io::Result<Value> {
    let Some((sign, units)) = bytes.split_first() else {
        return Ok(Value::Null);
    };
    let mut wide = [0; 16];
    let place = wide.get_mut(..units.len());
    place
        .ok_or_else(|| malformed("a decimal of more than 38 digits"))?
        .copy_from_slice(units);
    let units = i128::from_le_bytes(wide);
    Ok(Value::Decimal(if *sign == 0 { -units } else { units }))
}

/// A value in pieces (2.2.5.2.3, PARTLENTYPE).
fn pieces(body: &mut Reader<'_>) -> io::Result<Option<Vec<u8>>> {
    if body.u64()? == PLP_NULL {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    loop {
        match body.u32()? {
            0 => return Ok(Some(bytes)),
            length => bytes.extend(body.take(length as usize)?),
        }
    }
}

fn put_short(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(u8::try_from(bytes.len()).unwrap_or_default());
    out.extend(bytes);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    put_length(out, bytes.len());
    out.extend(bytes);
}

/// How many bytes a decimal takes, its sign among them (2.2.5.5.1.6).
const fn decimal_size(precision: u8) -> u8 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}
