//! Against the server that `SHOPMASTER_TEST_SQLSERVER` names.

use super::{
    ConnectError, ConnectOptions, Encryption, Login, LoginOnly, PROGRAM, Required, Trust, code,
    failure, from_ado,
};
use crate::connect;

fn configured() -> ConnectOptions {
    let text = std::env::var("SHOPMASTER_TEST_SQLSERVER");
    let text =
        text.expect("needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string");
    from_ado(&text).expect("SHOPMASTER_TEST_SQLSERVER is no connection string")
}

async fn answers(options: &ConnectOptions) {
    let mut client = connect(options).await.unwrap();
    // More than a few packets, both ways.
    let text = "select N'".to_owned() + &"ä".repeat(20_000) + "' as words";
    let stream = client.simple_query(text).await.unwrap();
    let row = stream.into_row().await.unwrap().unwrap();
    assert_eq!(row.get::<&str, _>(0).unwrap().chars().count(), 20_000);
    let stream = client.simple_query("select app_name()").await.unwrap();
    let row = stream.into_row().await.unwrap().unwrap();
    assert_eq!(row.get::<&str, _>(0), Some(PROGRAM));
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn every_encryption_and_every_trust() {
    let mut options = configured();
    options.trust = Some(Trust::Any);
    for encryption in [Required, LoginOnly, Encryption::None] {
        options.encryption = Some(encryption);
        answers(&options).await;
    }
    (options.encryption, options.trust) = (None, None);
    answers(&options).await;

    options.encryption = Some(Required);
    options.trust = Some(Trust::Pin([0; 32]));
    let ConnectError::CertificateNotTrusted { fingerprint, .. } = failure(&options).await else {
        panic!("the wrong pin was taken");
    };
    let mut pin = [0; 32];
    for (byte, digits) in pin.iter_mut().zip(fingerprint.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).unwrap();
        *byte = u8::from_str_radix(digits, 16).unwrap();
    }
    options.trust = Some(Trust::Pin(pin));
    for encryption in [Required, LoginOnly] {
        options.encryption = Some(encryption);
        answers(&options).await;
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_wrong_password_and_a_wrong_database() {
    let options = configured();
    let Login::Sql { username, .. } = &options.login else {
        panic!("it takes a login of the server's own, with a password");
    };
    let mut wrong = options.clone();
    wrong.login = Login::Sql {
        username: username.clone(),
        password: Some("certainly not this".into()),
    };
    let error = failure(&wrong).await;
    assert!(
        matches!(error, ConnectError::LoginFailed { number: 18456, .. }),
        "{error:?}"
    );
    let mut wrong = options.clone();
    wrong.database = "no such database".to_owned();
    assert_eq!(code(&wrong).await, "DATABASE_MISSING");
}
