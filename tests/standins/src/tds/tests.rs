//! The stand-in as tiberius sees it.

use std::time::Duration;

use tiberius::{AuthMethod, Client, Config, EncryptionLevel, error::Error, numeric::Numeric};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use super::{
    Answer, At, ColumnType, DatabaseState, Fault, FaultKind, Model, Outcome, Point, ResultSet,
    Settings, SqlError, SqlServerSim, Statement, UserAccess, Value, Way,
};

type Sql = Client<Compat<TcpStream>>;

/// Answers `types`, `long`, `echo` and `delete`.
struct Sample;

impl Model for Sample {
    fn answer(&self, _session: u64, statement: &Statement) -> Result<Answer, SqlError> {
        match statement.name.as_deref() {
            Some("types") => Ok(types().into()),
            Some("long") => Ok(long().into()),
            Some("echo") => Ok(echo(&statement.parameters).into()),
            Some("delete") => Ok(Answer::affected(7)),
            Some("two") => Ok(Answer {
                results: vec![long(), types()],
                affected: 0,
            }),
            _ => Err(SqlError::unknown(statement)),
        }
    }

    fn end(&self, _session: u64) {}
}

fn columns() -> [(&'static str, ColumnType); 10] {
    [
        ("bit", ColumnType::Bit),
        ("int", ColumnType::Int),
        ("bigint", ColumnType::BigInt),
        ("float", ColumnType::Float),
        (
            "decimal",
            ColumnType::Decimal {
                precision: 38,
                scale: 2,
            },
        ),
        ("datetime", ColumnType::DateTime),
        ("guid", ColumnType::Guid),
        ("text", ColumnType::Text),
        ("long", ColumnType::LongText),
        ("binary", ColumnType::Binary),
    ]
}

fn types() -> ResultSet {
    let nothing = std::array::from_fn::<_, 10, _>(|_| Value::Null);
    ResultSet::new(columns())
        .row([
            Value::Bit(true),
            Value::Int(-7),
            Value::BigInt(i64::MIN),
            Value::Float(0.1),
            Value::Decimal(-12_345_678_901_234_567_890_123_456_789),
            Value::DateTime(1_700_000_000_120),
            Value::Guid([7; 16]),
            Value::Text("Ölkännchen 🛒".to_owned()),
            Value::Text("ü".repeat(10_000)),
            Value::Binary(vec![1, 2, 3]),
        ])
        .row(nothing)
}

fn long() -> ResultSet {
    let columns = [("n", ColumnType::Int), ("name", ColumnType::Text)];
    let rows = (0..2_000).map(|n| vec![Value::Int(n), Value::Text(format!("product {n}"))]);
    ResultSet {
        rows: rows.collect(),
        ..ResultSet::new(columns)
    }
}

/// The parameters, as text.
fn echo(parameters: &[Value]) -> ResultSet {
    let columns = [("value", ColumnType::LongText)];
    parameters
        .iter()
        .fold(ResultSet::new(columns), |result, value| {
            result.row([Value::Text(format!("{value:?}"))])
        })
}

async fn server() -> SqlServerSim {
    let settings = Settings::default();
    SqlServerSim::start(settings, Sample).await.unwrap()
}

fn config(server: &SqlServerSim) -> Config {
    let settings = server.settings();
    let mut config = Config::new();
    config.host("127.0.0.1");
    config.port(server.address().port());
    config.database(settings.database);
    config.authentication(AuthMethod::sql_server(settings.username, settings.password));
    config.encryption(EncryptionLevel::NotSupported);
    config.application_name("a test");
    config.command_timeout(None::<Duration>);
    config
}

async fn connect(server: &SqlServerSim) -> Result<Sql, Error> {
    connect_with(config(server)).await
}

async fn connect_with(config: Config) -> Result<Sql, Error> {
    let stream = TcpStream::connect(config.get_addr()).await?;
    Client::connect(config, stream.compat_write()).await
}

async fn names(client: &mut Sql) -> Result<Vec<String>, Error> {
    let rows = client.query("/* shopmaster long */", &[]).await?;
    let rows = rows.into_first_result().await?;
    let name = |row: &tiberius::Row| row.get::<&str, _>("name").unwrap().to_owned();
    Ok(rows.iter().map(name).collect())
}

fn code(result: Result<impl Sized, Error>) -> (u32, u8) {
    match result.err().unwrap() {
        Error::Server(token) => (token.code(), token.state()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_types_arrive() {
    let server = server().await;
    let mut client = connect(&server).await.unwrap();
    for in_batch in [false, true] {
        let sql = "/* shopmaster types */ SELECT";
        let stream = if in_batch {
            client.simple_query(sql).await
        } else {
            client.query(sql, &[]).await
        };
        let rows = stream.unwrap().into_first_result().await.unwrap();
        let row = &rows[0];
        assert_eq!(row.get::<bool, _>("bit"), Some(true));
        assert_eq!(row.get::<i32, _>("int"), Some(-7));
        assert_eq!(row.get::<i64, _>("bigint"), Some(i64::MIN));
        assert_eq!(row.get::<f64, _>("float"), Some(0.1));
        let decimal = row.get::<Numeric, _>("decimal").unwrap();
        assert_eq!(decimal.value(), -12_345_678_901_234_567_890_123_456_789);
        assert_eq!(decimal.scale(), 2);
        let time = row.get::<tiberius::time::time::PrimitiveDateTime, _>("datetime");
        let ms = time.unwrap().assume_utc().unix_timestamp_nanos() / 1_000_000;
        assert_eq!(ms, 1_700_000_000_120);
        assert!(row.get::<tiberius::Uuid, _>("guid").is_some());
        assert_eq!(row.get::<&str, _>("text"), Some("Ölkännchen 🛒"));
        assert_eq!(row.get::<&str, _>("long").unwrap(), "ü".repeat(10_000));
        assert_eq!(row.get::<&[u8], _>("binary"), Some(&[1, 2, 3][..]));
        for (name, _) in columns() {
            let column = rows[1].columns().iter().position(|c| c.name() == name);
            let null = match name {
                "int" => rows[1].get::<i32, _>(column.unwrap()).is_none(),
                "text" | "long" => rows[1].get::<&str, _>(column.unwrap()).is_none(),
                _ => true,
            };
            assert!(null, "{name}");
        }
    }
}

#[tokio::test]
async fn parameters_arrive() {
    let server = server().await;
    let mut client = connect(&server).await.unwrap();
    let long = "x".repeat(5_000);
    let sql = "/* shopmaster echo */";
    let rows = client
        .query(
            sql,
            &[
                &"Öl",
                &long.as_str(),
                &7_i32,
                &7_i64,
                &true,
                &0.5_f64,
                &Numeric::new_with_scale(-1250, 2),
                &&[1_u8, 2][..],
                &None::<&str>,
                &None::<i64>,
            ],
        )
        .await
        .unwrap();
    let rows = rows.into_first_result().await.unwrap();
    let echoed: Vec<_> = rows
        .iter()
        .map(|row| row.get::<&str, _>(0).unwrap())
        .collect();
    assert_eq!(echoed[0], "Text(\"Öl\")");
    assert_eq!(echoed[1].len(), 5_000 + "Text(\"\")".len());
    assert_eq!(
        echoed[2..],
        [
            "Int(7)",
            "BigInt(7)",
            "Bit(true)",
            "Float(0.5)",
            "Decimal(-1250)",
            "Binary([1, 2])",
            "Null",
            "Null"
        ]
    );
    let [seen] = &server.statements()[..] else {
        panic!("one statement")
    };
    assert_eq!(seen.name.as_deref(), Some("echo"));
    assert_eq!(seen.text, sql);
    assert_eq!(seen.outcome, Outcome::Performed);
}

#[tokio::test]
async fn several_results_and_counts_arrive() {
    let server = server().await;
    let mut client = connect(&server).await.unwrap();
    let deleted = client
        .execute("/* shopmaster delete */", &[])
        .await
        .unwrap();
    assert_eq!(deleted.total(), 7);
    for in_batch in [false, true] {
        let sql = "/* shopmaster two */";
        let stream = if in_batch {
            client.simple_query(sql).await
        } else {
            client.query(sql, &[]).await
        };
        let results = stream.unwrap().into_results().await.unwrap();
        let lengths: Vec<_> = results.iter().map(Vec::len).collect();
        assert_eq!(lengths, [2_000, 2]);
    }
}

#[tokio::test]
async fn a_login_is_judged() {
    let server = server().await;
    let mut wrong = config(&server);
    wrong.authentication(AuthMethod::sql_server("shopmaster", "guess"));
    assert_eq!(code(connect_with(wrong).await), (18_456, 1));
    let mut elsewhere = config(&server);
    elsewhere.database("Other");
    assert_eq!(code(connect_with(elsewhere).await), (4060, 1));
    server.inject(Fault::login(SqlError::number(18_456).state(38)).once());
    assert_eq!(code(connect(&server).await), (18_456, 38));
    assert!(connect(&server).await.is_ok());
    let refused: Vec<_> = server.logins().iter().map(|login| login.refused).collect();
    assert_eq!(refused, [Some(18_456), Some(4060), Some(18_456), None]);
    let last = server.logins().pop().unwrap();
    assert_eq!(last.application, "a test");
    assert_eq!((last.connection, last.encrypted), (4, false));
}

#[tokio::test]
async fn errors_have_their_numbers_and_leave_the_connection_alone() {
    let server = server().await;
    let mut client = connect(&server).await.unwrap();
    for number in [208, 229, 1205, 1222, 18_456] {
        server.inject(Fault::error("long", number).once());
        assert_eq!(code(names(&mut client).await), (number, 1));
        assert_eq!(names(&mut client).await.unwrap().len(), 2_000);
    }
    assert_eq!(server.logins().len(), 1);
}

#[tokio::test]
async fn an_unknown_statement_is_remembered() {
    let server = server().await;
    let mut client = connect(&server).await.unwrap();
    let answer = client.execute("SELECT 1", &[]).await;
    assert_eq!(code(answer), (SqlError::UNKNOWN_STATEMENT, 1));
    let answer = client.simple_query("/* shopmaster new */ SELECT 2").await;
    assert_eq!(code(answer.map(drop)), (SqlError::UNKNOWN_STATEMENT, 1));
    let texts = server.unknown();
    assert_eq!(texts, ["SELECT 1", "/* shopmaster new */ SELECT 2"]);
}

#[tokio::test]
async fn a_connection_is_cut_at_every_point() {
    let server = server().await;
    for (at, outcome) in [
        (At::Before, Outcome::Pending),
        (At::AfterEffect, Outcome::Performed),
        (At::InAnswer, Outcome::Performed),
        (At::AfterAnswer, Outcome::Performed),
    ] {
        server.inject(Fault::cut("long", at).once());
        let mut client = connect(&server).await.unwrap();
        let answer = names(&mut client).await;
        assert_eq!(answer.is_ok(), at == At::AfterAnswer, "{at:?}");
        assert!(names(&mut client).await.is_err(), "{at:?}");
        let last = server.statements().pop().unwrap();
        assert_eq!(last.outcome, outcome, "{at:?}");
    }
}

#[tokio::test]
async fn a_stalled_answer_comes_on_release() {
    let server = server().await;
    for at in [At::Before, At::AfterEffect, At::InAnswer] {
        server.inject(Fault::stall("long", at).once());
        let mut client = connect(&server).await.unwrap();
        let watcher = server.clone();
        let (answer, ()) = tokio::join!(names(&mut client), async move {
            watcher.wait_for(|server| server.stalled() == 1).await;
            watcher.release();
        });
        assert_eq!(answer.unwrap().len(), 2_000, "{at:?}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_whole() {
    let server = server().await;
    server.inject(Fault::new(Point::AnyStatement, FaultKind::Slow(7)));
    server.inject(Fault::new(Point::Login, FaultKind::Slow(1)));
    let mut client = connect(&server).await.unwrap();
    assert_eq!(names(&mut client).await.unwrap().len(), 2_000);
}

#[tokio::test]
async fn garbage_is_no_login_and_no_answer() {
    let server = server().await;
    let garbage = FaultKind::Garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    server.inject(Fault::new(Point::Connect, garbage.clone()).once());
    assert!(connect(&server).await.is_err());
    server.inject(Fault::new(Point::Login, garbage.clone()).once());
    assert!(connect(&server).await.is_err());
    let mut client = connect(&server).await.unwrap();
    server.inject(Fault::new(Point::named("long"), garbage).once());
    assert!(names(&mut client).await.is_err());
}

#[tokio::test]
async fn a_server_goes_and_comes_back() {
    let server = server().await;
    let mut client = connect(&server).await.unwrap();
    server.disconnect_all();
    assert!(names(&mut client).await.is_err());
    let mut client = connect(&server).await.unwrap();
    server.go_offline().await;
    assert!(names(&mut client).await.is_err());
    assert!(connect(&server).await.is_err());
    server.go_online().await.unwrap();
    let mut client = connect(&server).await.unwrap();
    assert!(names(&mut client).await.is_ok());
}

async fn goes(client: &mut Sql, step: &str) -> Result<(), Error> {
    let stream = client
        .simple_query(format!("/* shopmaster {step} */"))
        .await?;
    stream.into_results().await.map(drop)
}

async fn outside(server: &SqlServerSim) -> Result<Sql, Error> {
    let mut config = config(server);
    config.database("tempdb");
    connect_with(config).await
}

#[tokio::test]
async fn a_session_enters_and_leaves() {
    let server = server().await;
    let mut client = outside(&server).await.unwrap();
    assert_eq!((server.connected(), server.inside()), (1, 0));
    assert_eq!(code(names(&mut client).await), (208, 1));
    goes(&mut client, "enter").await.unwrap();
    assert_eq!(server.inside(), 1);
    assert_eq!(names(&mut client).await.unwrap().len(), 2_000);
    goes(&mut client, "leave").await.unwrap();
    assert_eq!(server.inside(), 0);
    drop(client);
    server.wait_for(|server| server.connected() == 0).await;
}

#[tokio::test]
async fn a_closed_database_lets_nobody_in() {
    let server = server().await;
    let mut client = outside(&server).await.unwrap();
    for (state, number) in [
        (DatabaseState::Offline, 942),
        (DatabaseState::Restoring, 927),
        (DatabaseState::Suspect, 926),
    ] {
        server.configure(|settings| settings.state = state);
        assert_eq!(code(goes(&mut client, "enter").await), (number, 1));
        assert_eq!(code(connect(&server).await), (4060, 1));
    }
    server.configure(|settings| settings.state = DatabaseState::Online);
    server.configure(|settings| settings.access = UserAccess::Single);
    let first = connect(&server).await.unwrap();
    assert_eq!(code(goes(&mut client, "enter").await), (924, 1));
    drop(first);
    server.wait_for(|server| server.inside() == 0).await;
    goes(&mut client, "enter").await.unwrap();
}

#[tokio::test]
async fn who_is_inside_is_thrown_out_and_nobody_else() {
    let server = server().await;
    let mut inside = connect(&server).await.unwrap();
    let mut beside = outside(&server).await.unwrap();
    assert_eq!(server.throw_out(), 1);
    assert!(names(&mut inside).await.is_err());
    goes(&mut beside, "enter").await.unwrap();
}

#[tokio::test]
async fn a_killed_connection_is_the_only_one() {
    let server = server().await;
    let mut killed = connect(&server).await.unwrap();
    let mut other = connect(&server).await.unwrap();
    server.inject(Fault::kill("long", At::Before).once());
    assert!(names(&mut killed).await.is_err());
    assert!(names(&mut other).await.is_ok());
    server.inject(Fault::cut("long", At::Before).once());
    let mut cut = connect(&server).await.unwrap();
    assert!(names(&mut cut).await.is_err());
    assert!(names(&mut other).await.is_err());
}

#[tokio::test]
async fn not_every_login_goes_from_one_database_to_another() {
    let server = server().await;
    server.configure(|settings| settings.way = Way::Contained);
    assert_eq!(code(outside(&server).await), (18_456, 1));
    let mut client = connect(&server).await.unwrap();
    assert_eq!(code(goes(&mut client, "leave").await), (916, 1));
    server.configure(|settings| settings.way = Way::OwnConnection);
    let mut client = outside(&server).await.unwrap();
    assert_eq!(code(goes(&mut client, "enter").await), (40_508, 1));
}
