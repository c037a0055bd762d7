//! The first exchange with a server, which negotiates how much is encrypted (PRELOGIN, MS-TDS 2.2.6.5).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Encryption;
use super::{
    ConnectError,
    packet::{self, Header},
};

/// How much of the connection is sent over TLS, as negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything.
    All,
    /// Only the first packet of the login message; the server's answer is already in clear text.
    Login,
    /// Nothing.
    Nothing,
}

const OFF: u8 = 0x00;
const ON: u8 = 0x01;
const NOT_SUPPORTED: u8 = 0x02;
const REQUIRED: u8 = 0x03;

const VERSION: u8 = 0x00;
const ENCRYPTION: u8 = 0x01;
const TERMINATOR: u8 = 0xff;

/// Sends the request to the server, and evaluates its answer.
///
/// # Errors
///
/// `EncryptionRefused`, `EncryptionDemanded`; `NoSqlServer` when the server answers anything else.
pub(super) async fn negotiate<W>(wire: &mut W, wanted: Encryption) -> Result<Scope, ConnectError>
where
    W: AsyncRead + AsyncWrite + Unpin,
{
    let no_sql_server = |source: io::Error| ConnectError::NoSqlServer {
        source: Box::new(source),
    };
    let answer = ask(wire, wanted).await.map_err(no_sql_server)?;
    judge(wanted, answer)
}

async fn ask<W>(wire: &mut W, wanted: Encryption) -> io::Result<u8>
where
    W: AsyncRead + AsyncWrite + Unpin,
{
    let asked = match wanted {
        Encryption::Required => ON,
        Encryption::LoginOnly => OFF,
        Encryption::None => NOT_SUPPORTED,
    };
    wire.write_all(&packet::whole(packet::PRELOGIN, &options(asked)))
        .await?;
    wire.flush().await?;
    let mut head = [0; packet::HEADER];
    wire.read_exact(&mut head).await?;
    let header = Header::parse(head)?;
    if header.kind != packet::RESULT || !header.last {
        return Err(packet::invalid("its first answer is not a table response"));
    }
    let mut options = vec![0; header.length];
    wire.read_exact(&mut options).await?;
    encryption_in(&options).ok_or_else(|| packet::invalid("its first answer is not valid"))
}

/// The options of a PRELOGIN packet with this value for encryption: used for the request to the server, and for
/// the answer to the driver.
pub(super) fn options(encryption: u8) -> [u8; 18] {
    let [major, minor] = [1, 0];
    [
        VERSION, 0, 11, 0, 6, // at 11, 6 bytes
        ENCRYPTION, 0, 17, 0, 1, // at 17, 1 byte
        TERMINATOR, major, minor, 0, 0, 0, 0, encryption,
    ]
}

/// The answer to the driver: no encryption, because the encryption is done below it.
pub(super) fn answer_for_driver() -> Vec<u8> {
    packet::whole(packet::RESULT, &options(NOT_SUPPORTED))
}

/// The encryption option among a server's options; none when the bytes are not options. A server that does not
/// mention encryption does not support it.
fn encryption_in(options: &[u8]) -> Option<u8> {
    let mut rest = options;
    let mut encryption = NOT_SUPPORTED;
    let mut first = true;
    loop {
        match *rest {
            [TERMINATOR, ..] if !first => return Some(encryption),
            [token, high, low, long, short, ref next @ ..] if token != TERMINATOR => {
                // The version must come first.
                if first && token != VERSION {
                    return None;
                }
                first = false;
                let start = usize::from(u16::from_be_bytes([high, low]));
                let length = usize::from(u16::from_be_bytes([long, short]));
                let value = options.get(start..start + length)?;
                if token == ENCRYPTION {
                    encryption = *value.first()?;
                }
                rest = next;
            }
            _ => return None,
        }
    }
}

/// Evaluates the answer by the table of MS-TDS 2.2.6.5. The result is never less encryption than was wanted.
fn judge(wanted: Encryption, answer: u8) -> Result<Scope, ConnectError> {
    match (wanted, answer) {
        (Encryption::Required | Encryption::LoginOnly, ON | REQUIRED) => Ok(Scope::All),
        (Encryption::LoginOnly, OFF) => Ok(Scope::Login),
        (Encryption::None, NOT_SUPPORTED) => Ok(Scope::Nothing),
        (Encryption::Required, OFF | NOT_SUPPORTED) | (Encryption::LoginOnly, NOT_SUPPORTED) => {
            Err(ConnectError::EncryptionRefused)
        }
        // With OFF, the server still requires the login to be encrypted.
        (Encryption::None, OFF | ON | REQUIRED) => Err(ConnectError::EncryptionDemanded),
        _ => Err(ConnectError::NoSqlServer {
            source: Box::new(packet::invalid(
                "it answered with an unknown encryption option",
            )),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of it, in a word.
    fn outcome(wanted: Encryption, answer: u8) -> &'static str {
        match judge(wanted, answer) {
            Ok(Scope::All) => "all",
            Ok(Scope::Login) => "login",
            Ok(Scope::Nothing) => "nothing",
            Err(error) => error.code(),
        }
    }

    #[test]
    fn there_is_no_silent_fallback() {
        let garbage = "NOT_SQL_SERVER";
        let (refused, demanded) = ("ENCRYPTION_REFUSED", "ENCRYPTION_DEMANDED");
        for (wanted, outcomes) in [
            (
                Encryption::Required,
                [refused, "all", refused, "all", garbage],
            ),
            (
                Encryption::LoginOnly,
                ["login", "all", refused, "all", garbage],
            ),
            (
                Encryption::None,
                [demanded, demanded, "nothing", demanded, garbage],
            ),
        ] {
            let answers = [OFF, ON, NOT_SUPPORTED, REQUIRED, 0x80];
            for (answer, expected) in answers.into_iter().zip(outcomes) {
                assert_eq!(outcome(wanted, answer), expected, "{wanted:?} {answer}");
            }
        }
    }

    #[test]
    fn options_are_read() {
        for encryption in 0..=3 {
            assert_eq!(encryption_in(&options(encryption)), Some(encryption));
        }
        let version_only = [VERSION, 0, 6, 0, 6, TERMINATOR, 15, 0, 0, 0, 0, 0];
        assert_eq!(encryption_in(&version_only), Some(NOT_SUPPORTED));
        for garbage in [
            &[][..],
            &[TERMINATOR],
            &[VERSION, 0, 6, 0],
            &[VERSION, 0, 6, 0, 6],
            &[ENCRYPTION, 0, 6, 0, 1, TERMINATOR, 1],
            &[VERSION, 255, 255, 255, 255, TERMINATOR],
            &[VERSION, 0, 0, 0, 0, ENCRYPTION, 0, 0, 0, 0, TERMINATOR],
            b"HTTP/1.1 400 Bad Request",
        ] {
            assert_eq!(encryption_in(garbage), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_fall_over(bytes: Vec<u8>) {
            let _ = encryption_in(&bytes);
        }
    }
}
