//! Rules in the schema of a kind, and selectable fields, as a client meets them.

use crate::harness::{Answer, Served};
use kube::{CustomResource, KubeSchema};
use pintle::{Hub, Kind, Options, Server};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A Choir sings.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, KubeSchema)]
#[kube(group = "song.example.com", version = "v1", kind = "Choir", namespaced)]
#[kube(selectable = ".spec.voice", selectable = ".spec.singers")]
#[x_kube(validation = Rule::new("self.singers >= oldSelf.singers").message("nobody leaves"))]
#[x_kube(validation = Rule::new("self.voice != 'bass' || self.singers > 2")
    .message(Message::Expression("string(self.singers) + ' make no bass'".into()))
    .field_path(".singers"))]
pub(crate) struct ChoirSpec {
    /// How many sing.
    #[schemars(range(min = 1, max = 200))]
    pub singers: u32,
    /// What they sing.
    #[schemars(regex(pattern = "^[a-z]+$"), length(max = 8))]
    pub voice: String,
    /// How loud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness: Option<Loudness>,
    /// Where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

/// How loud a choir is.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub(crate) enum Loudness {
    Soft,
    Loud,
}

/// Where a choir sings.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub(crate) struct Place {
    /// Its name.
    pub name: String,
    /// Its address, which has a default.
    #[schemars(extend("format" = "ipv4", "default" = "127.0.0.1"))]
    pub address: String,
}

impl Hub for Choir {}

/// A Solo has a rule that cannot be read.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, KubeSchema)]
#[kube(group = "song.example.com", version = "v1", kind = "Solo", namespaced)]
#[x_kube(validation = Rule::new("self.voices == 1"))]
pub(crate) struct SoloSpec {
    /// What is sung.
    pub voice: String,
}

impl Hub for Solo {}

/// An Album has tracks, each of which is there once.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "song.example.com", version = "v1", kind = "Album", namespaced)]
pub(crate) struct AlbumSpec {
    /// The tracks.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["title"]))]
    #[serde(default)]
    pub tracks: Vec<Track>,
    /// Who sings.
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    #[serde(default)]
    pub voices: Vec<String>,
}

/// A Track of an album.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub(crate) struct Track {
    /// What it is called.
    pub title: String,
}

impl Hub for Album {
    fn checks_lists() -> bool {
        true
    }

    fn allows_unconditional_update() -> bool {
        true
    }
}

#[tokio::test]
async fn lists_that_are_sets_or_maps_have_each_item_once() {
    let served = Served::start(Server::new("songs").kind(Kind::<Album>::new())).await;
    let albums = "/apis/song.example.com/v1/namespaces/default/albums";
    let tracks = |titles: &[&str]| {
        let tracks: Vec<_> = titles.iter().map(|title| json!({"title": title})).collect();
        json!({"metadata": {"name": "a"}, "spec": {"tracks": tracks, "voices": ["alto"]}})
    };
    let twice = tracks(&["one", "two", "one"]).to_string();
    let answer = served.send(&format!("POST {albums}"), twice).await;
    let why = r#"spec.tracks[2]: Duplicate value: {"title":"one"}"#;
    assert_eq!(answer.code, 422, "{}", answer.text());
    assert!(answer.at("/message").ends_with(why), "{}", answer.text());
    assert_eq!(answer.at("/details/causes/0/reason"), "FieldValueDuplicate");
    let once = tracks(&["one", "two"]).to_string();
    assert_eq!(served.send(&format!("POST {albums}"), once).await.code, 201);
    let merge = [("content-type", "application/merge-patch+json")];
    let patch = r#"{"spec":{"voices":["alto","bass","alto"]}}"#;
    let answer = served.send_with(&format!("PATCH {albums}/a"), &merge, patch).await;
    assert_eq!(answer.code, 422, "{}", answer.text());
    assert!(answer.at("/message").ends_with(r#"spec.voices[2]: Duplicate value: "alto""#));
}

const CHOIRS: &str = "/apis/song.example.com/v1/namespaces/default/choirs";

fn choir(name: &str, spec: &Value) -> String {
    json!({
        "apiVersion": "song.example.com/v1", "kind": "Choir", "metadata": {"name": name}, "spec": spec,
    })
    .to_string()
}

async fn served() -> Served {
    Served::start(Server::new("songs").kind(Kind::<Choir>::new())).await
}

/// Creates a choir, and checks the code and the end of the message.
async fn check(served: &Served, spec: Value, code: u16, why: &str) -> Answer {
    let answer = served.send(&format!("POST {CHOIRS}"), choir("one", &spec)).await;
    assert_eq!(answer.code, code, "{spec}: {}", answer.text());
    let whole = format!("Choir.song.example.com \"one\" is invalid: {why}");
    let want = if code == 422 { whole.as_str() } else { why };
    assert!(answer.at("/message").starts_with(want), "{spec}: {}", answer.at("/message"));
    answer
}

#[tokio::test]
async fn a_schema_is_asked_of_every_object() {
    let served = &served().await;
    let note = "<nil>: Invalid value: null: some validation rules were not checked because the \
                object was invalid; correct the existing errors to complete validation";
    let check = async |spec: Value, code: u16, why: &str| check(served, spec, code, why).await;
    check(
        json!({"singers": 0, "voice": "alto"}),
        422,
        "spec.singers: Invalid value: 0: spec.singers in body should be greater than or equal to 1",
    )
    .await;
    let unchecked = |why: &str| format!("[{why}, {note}]");
    let why = unchecked("spec.singers: Required value");
    check(json!({"voice": "alto"}), 422, &why).await;
    let why = unchecked("spec.singers: Required value, spec.voice: Required value");
    check(json!(null), 422, &why).await;
    check(
        json!({"singers": 1, "voice": "alto", "loudness": "Silent"}),
        422,
        &unchecked(
            "spec.loudness: Unsupported value: \"Silent\": supported values: \"Soft\", \"Loud\"",
        ),
    )
    .await;
    check(
        json!({"singers": 1, "voice": "contraltos"}),
        422,
        &unchecked("spec.voice: Too long: may not be more than 8 bytes"),
    )
    .await;
    check(
        json!({"singers": 1, "voice": "A"}),
        422,
        "spec.voice: Invalid value: \"A\": spec.voice in body should match '^[a-z]+$'",
    )
    .await;
    // A value of another type is none, as with Kubernetes' own kinds.
    check(json!({"singers": "many", "voice": "alto"}), 400, "Choir in version").await;
    let broken = check(
        json!({"singers": 2, "voice": "bass"}),
        422,
        "spec.singers: Invalid value: 2 make no bass",
    )
    .await;
    assert_eq!(broken.at("/details/causes/0/field"), "spec.singers");
    let made = json!({"singers": 3, "voice": "bass", "places": [{"name": "here"}]});
    let made = check(made, 201, "").await;
    assert_eq!(made.at("/spec/places/0/address"), "127.0.0.1");
    let bad = json!({"singers": 3, "voice": "bass", "places": [{"name": "here", "address": "x"}]});
    check(
        bad,
        422,
        &unchecked(
            "spec.places[0].address: Invalid value: \"x\": spec.places[0].address in body must be \
             of type ipv4: \"x\"",
        ),
    )
    .await;
}

#[tokio::test]
async fn a_rule_sees_what_was() {
    let served = &served().await;
    check(served, json!({"singers": 3, "voice": "alto"}), 201, "").await;
    let merge = [("content-type", "application/merge-patch+json")];
    let patch = async |spec: Value| {
        let body = json!({"spec": spec}).to_string();
        served.send_with(&format!("PATCH {CHOIRS}/one"), &merge, body).await
    };
    let refused = patch(json!({"singers": 2})).await;
    assert_eq!(refused.code, 422, "{}", refused.text());
    assert!(refused.at("/message").ends_with("spec: Invalid value: nobody leaves"));
    assert_eq!(patch(json!({"singers": 4})).await.code, 200);
    let refused = patch(json!({"voice": null})).await;
    assert_eq!(refused.at("/details/causes/0/message"), "Required value", "{}", refused.text());
}

#[tokio::test]
async fn selectable_fields_select() {
    let served = &served().await;
    for (name, singers, voice) in [("a", 3, "alto"), ("b", 4, "bass"), ("c", 3, "bass")] {
        let body = choir(name, &json!({"singers": singers, "voice": voice}));
        assert_eq!(served.send(&format!("POST {CHOIRS}"), body).await.code, 201);
    }
    let check = async |selector: &str, want: &[&str]| {
        let line = format!("GET {CHOIRS}?fieldSelector={selector}");
        let list = served.send(&line, "").await.json();
        let items = list["items"].as_array().unwrap_or_else(|| panic!("{selector}: {list}"));
        let names: Vec<&str> =
            items.iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, want, "{selector}");
    };
    check("spec.voice%3Dbass", &["b", "c"]).await;
    check("spec.voice%3Dbass,spec.singers%3D3", &["c"]).await;
    check("spec.voice!%3Dbass", &["a"]).await;
    check("spec.voice%3Dbass,metadata.name%3Db", &["b"]).await;
    let unknown =
        served.send(&format!("GET {CHOIRS}?fieldSelector=spec.loudness%3DLoud"), "").await;
    assert_eq!((unknown.code, unknown.at("/message").contains("spec.loudness")), (400, true));
    let openapi = served.send("GET /openapi/v3/apis/song.example.com/v1", "").await.json();
    let schema = &openapi["components"]["schemas"]["com.example.song.v1.Choir"];
    let want = json!([{"fieldPath": "spec.voice"}, {"fieldPath": "spec.singers"}]);
    assert_eq!(schema["x-kubernetes-selectable-fields"], want);
}

#[tokio::test]
async fn a_rule_that_cannot_be_is_an_error_of_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.secure_port = 0;
    options.data_dir = Some(folder.path().to_owned());
    let error = Server::new("solos").kind(Kind::<Solo>::new()).start(&options).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "song.example.com/v1 Solo: spec: rule \"self.voices == 1\": undefined field 'voices'"
    );
}
