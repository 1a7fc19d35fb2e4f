//! A panic in an author's code is one request's trouble.

use crate::harness::{Http, Served};
use crate::kinds::{PANIC, WIDGETS, colored, server};

async fn check(http: Http, line: &str, body: &str) {
    let served = Served::start(server()).await;
    let made =
        served.send_over(http, &format!("POST {WIDGETS}"), &[], colored("calm", "red")).await;
    assert_eq!(made.code, 201, "{}", made.text());
    let merge = [("content-type", "application/merge-patch+json")];
    let headers = if line.starts_with("PATCH") { &merge[..] } else { &[] };
    let answer = served.send_over(http, line, headers, body.to_owned()).await;
    assert_eq!(answer.code, 500, "{http:?} {line}");
    assert_eq!(
        answer.text(),
        "This request caused apiserver to panic. Look in the logs for details.\n"
    );
    let list = served.send_over(http, &format!("GET {WIDGETS}"), &[], "").await;
    assert_eq!(list.code, 200, "{http:?} {line}: the next request");
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 1, "nothing is half written");
    assert_eq!(list.at("/items/0/spec/color"), "red");
    let again = format!("{WIDGETS}/after");
    let made =
        served.send_over(http, &format!("POST {WIDGETS}"), &[], colored("after", "red")).await;
    assert_eq!(made.code, 201, "writes go on");
    assert_eq!(served.send_over(http, &format!("GET {again}"), &[], "").await.code, 200);
    served.stop().await;
}

#[tokio::test]
async fn a_panic_answers_500_and_harms_nobody_else() {
    for http in [Http::One, Http::Two] {
        check(http, &format!("POST {WIDGETS}"), &colored("bad", PANIC)).await;
        check(http, &format!("PATCH {WIDGETS}/calm"), r#"{"spec":{"color":"panic"}}"#).await;
    }
}
