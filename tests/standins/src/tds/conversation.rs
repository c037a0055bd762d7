//! One connection, from its PRELOGIN to its end (3.3.5, the server's side).

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{
    delivery::{Delivery, acknowledge_attention},
    fault::{FaultKind, Point},
    model::{Answer, SqlError, Statement},
    record::{LoginRecord, Outcome},
    settings::Encryption,
    shared::Shared,
    wire::{
        login::Login,
        malformed,
        packet::{self, Kind, Message},
        prelogin::{self, Wish},
        request,
        token::{self, Done, status},
    },
};

/// The stream of a conversation.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A session of the model, which ends with its last user.
struct Session {
    number: u64,
    shared: Arc<Shared>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.model.end(self.number);
        self.shared
            .change(|memory| memory.databases.disconnect(self.number));
    }
}

/// Serves one client until either side disconnects.
pub(super) async fn hold(
    mut stream: TcpStream,
    number: u64,
    shared: Arc<Shared>,
) -> io::Result<()> {
    let session = Arc::new(Session { number, shared });
    let shared = &session.shared;
    let accepted = Delivery::of(shared.strike(&Point::Connect));
    accepted.before(&mut stream, shared).await?;
    let wishes = read(&mut stream, Kind::PreLogin).await?;
    let client = prelogin::client_wish(&wishes)?;
    let (encryption, certificate) = {
        let memory = shared.read();
        let settings = &memory.settings;
        (settings.encryption, settings.certificate.clone())
    };
    let agreed = agree(encryption, client);
    // The answer's packets are of the kind of every answer (2.2.6.5).
    packet::write(&mut stream, Kind::TabularResult, &prelogin::answer(agreed)).await?;
    if agreed == Wish::NotSupported {
        let login = read_login(&mut stream).await?;
        return serve(&mut stream, &session, &login, false).await;
    }
    if client == Wish::NotSupported {
        return Err(malformed("a client that cannot encrypt, and must"));
    }
    // A server without a certificate, or one whose TLS is too old: the handshake fails.
    let certificate = certificate.ok_or(io::ErrorKind::ConnectionReset)?;
    let mut stream = certificate.accept(stream).await?;
    let login = read_login(&mut stream).await?;
    if agreed == Wish::Off {
        // Only the login is encrypted, not even its answer.
        let mut stream = stream.into_inner().0.into_inner();
        return serve(&mut stream, &session, &login, true).await;
    }
    serve(&mut stream, &session, &login, true).await
}

/// The encryption that both sides agree on (2.2.6.5).
fn agree(server: Encryption, client: Wish) -> Wish {
    match (server, client) {
        (Encryption::NotSupported, _) | (Encryption::Offered, Wish::NotSupported) => {
            Wish::NotSupported
        }
        (Encryption::Offered, Wish::Off) => Wish::Off,
        (Encryption::Offered, Wish::On | Wish::Required) => Wish::On,
        (Encryption::Required, _) => Wish::Required,
    }
}

async fn read_login(stream: &mut impl Stream) -> io::Result<Login> {
    Login::parse(&read(stream, Kind::Login7).await?)
}

/// From the answer to a login to the end.
async fn serve(
    stream: &mut impl Stream,
    session: &Arc<Session>,
    login: &Login,
    encrypted: bool,
) -> io::Result<()> {
    admit(stream, session.number, &session.shared, login, encrypted).await?;
    while let Some(message) = packet::read(stream).await? {
        answer_request(stream, session, message).await?;
    }
    Ok(())
}

/// Accepts a login, or ends the connection.
async fn admit(
    stream: &mut impl Stream,
    connection: u64,
    shared: &Shared,
    login: &Login,
    encrypted: bool,
) -> io::Result<()> {
    let fault = shared.strike(&Point::Login);
    let refusal = match &fault {
        Some(FaultKind::Refuse(error)) => Some(error.clone()),
        _ => judge(shared, connection, login).err(),
    };
    shared.change(|memory| {
        memory.logins.push(LoginRecord {
            connection,
            username: login.username.clone(),
            database: login.database.clone(),
            application: login.application.clone(),
            encrypted,
            refused: refusal.as_ref().map(|error| error.number),
        });
    });
    if let Some(error) = refusal {
        packet::write(stream, Kind::TabularResult, &refused_login(&error)).await?;
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let delivery = Delivery::of(fault);
    delivery.before(stream, shared).await?;
    let answer = packet::packets(Kind::TabularResult, &token::welcome(&login.database));
    delivery.deliver(stream, shared, &answer).await
}

/// Opens the database for a login.
fn judge(shared: &Shared, connection: u64, login: &Login) -> Result<(), SqlError> {
    let mut memory = shared.read();
    let memory = &mut *memory;
    let settings = &memory.settings;
    if login.username != settings.username || login.password != settings.password {
        let text = format!("Login failed for user '{}'.", login.username);
        return Err(SqlError::number(18_456).message(text));
    }
    let (username, database) = (&login.username, &login.database);
    memory
        .databases
        .log_in(settings, connection, username, database)
}

fn refused_login(error: &SqlError) -> Vec<u8> {
    let mut out = Vec::new();
    token::put_error(&mut out, error);
    token::put_done(&mut out, Done::Statement, status::ERROR, 0);
    out
}

async fn answer_request(
    stream: &mut impl Stream,
    session: &Arc<Session>,
    message: Message,
) -> io::Result<()> {
    let statement = match message.kind {
        Kind::SqlBatch => request::batch(&message.body)?,
        Kind::Rpc => request::call(&message.body)?,
        // The request that it should have canceled has already ended (2.2.1.7, 2.2.7.6).
        Kind::Attention => return acknowledge_attention(stream).await,
        Kind::TransactionManager | Kind::Login7 | Kind::PreLogin | Kind::TabularResult => {
            return Err(malformed("a message that nobody expects here"));
        }
    };
    let shared = &session.shared;
    let (number, fault) = shared.arrive(session.number, &statement);
    let (result, delivery) = match fault {
        Some(FaultKind::Refuse(error)) => (Err(error), Delivery::of(None)),
        fault => {
            let delivery = Delivery::of(fault);
            delivery.before(stream, shared).await?;
            (ask(session, statement).await?, delivery)
        }
    };
    give(stream, shared, number, message.kind, result, &delivery).await
}

/// Records the result of a statement, and answers it.
async fn give(
    stream: &mut impl Stream,
    shared: &Shared,
    number: usize,
    kind: Kind,
    result: Result<Answer, SqlError>,
    delivery: &Delivery,
) -> io::Result<()> {
    shared.settle(
        number,
        match &result {
            Ok(_) => Outcome::Performed,
            Err(error) => Outcome::Refused(error.number),
        },
    );
    let body = render(kind == Kind::Rpc, &result);
    let packets = packet::packets(Kind::TabularResult, &body);
    delivery.deliver(stream, shared, &packets).await?;
    match result {
        // An error of class 20 and above ends the connection (2.2.7.10).
        Err(error) if error.class >= 20 => Err(io::ErrorKind::ConnectionAborted.into()),
        _ => Ok(()),
    }
}

/// Answers statements about databases itself, and asks the model for all others, on a thread that may block. It continues
/// to its end even if the connection is closed.
async fn ask(session: &Arc<Session>, statement: Statement) -> io::Result<Result<Answer, SqlError>> {
    let of_server = session.shared.change(|memory| {
        let settings = &memory.settings;
        memory
            .databases
            .answer(settings, session.number, &statement)
    });
    if let Some(answer) = of_server {
        return Ok(answer);
    }
    let session = Arc::clone(session);
    let asked = tokio::task::spawn_blocking(move || {
        let model = &session.shared.model;
        model.answer(session.number, &statement)
    });
    asked.await.map_err(io::Error::other)
}

/// The token stream of an answer: of a batch, or of a call of `sp_executesql`.
fn render(in_procedure: bool, result: &Result<Answer, SqlError>) -> Vec<u8> {
    let mut out = Vec::new();
    let inner = if in_procedure {
        Done::InProcedure
    } else {
        Done::Statement
    };
    match result {
        Ok(answer) => {
            for (at, result) in answer.results.iter().enumerate() {
                token::put_result(&mut out, result);
                let last = at + 1 == answer.results.len();
                let more = if last && !in_procedure {
                    status::FINAL
                } else {
                    status::MORE
                };
                let rows = result.rows.len() as u64;
                token::put_done(&mut out, inner, status::COUNT | more, rows);
            }
            if answer.results.is_empty() {
                let more = if in_procedure {
                    status::MORE
                } else {
                    status::FINAL
                };
                token::put_done(&mut out, inner, status::COUNT | more, answer.affected);
            }
            if in_procedure {
                token::put_return_status(&mut out, 0);
                token::put_done(&mut out, Done::Procedure, status::FINAL, 0);
            }
        }
        Err(error) => {
            token::put_error(&mut out, error);
            if in_procedure {
                let number = i32::try_from(error.number).unwrap_or(-1);
                token::put_return_status(&mut out, number);
                token::put_done(&mut out, Done::Procedure, status::ERROR, 0);
            } else {
                token::put_done(&mut out, inner, status::ERROR, 0);
            }
        }
    }
    out
}

/// The next message, which must be of this kind.
async fn read(stream: &mut impl Stream, kind: Kind) -> io::Result<Vec<u8>> {
    match packet::read(stream).await? {
        Some(message) if message.kind == kind => Ok(message.body),
        Some(_) => Err(malformed("a message that nobody expects here")),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
