//! What a success says of each product.

use super::*;

fn all(want: Want, bodies: &[&str]) {
    for body in bodies {
        let verdict = verdict(Batch, 200, NONE, body);
        assert_eq!(meaning_of(&verdict), want, "{body}: {verdict:?}");
    }
}

#[test]
fn a_success_that_says_nothing_else_is_a_yes() {
    for endpoint in [Batch, Update] {
        for status in [200, 201, 202, 299] {
            for body in [
                "{}",
                "[]",
                r#"{"message":"error","data":null}"#,
                r#"{"success":true,"errors":[],"error":null,"failed":0}"#,
                r#"{"success":"true","error":"","failedProducts":{},"skipped":[]}"#,
                r#"{"error":false,"errors":0,"errorCode":"0","errorMessage":"None"}"#,
                r#"{"status":"success","code":20000}"#,
                r#"{"status":1,"code":"E"}"#,
                r#"{"data":{"failed":[],"rejected":{"count":0,"items":[]}}}"#,
                "[1,null]",
            ] {
                check(&[(endpoint, status, NONE, body, Yes)]);
            }
        }
    }
}

#[test]
fn products_that_are_echoed_are_a_yes() {
    let of_three = |each: &dyn Fn(usize) -> String| {
        let all: Vec<_> = (1..=3).map(each).collect();
        format!("[{}]", all.join(","))
    };
    let plain = of_three(&|n| {
        format!(r#"{{"productId":"P{n}","productName":"error","productPrice":"1.00"}}"#)
    });
    // Properties of their own.
    let odd = of_three(&|n| {
        format!(
            r#"{{"_id":"6a","productId":"P{n}","name":"failed","code":404,"status":false,
                "type":"skipped","missingImage":true,"errorPrinter":"E1","failedSyncs":2,"count":0}}"#
        )
    });
    for echo in [&plain, &odd] {
        for body in [
            echo.clone(),
            format!(r#"{{"message":"ok","data":{echo}}}"#),
            format!(r#"{{"data":{{"products":{echo},"count":3}}}}"#),
            format!(r#"{{"updated":{echo}}}"#),
        ] {
            all(Yes, &[&body]);
        }
    }
    all(Yes, &[r#"["P1","P2","P3"]"#]);
    for body in [
        r#"{"data":{"productId":"P1","productName":"invalid","status":0}}"#,
        r#"{"productId":"P1","status":"inactive","code":500,"name":"a"}"#,
        r#"{"success":true,"data":{"id":"P1"},"total":1}"#,
    ] {
        check(&[(Update, 200, NONE, body, Yes)]);
    }
}

#[test]
fn a_success_that_names_what_failed_is_no_for_that() {
    all(
        But(&[1]),
        &[
            r#"{"message":"success","data":{"count":3,"failed":[{"productId":"P2","error":"too high"}]}}"#,
            r#"{"failed":["P2"]}"#,
            r#"{"failed":"P2"}"#,
            r#"{"errors":{"P2":"too high"}}"#,
            r#"{"errors":{"P2":["too high"],"P1":[]}}"#,
            r#"{"data":{"errors":[{"product_id":"P2","message":"too high"}]}}"#,
            r#"{"result":{"error_list":[{"id":"P2"}]}}"#,
            r#"{"failedProducts":[{"product":{"productId":"P2"},"reason":"too high"}]}"#,
            r#"{"rejectedItems":[{"externalId":"P2","productId":"6a"}]}"#,
            r#"{"a":{"b":{"c":{"skipped":[{"sku":"P2"}]}}}}"#,
            r#"{"failed":{"count":1,"items":[{"productId":"P2"}]}}"#,
            r#"{"failedCount":1,"count":2,"invalid":["P2"]}"#,
            r#"{"created":1,"updated":1,"notFound":["P2"]}"#,
            r#"{"created":["P1"],"updated":["P3"],"duplicates":["P2"]}"#,
            // Entries with a status of their own.
            r#"[{"productId":"P1"},{"productId":"P2","success":false,"message":"no"},{"productId":"P3"}]"#,
            r#"[{"productId":"P1","status":200},{"productId":"P2","status":422},{"productId":"P3","status":201}]"#,
            r#"[{"productId":"P1","ok":true},{"productId":"P2","ok":false},{"productId":"P3","ok":true}]"#,
            r#"[{"productId":"P1"},{"productId":"P2","accepted":false},{"productId":"P3"}]"#,
            r#"[{"productId":"P1","success":1},{"productId":"P2","success":0},{"productId":"P3","success":1}]"#,
            r#"[{"productId":"P1"},{"productId":"P2","status":"rejected"},{"productId":"P3"}]"#,
            r#"[{"productId":"P1"},{"productId":"P2","errorCode":"E42"},{"productId":"P3"}]"#,
            r#"[{"productId":"P1","name":"a"},{"productId":"P2","name":"b","error":"bad"},{"productId":"P3","name":"c"}]"#,
            r#"[{"productId":"P1","name":"a"},{"productId":"P2","name":"b","status":"failed"},{"productId":"P3","name":"c"}]"#,
            r#"{"results":[{"id":"P1"},{"id":"P2","result":{"code":400,"message":"no"}},{"id":"P3"}]}"#,
            r#"{"results":{"P1":{"status":200},"P2":{"status":422},"P3":"ok"}}"#,
            // Twice told is refused.
            r#"{"succeeded":["P1","P2","P3"],"failed":["P2"]}"#,
        ],
    );
    all(
        But(&[0, 2]),
        &[r#"{"failed":["P1"],"errors":{"P3":"bad"}}"#],
    );
    // All of them: that is no product's fault for certain.
    all(No, &[r#"{"failed":["P1","P2","P3"]}"#]);
    for body in [
        r#"{"failed":["P1"]}"#,
        r#"{"data":{"productId":"P1","error":"too high"}}"#,
        r#"{"data":{"productId":"P1","success":false}}"#,
    ] {
        check(&[(Update, 200, NONE, body, No)]);
    }
}

#[test]
fn a_success_that_does_not_name_what_failed_is_no_for_all() {
    all(
        No,
        &[
            r#"{"success":false,"message":"no such store"}"#,
            r#"{"success":"False"}"#,
            r#"{"success":0}"#,
            r#"{"ok":false}"#,
            r#"{"ok":0}"#,
            r#"{"acknowledged":false}"#,
            r#"{"data":{"success":false}}"#,
            r#"{"status":"error"}"#,
            r#"{"status":"FAILED"}"#,
            r#"{"status":"partial"}"#,
            r#"{"status":false}"#,
            r#"{"status":400}"#,
            r#"{"code":422}"#,
            r#"{"statusCode":"500"}"#,
            r#"{"error":"bad"}"#,
            r#"{"error":true}"#,
            r#"{"error":{"message":"bad"}}"#,
            r#"{"errors":"bad"}"#,
            r#"{"errors":2}"#,
            r#"{"errorCode":1001}"#,
            r#"{"data":{"errors":["P2: price"]}}"#,
            r#"{"data":{"errors":[{"index":1,"message":"price"}]}}"#,
            r#"{"errors":{"productPrice":["too high"]}}"#,
            r#"{"errors":{"1":"too high"}}"#,
            r#"{"failed":[1]}"#,
            r#"{"failed":["P9"]}"#,
            r#"{"failed":["P1","P9"]}"#,
            r#"{"failed":[{"productId":"P1"},{"index":2}]}"#,
            r#"{"failed":[{"productId":"P1"},{"productId":"p2"}]}"#,
            r#"{"failed":{"count":2,"items":[{"productId":"P1"}]}}"#,
            r#"{"failedCount":2,"failed":["P1"]}"#,
            r#"{"data":{"skippedCount":1}}"#,
            r#"[{"productId":"P1","externalId":"P2","error":"whose?"}]"#,
            r#"[{"productId":"P1","errors":[{"productId":"P2"}]}]"#,
            r#"[{"status":200},{"status":400},{"status":200}]"#,
            r#"[{},{"success":false,"message":"P7"}]"#,
            r#"[{"productId":"P9","success":false}]"#,
        ],
    );
}

#[test]
fn counts_of_successes_add_up() {
    all(
        No,
        &[
            r#"{"count":2}"#,
            r#"{"count":"2"}"#,
            r#"{"data":{"processed":0}}"#,
            r#"{"synced":2,"total":3}"#,
            r#"{"successCount":2}"#,
            r#"{"success":2}"#,
            r#"{"result":{"created":1,"updated":1}}"#,
            r#"{"nInserted":0,"nUpserted":1,"nMatched":1,"nModified":1}"#,
            r#"{"created":["P1"],"updated":["P2"]}"#,
            r#"{"updated":[]}"#,
            r#"{"count":2,"failed":[]}"#,
            r#"{"count":1,"failed":["P1"]}"#,
            // Lists that leave one out.
            r#"[{"productId":"P1"},{"productId":"P2"}]"#,
            r#"{"data":{"products":[{"productId":"P1","productName":"a"}]}}"#,
        ],
    );
    all(
        Yes,
        &[
            r#"{"created":0,"updated":2,"unchanged":1}"#,
            r#"{"created":{"count":1},"updated":{"count":2}}"#,
            r#"{"ok":1,"nInserted":0,"nUpserted":1,"nMatched":2,"nModified":0}"#,
            r#"{"acknowledged":true,"total":12431,"count":3,"pages":1}"#,
        ],
    );
    check(&[
        (Update, 200, NONE, r#"{"success":false}"#, No),
        (Update, 200, NONE, r#"{"data":{"updated":0}}"#, No),
        (
            Update,
            200,
            NONE,
            r#"{"matchedCount":1,"modifiedCount":0}"#,
            Yes,
        ),
    ]);
}

#[test]
fn of_a_multi_status_each_product_needs_its_own_yes() {
    for (body, want) in [
        (
            r#"[{"productId":"P1","status":200},{"productId":"P2","status":201},{"productId":"P3","status":"204"}]"#,
            Yes,
        ),
        (
            r#"{"P1":{"status":200},"P2":{"status":201},"P3":"ok"}"#,
            Yes,
        ),
        (
            r#"{"results":[{"status":200},{"status":200},{"status":200}]}"#,
            Yes,
        ),
        (
            r#"[{"productId":"P1","success":true},{"productId":"P2","success":true},{"productId":"P3","success":true}]"#,
            Yes,
        ),
        (
            r#"[{"productId":"P1","status":200},{"productId":"P2","status":422},{"productId":"P3","status":200}]"#,
            But(&[1]),
        ),
        (
            r#"[{"productId":"P1","code":200},{"productId":"P2","code":409},{"productId":"P3","code":500}]"#,
            But(&[1, 2]),
        ),
        (
            r#"[{"productId":"P1","status":200},{"productId":"P2","status":200}]"#,
            No,
        ),
        (
            r#"[{"productId":"P1"},{"productId":"P2"},{"productId":"P3"}]"#,
            No,
        ),
        (r#"[{"status":200},{"status":200}]"#, No),
        ("{}", No),
        ("[]", No),
        (
            r#"[{"productId":"P1","status":429},{"productId":"P2","status":200},{"productId":"P3","status":400}]"#,
            Later(Unknown),
        ),
        (
            r#"[{"productId":"P1","status":401},{"productId":"P2","status":401}]"#,
            Token,
        ),
    ] {
        check(&[(Batch, 207, NONE, body, want)]);
    }
    check(&[
        (Update, 207, NONE, "{}", No),
        (Update, 207, NONE, "", Broken(MayStillLand)),
        (Update, 207, NONE, r#"{"productId":"P1","status":200}"#, Yes),
    ]);
}

#[test]
fn a_success_may_ask_to_wait() {
    for code in [
        "429",
        "503",
        "408",
        "423",
        "425",
        "\"429\"",
        "\"RATE_LIMITED\"",
    ] {
        for body in [
            format!(r#"{{"statusCode":{code},"message":"slow down"}}"#),
            format!(r#"{{"success":false,"code":{code}}}"#),
            format!(r#"{{"error":{{"code":{code}}}}}"#),
            format!(r#"{{"data":{{"status":{code}}}}}"#),
            format!(r#"[{{"productId":"P1"}},{{"productId":"P2","status":{code}}}]"#),
            format!(r#"{{"failed":[{{"productId":"P2","error":{{"code":{code}}}}}]}}"#),
            format!(r#"{{"errors":{{"P2":{{"status":{code}}}}}}}"#),
        ] {
            all(Later(Unknown), &[&body]);
        }
    }
    let wait = [("retry-after", "7")].as_slice();
    for (body, want) in [
        (r#"{"success":false}"#, Later(Unknown)),
        (r#"{"failed":["P1"]}"#, Later(Unknown)),
        ("{}", Yes),
    ] {
        check(&[(Batch, 200, wait, body, want)]);
    }
    all(
        Token,
        &[
            r#"{"success":false,"statusCode":401,"message":"jwt expired"}"#,
            r#"{"success":false,"error":"TokenExpiredError"}"#,
        ],
    );
}

#[test]
fn an_id_comes_back_as_text_or_number() {
    let numbers = [700, 800, 900].map(ProductId::Integer);
    let sent: Vec<_> = numbers.iter().collect();
    for body in [
        r#"{"failed":[{"productId":800}]}"#,
        r#"{"failed":[{"productId":"800"}]}"#,
        r#"{"failed":[{"productId":800.0}]}"#,
        r#"{"failed":[800]}"#,
        r#"{"errors":{"800":"bad"}}"#,
    ] {
        let verdict = of_these(Batch, &sent, 200, NONE, body);
        assert_eq!(meaning_of(&verdict), But(&[1]), "{body}: {verdict:?}");
    }
    // What may be a position as well names nobody.
    let numbers = [2, 3, 1].map(ProductId::Integer);
    let sent: Vec<_> = numbers.iter().collect();
    for (body, want) in [
        (r#"{"failed":[3]}"#, No),
        (r#"{"errors":{"3":"bad"}}"#, No),
        (r#"{"failed":[{"productId":3}]}"#, But(&[1])),
        (r#"{"id":3,"failed":[{"productId":2}]}"#, But(&[0])),
        (r#"{"data":{"id":3,"count":1}}"#, No),
    ] {
        let verdict = of_these(Batch, &sent, 200, NONE, body);
        assert_eq!(meaning_of(&verdict), want, "{body}: {verdict:?}");
    }
    // One id twice names none of the two.
    let twice = ["A", "B", "A"].map(|id| ProductId::Text(id.to_owned()));
    let sent: Vec<_> = twice.iter().collect();
    let verdict = of_these(Batch, &sent, 200, NONE, r#"{"failed":["A"]}"#);
    assert_eq!(meaning_of(&verdict), No);
}

#[test]
fn each_product_is_refused_in_its_own_words() {
    let body = r#"{"message":"success","data":{"failed":[
        {"productId":"P3","error":"too long"},{"productId":"P1","message":"too \"hunter2\" high"}]}}"#;
    let Verdict::Said(Answer::Partly { refused, reason }) = verdict(Batch, 200, NONE, body) else {
        panic!("not in part");
    };
    let told: Vec<_> = refused
        .iter()
        .map(|it| (it.index, it.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [(0, "200: too \"(hidden)\" high"), (2, "200: too long")]
    );
    assert!(
        reason.starts_with("2 of 3 products refused: 200: too"),
        "{reason}"
    );
    for (body, words) in [
        (
            r#"{"success":false,"message":"no such store"}"#,
            "200: no such store",
        ),
        (
            r#"{"message":"done","errors":["P7: price"]}"#,
            "200: P7: price",
        ),
        (
            r#"{"count":2,"message":"synced"}"#,
            "200: only 2 of 3 products were accepted: synced",
        ),
    ] {
        assert_eq!(reason_of(&verdict(Batch, 200, NONE, body)), words);
    }
}
