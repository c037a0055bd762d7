//! What an answer to a login means, before a token is looked for.

use super::*;

#[test]
fn a_login_is_judged_by_its_top() {
    check(&[
        (Login, 200, NONE, r#"{"data":{"token":"t"}}"#, Yes),
        // Of the account, and not of the login.
        (
            Login,
            200,
            NONE,
            r#"{"data":{"token":"t","user":{"failedLogins":2,"status":"failed","count":0}}}"#,
            Yes,
        ),
        (Login, 200, NONE, r#"{"success":false}"#, No),
        (Login, 200, NONE, r#"{"status":"error"}"#, No),
        (Login, 200, NONE, r#"{"error":"wrong"}"#, No),
        (Login, 200, NONE, r#"{"statusCode":401}"#, Token),
        (Login, 200, NONE, r#"{"statusCode":429}"#, Later(Unknown)),
        (Login, 200, NONE, "<html>", Broken(MayStillLand)),
        (Login, 200, NONE, "", Broken(MayStillLand)),
        (Login, 400, NONE, JSON, No),
        (Login, 401, NONE, JSON, Token),
        (Login, 403, NONE, JSON, No),
        (
            Login,
            403,
            &[("retry-after", "30")],
            JSON,
            Later(NotApplied),
        ),
        (Login, 404, NONE, JSON, Missing),
        (Login, 419, NONE, JSON, No),
        (Login, 422, NONE, JSON, No),
        (Login, 429, NONE, JSON, Later(NotApplied)),
        (Login, 500, NONE, JSON, Broken(Unknown)),
        (Login, 503, NONE, JSON, Later(MayStillLand)),
        (Login, 307, NONE, JSON, Person),
    ]);
    let body = r#"{"success":false,"message":"not hunter2"}"#;
    let reason = reason_of(&verdict(Login, 200, NONE, body));
    assert_eq!(reason, "200: not (hidden)");
}
