//! What a status says of a request with products.

use super::*;

#[test]
fn an_unreadable_success_is_no_yes_and_may_still_land() {
    for endpoint in [Batch, Update] {
        for body in [
            "<html>Sign in</html>",
            "OK",
            "null",
            "true",
            "7",
            "\"ok\"",
            "{\"a\":",
        ] {
            check(&[(endpoint, 200, NONE, body, Broken(MayStillLand))]);
        }
    }
    check(&[
        (Batch, 200, NONE, "", Broken(MayStillLand)),
        (Batch, 204, NONE, " \r\n", Broken(MayStillLand)),
        (Update, 200, NONE, "", Yes),
        (Update, 204, NONE, " \r\n", Yes),
    ]);
}

#[test]
fn every_status_has_its_meaning() {
    let table: &[(Want, &[u16])] = &[
        (Token, &[401]),
        (Missing, &[404, 405, 410]),
        (TooLarge, &[413]),
        (No, &[400, 402, 403, 406, 407, 409, 411, 412, 414, 415]),
        (No, &[419, 422, 426, 440, 451, 498, 499]),
        (Later(NotApplied), &[420, 423, 425, 429, 430]),
        // A gateway may have passed them on.
        (Later(MayStillLand), &[408, 502, 503, 504, 505, 507, 511]),
        (Later(MayStillLand), &[520, 522, 524, 530, 598, 599]),
        (Later(Unknown), &[501]),
        (Broken(Unknown), &[500]),
        (Broken(MayStillLand), &[600, 999]),
        (Person, &[300, 301, 302, 303, 304, 307, 308]),
    ];
    for endpoint in [Batch, Update] {
        for (want, statuses) in table {
            for status in *statuses {
                check(&[(endpoint, *status, NONE, JSON, *want)]);
            }
        }
    }
}

#[test]
fn any_refusal_may_ask_to_wait() {
    for status in [400, 402, 403, 404, 405, 409, 410, 413, 422, 429, 499] {
        for headers in [
            [("retry-after", "30")].as_slice(),
            &[("retry-after", "soon")],
            &[("x-ratelimit-remaining", "0")],
        ] {
            check(&[(Batch, status, headers, JSON, Later(NotApplied))]);
        }
        for body in [
            r#"{"statusCode":429}"#,
            r#"{"error":{"code":"429"}}"#,
            r#"{"code":"RATE_LIMIT_EXCEEDED"}"#,
            r#"{"error":"Too Many Requests"}"#,
            r#"{"retryAfter":30}"#,
        ] {
            check(&[(Update, status, NONE, body, Later(NotApplied))]);
        }
        check(&[(Batch, status, NONE, r#"{"code":503}"#, Later(MayStillLand))]);
    }
    let wait = [("retry-after", "30")].as_slice();
    check(&[
        (Batch, 401, wait, JSON, Token),
        (Batch, 302, wait, JSON, Person),
        (Batch, 500, wait, JSON, Later(Unknown)),
        (Batch, 503, wait, JSON, Later(MayStillLand)),
        (Batch, 403, &[("x-ratelimit-remaining", "7")], JSON, No),
        (Batch, 400, NONE, r#"{"statusCode":400,"code":"E42"}"#, No),
        (Batch, 400, NONE, r#"{"statusCode":401}"#, Token),
        (Update, 403, NONE, r#"{"error":"invalid_token"}"#, Token),
    ]);
}

#[test]
fn the_wait_is_handed_on() {
    for status in [400, 403, 408, 413, 429, 500, 502, 503, 504] {
        let by_date = [
            ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ];
        for headers in [[("retry-after", "30")].as_slice(), &by_date] {
            let verdict = verdict(Batch, status, headers, "");
            assert_eq!(wait_of(&verdict), Some(30), "{status}");
        }
    }
    for body in [
        r#"{"retryAfter":30}"#,
        r#"{"error":{"code":429,"retry_after":"30"}}"#,
    ] {
        assert_eq!(wait_of(&verdict(Batch, 429, NONE, body)), Some(30));
    }
    assert_eq!(wait_of(&verdict(Batch, 429, NONE, "")), None);
}

#[test]
fn the_servers_own_words_reach_the_person() {
    for (status, body, words) in [
        (
            400,
            r#"{"message":"bad \"hunter2\""}"#,
            "400: bad \"(hidden)\"",
        ),
        (
            403,
            r#"{"error":{"message":"store 17 is not active"}}"#,
            "403: store 17 is not active",
        ),
        (
            422,
            r#"{"odd":["store 17"]}"#,
            r#"422: {"odd":["store 17"]}"#,
        ),
        (499, "", "499: no reason given"),
        (503, "", "503: Service Unavailable"),
        (503, "{}", "503: Service Unavailable"),
        (503, "try\nlater", "503: try later"),
        (503, "<html><h1>Oops</h1></html>", "503: an HTML page: Oops"),
    ] {
        assert_eq!(reason_of(&verdict(Batch, status, NONE, body)), words);
    }
    for (body, words) in [
        (
            "<title>Store 17</title><p>is closed",
            "an HTML page: Store 17 is closed",
        ),
        (
            "store 17 is not activated yet",
            "store 17 is not activated yet",
        ),
        ("\"store 17\"", "store 17"),
        ("", "an empty answer"),
    ] {
        let reason = reason_of(&verdict(Batch, 200, NONE, body));
        assert!(
            reason.starts_with("200: a proxy or a sign-in page"),
            "{reason}"
        );
        assert!(reason.contains(words), "{reason}");
        assert_eq!(status_in(&reason), Some(200));
    }
    let long = "x".repeat(200_000);
    let reason = reason_of(&verdict(Batch, 200, NONE, &long));
    assert!(
        reason.contains("too long") && reason.len() < 400,
        "{reason}"
    );
}

#[test]
fn a_redirect_names_its_target_and_no_query() {
    for status in [301, 302, 303, 307, 308] {
        let headers = [("location", "https://portal.example/in?token=hunter2#x")];
        let reason = reason_of(&verdict(Batch, status, &headers, "<html>moved</html>"));
        assert!(reason.starts_with(&format!("{status}: ")), "{reason}");
        assert!(reason.contains("`https://portal.example/in`"), "{reason}");
        assert!(!reason.contains("hunter2"), "{reason}");
    }
}

#[test]
fn a_reason_without_an_answer_has_no_status() {
    for reason in [
        "cannot connect to `x`: refused",
        "no answer",
        "12: x",
        "+12: x",
        "",
    ] {
        assert_eq!(status_in(reason), None, "{reason}");
    }
}
