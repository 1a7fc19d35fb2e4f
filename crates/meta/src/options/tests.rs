use super::*;
use serde_json::{Value, json};

/// The parameters of a query that has no escapes.
fn query(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The code and the message of a refusal; empty for what is accepted.
fn told<T>(result: Result<T, Status>) -> String {
    result.err().map(|status| format!("{} {}", status.code, status.message)).unwrap_or_default()
}

fn invalid(kind: &str, errors: &str) -> String {
    format!("422 {kind}.meta.k8s.io \"\" is invalid: {errors}")
}

#[test]
fn lists_that_cannot_be_read() {
    let check =
        |text: &str, want: &str| assert_eq!(told(ListOptions::from_query(&query(text))), want);
    check("", "");
    check("unknown=1&pretty=true", "");
    check("limit=-1", "");
    check("limit=5&limit=x", "");
    check("limit=abc", "400 strconv.ParseInt: parsing \"abc\": invalid syntax");
    check("limit=", "400 strconv.ParseInt: parsing \"\": invalid syntax");
    check(
        "limit=99999999999999999999",
        "400 strconv.ParseInt: parsing \"99999999999999999999\": value out of range",
    );
    check("limit=x&timeoutSeconds=y", "400 strconv.ParseInt: parsing \"y\": invalid syntax");
    check("limit=x&labelSelector=(", "400 strconv.ParseInt: parsing \"x\": invalid syntax");
    check(
        "labelSelector=a===&fieldSelector=a",
        "400 unable to parse requirement: found '=', expected: identifier",
    );
    check("fieldSelector=a", "400 invalid selector: 'a'; can't understand 'a'");
}

#[test]
fn lists_and_watches_that_make_no_sense() {
    let check = |text: &str, want: &str| {
        assert_eq!(told(ListOptions::from_query(&query(text))), invalid("ListOptions", want));
    };
    let unless = "resourceVersionMatch: Forbidden: \
        resourceVersionMatch is forbidden unless resourceVersion is provided";
    let continued = "resourceVersionMatch: Forbidden: \
        resourceVersionMatch is forbidden when continue is provided";
    let initial = "resourceVersionMatch: Forbidden: \
        sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
    let watched = "resourceVersionMatch: Forbidden: \
        resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
    let unsupported = |value: &str, supported: &str| {
        format!(
            "resourceVersionMatch: Unsupported value: \"{value}\": supported values: {supported}"
        )
    };
    check("resourceVersionMatch=Exact", unless);
    check(
        "resourceVersionMatch=Foo&continue=x",
        &format!(
            "[{unless}, {continued}, {}]",
            unsupported("Foo", "\"Exact\", \"NotOlderThan\", \"\"")
        ),
    );
    check(
        "resourceVersionMatch=Exact&resourceVersion=0",
        "resourceVersionMatch: Forbidden: \
         resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
    );
    check(
        "watch=false&sendInitialEvents=0",
        "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
    );
    check("watch=1&resourceVersion=5&sendInitialEvents=true", initial);
    check("watch=1&resourceVersionMatch=NotOlderThan", watched);
    check(
        "watch&resourceVersionMatch=Exact",
        &format!("[{watched}, {}]", unsupported("Exact", "\"NotOlderThan\"")),
    );
    check(
        "watch=1&resourceVersionMatch=Exact&sendInitialEvents&continue=x",
        &format!("[{initial}, {}, {continued}]", unsupported("Exact", "\"NotOlderThan\"")),
    );
}

#[test]
fn watches_start_with_what_there_is() {
    let check = |text: &str, want: Option<bool>| {
        let options = ListOptions::from_query(&query(text)).unwrap();
        let matching = want.is_some().then_some(ResourceVersionMatch::NotOlderThan);
        assert!(options.watch);
        assert_eq!((options.send_initial_events, options.resource_version_match), (want, matching));
    };
    check("watch=true", Some(true));
    check("watch=&resourceVersion=0", Some(true));
    check("watch=1&resourceVersion=5", None);
    check("watch=1&sendInitialEvents=False&resourceVersionMatch=NotOlderThan", Some(false));
}

#[test]
fn what_a_list_reads() {
    let check = |text: &str, at: ReadAt, start: Option<&str>, limit: Option<u64>| {
        let reading = ListOptions::from_query(&query(text)).unwrap().reading().unwrap();
        assert_eq!(
            (reading.at, reading.start.as_deref(), reading.limit),
            (at, start, limit),
            "{text}"
        );
    };
    let token = "continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTYsInN0YXJ0IjoiL2JcdTAwMDAifQ";
    check("", ReadAt::Latest, None, None);
    check("limit=2", ReadAt::Latest, None, Some(2));
    check("limit=-2", ReadAt::Latest, None, None);
    check("limit=2&resourceVersion=0", ReadAt::Any, None, None);
    check("limit=2&resourceVersion=5", ReadAt::Exact(5), None, Some(2));
    check("resourceVersion=5", ReadAt::NotOlderThan(5), None, None);
    check(
        "limit=2&resourceVersion=5&resourceVersionMatch=NotOlderThan",
        ReadAt::NotOlderThan(5),
        None,
        Some(2),
    );
    check("resourceVersion=5&resourceVersionMatch=Exact", ReadAt::Exact(5), None, None);
    check(token, ReadAt::Exact(16), Some("b\0"), None);
    check(&format!("{token}&limit=2"), ReadAt::Exact(16), Some("b\0"), Some(2));
    check(&format!("{token}&resourceVersion=0&limit=2"), ReadAt::Exact(16), Some("b\0"), None);

    let check = |text: &str, want: &str| {
        assert_eq!(told(ListOptions::from_query(&query(text)).unwrap().reading()), want);
    };
    check(
        &format!("{token}&resourceVersion=5"),
        "400 specifying resource version is not allowed when using continue",
    );
    check(
        "continue=AAAA",
        "400 invalid continue token: continue key is not valid: \
         invalid character '\\x00' looking for beginning of value",
    );
    check(
        "resourceVersion=xyz",
        "400 invalid resource version: resourceVersion: Invalid value: \"xyz\": \
         strconv.ParseUint: parsing \"xyz\": invalid syntax",
    );
}

#[test]
fn resource_versions() {
    let check = |text: &str, want: Result<u64, &str>| {
        let want = want.map_err(|why| {
            format!(
                "500 resourceVersion: Invalid value: \"{text}\": \
                 strconv.ParseUint: parsing \"{text}\": {why}"
            )
        });
        let got = parse_resource_version(text).map_err(|status| told::<()>(Err(status)));
        assert_eq!(got, want);
    };
    check("", Ok(0));
    check("0", Ok(0));
    check("18446744073709551615", Ok(u64::MAX));
    check("18446744073709551616", Err("value out of range"));
    check("+5", Err("invalid syntax"));
    check("-5", Err("invalid syntax"));
}

#[test]
fn one_object() {
    let check = |selector: &str, want: &str| {
        let mut options = ListOptions::from_query(&query(selector)).unwrap();
        assert_eq!(told(options.narrow_to("a")), want);
        if want.is_empty() {
            assert_eq!(options.field_selector.requires_exact("metadata.name"), Some("a"));
        }
    };
    check("", "");
    check("fieldSelector=metadata.name=a", "");
    let differs = "400 fieldSelector metadata.name doesn't match requested name";
    check("fieldSelector=metadata.name=b", differs);
    check("fieldSelector=metadata.namespace=x", differs);
}

#[test]
fn gets() {
    let check = |text: &str, want: ReadAt| {
        assert_eq!(GetOptions::from_query(&query(text)).unwrap().read_at().unwrap(), want);
    };
    check("", ReadAt::Latest);
    check("export=false&resourceVersion=0", ReadAt::Any);
    check("resourceVersion=7", ReadAt::NotOlderThan(7));
    assert_eq!(
        told(GetOptions::from_query(&query("export=1"))),
        "400 the export parameter, deprecated since v1.14, is no longer supported"
    );
}

#[test]
fn writes() {
    let check = |text: &str, want: &str| {
        let want = |kind| if want.is_empty() { String::new() } else { invalid(kind, want) };
        let query = query(text);
        assert_eq!(told(CreateOptions::from_query(&query)), want("CreateOptions"));
        assert_eq!(told(UpdateOptions::from_query(&query)), want("UpdateOptions"));
        assert_eq!(told(PatchOptions::from_query(&query, false)), want("PatchOptions"));
    };
    check("dryRun=All&dryRun=All&fieldManager=\u{e9}\u{301} x&fieldValidation=", "");
    check("dryRun=", "dryRun: Unsupported value: [\"\"]: supported values: \"All\"");
    check(
        "dryRun=all&dryRun=All",
        "dryRun: Unsupported value: [\"all\",\"All\"]: supported values: \"All\"",
    );
    check(
        "fieldValidation=y",
        "fieldValidation: Unsupported value: \"y\": \
         supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
    );
    check(
        "fieldManager=a\tb",
        "fieldManager: Invalid value: \"a\\tb\": invalid character U+0009 (at position 1)",
    );
    let long = format!("fieldManager={}", "x".repeat(129));
    check(&long, "fieldManager: Too long: may not be more than 128 bytes");

    let options = CreateOptions::from_query(&query("dryRun=All&fieldManager=m")).unwrap();
    assert_eq!((options.dry_run, options.field_manager.as_str()), (true, "m"));
    assert_eq!(options.field_validation.unwrap_or_default(), FieldValidation::Warn);
    let options = UpdateOptions::from_query(&query("fieldValidation=Strict")).unwrap();
    assert_eq!(options.field_validation, Some(FieldValidation::Strict));
}

#[test]
fn patches() {
    let check = |text: &str, apply: bool, want: Result<Option<bool>, &str>| {
        let got = PatchOptions::from_query(&query(text), apply).map(|options| options.force);
        let want = want.map_err(|errors| invalid("PatchOptions", errors));
        assert_eq!(got.map_err(|status| told::<()>(Err(status))), want);
    };
    check("", false, Ok(None));
    check("fieldManager=m&force=false", true, Ok(Some(false)));
    check("", true, Err("fieldManager: Required value: is required for apply patch"));
    check("force=1", false, Err("force: Forbidden: may not be specified for non-apply patch"));
}

#[test]
fn deletions_by_query() {
    let check = |text: &str, want: DeleteOptions| {
        assert_eq!(DeleteOptions::from_query(&query(text)).unwrap(), want);
    };
    let some = |text: &str| Some(text.to_owned());
    check("uid=&resourceVersion=", DeleteOptions::default());
    check(
        "gracePeriodSeconds=-1&orphanDependents=&dryRun=All",
        DeleteOptions {
            grace_period_seconds: Some(-1),
            orphan_dependents: Some(true),
            dry_run: true,
            ..DeleteOptions::default()
        },
    );
    check(
        "propagationPolicy=Orphan&uid=u&resourceVersion=5",
        DeleteOptions {
            propagation_policy: Some(PropagationPolicy::Orphan),
            preconditions: Preconditions { uid: some("u"), resource_version: some("5") },
            ..DeleteOptions::default()
        },
    );
    let wrong = |text: &str, want: &str| {
        assert_eq!(told(DeleteOptions::from_query(&query(text))), want);
    };
    wrong("gracePeriodSeconds=x", "400 strconv.ParseInt: parsing \"x\": invalid syntax");
    let supported = "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"";
    let unsupported = format!("propagationPolicy: Unsupported value: \"\": {supported}");
    wrong("propagationPolicy=", &invalid("DeleteOptions", &unsupported));
    let both = "propagationPolicy: Invalid value: \"Orphan\": \
        orphanDependents and deletionPropagation cannot be both set";
    wrong("propagationPolicy=Orphan&orphanDependents=0", &invalid("DeleteOptions", both));
}

#[test]
fn deletions_by_body() {
    let check = |body: Value, want: DeleteOptions| {
        assert_eq!(DeleteOptions::from_body(&body).unwrap(), want);
    };
    check(json!({"kind": "DeleteOptions", "apiVersion": "v1"}), DeleteOptions::default());
    check(
        json!({"apiVersion": "hello.zeng.dev/v2", "dryRun": null, "unknown": 1}),
        DeleteOptions::default(),
    );
    check(Value::Null, DeleteOptions::default());
    check(
        json!({
            "gracePeriodSeconds": 0,
            "propagationPolicy": "Background",
            "dryRun": ["All"],
            "preconditions": {"uid": "u"},
        }),
        DeleteOptions {
            grace_period_seconds: Some(0),
            propagation_policy: Some(PropagationPolicy::Background),
            dry_run: true,
            preconditions: Preconditions { uid: Some("u".to_owned()), resource_version: None },
            ..DeleteOptions::default()
        },
    );
    let wrong = |body: Value, want: &str| assert_eq!(told(DeleteOptions::from_body(&body)), want);
    wrong(
        json!({"kind": "Pod", "apiVersion": "v1"}),
        "400 no kind \"Pod\" is registered for version \"v1\"",
    );
    wrong(json!({"apiVersion": "a/b/c"}), "400 unexpected GroupVersion string: a/b/c");
    wrong(json!([]), "400 DeleteOptions: expected an object");
    wrong(
        json!({"ignoreStoreReadErrorWithClusterBreakingPotential": 1}),
        "400 DeleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential: \
         invalid type: integer `1`, expected a boolean",
    );
    wrong(
        json!({"gracePeriodSeconds": "x"}),
        "400 DeleteOptions.gracePeriodSeconds: invalid type: string \"x\", expected i64",
    );
    let dry_run = "dryRun: Unsupported value: [\"x\"]: supported values: \"All\"";
    wrong(json!({"dryRun": ["x"]}), &invalid("DeleteOptions", dry_run));
}
