//! Packs: proved with file and line, loaded while running, rolled back.

use std::{
    io::{Cursor, Write},
    sync::Arc,
};

use anlan_register::{
    Register,
    kinds::{Catalog, Files, Source},
};
use anlan_store::Clock;
use anlan_testbed::{Caller, Engine, NOON, TestWorld};
use anlan_web::Site;
use axum::Router;
use rstest::rstest;
use serde_json::Value;
use zip::write::SimpleFileOptions;

use super::bed::{DISTRICT, MODULES};

const PACK: &str = r#"id = "lifts"
version = "1"
title = { zh = "电梯", en = "Lifts" }
[[source]]
id = "T01"
title = "特种设备安全法 第三十三条"
"#;

const KINDS: &str = r#"[[kind]]
id = "lift"
title = { zh = "电梯", en = "Lift" }
group = { zh = "特种设备", en = "Special equipment" }
name = "name"
key = ["code"]
place = "point"
grade = "risk"
sources = ["T01"]

[[kind.field]]
id = "code"
title = { zh = "设备代码", en = "Code" }
type = "text"
required = true

[[kind.field]]
id = "name"
title = { zh = "名称", en = "Name" }
type = "text"

[[kind.field]]
id = "risk"
title = { zh = "风险等级", en = "Risk" }
type = "choice"
list = "lift-risk"
filter = true
"#;

const LIST: &str = "code,zh,en,parent,also\n1,重大,major,,\n2,较大,great,,\n";

fn files() -> Files {
    let named = [("pack.toml", PACK), ("kinds.toml", KINDS), ("lists/lift-risk.csv", LIST)];
    named.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

fn source(files: Files) -> Source {
    Source { id: "lifts".into(), name: "lifts@1".into(), needs: Vec::new(), sources: vec!["T01".into()], files }
}

/// A change of one file, and which fault it makes in which line.
#[rstest]
#[case::toml("kinds.toml", "place = \"point\"", "place = point", "bad_toml", 7)]
#[case::unknown_attribute("kinds.toml", "place = \"point\"", "placing = \"point\"", "bad_toml", 7)]
#[case::placing("kinds.toml", "\"point\"", "\"spot\"", "unknown_name", 2)]
#[case::type_("kinds.toml", "type = \"choice\"", "type = \"option\"", "unknown_name", 23)]
#[case::no_list("kinds.toml", "list = \"lift-risk\"\n", "", "missing", 23)]
#[case::unknown_list("kinds.toml", "list = \"lift-risk\"", "list = \"risk\"", "unknown_list", 2)]
#[case::unknown_key("kinds.toml", "key = [\"code\"]", "key = [\"number\"]", "unknown_field", 2)]
#[case::field_twice("kinds.toml", "id = \"name\"", "id = \"code\"", "twice", 18)]
#[case::bad_id("kinds.toml", "id = \"lift\"", "id = \"Lift 1\"", "bad_id", 2)]
#[case::unknown_source("kinds.toml", "sources = [\"T01\"]", "sources = [\"T09\"]", "unknown_source", 2)]
#[case::grade("kinds.toml", "grade = \"risk\"", "grade = \"name\"", "bad_grade", 2)]
#[case::code_twice("lists/lift-risk.csv", "2,较大", "1,较大", "twice", 3)]
#[case::parent("lists/lift-risk.csv", "great,,", "great,9,", "unknown_parent", 3)]
#[case::row("lists/lift-risk.csv", "great,,", "great", "bad_list", 3)]
fn a_fault_names_its_file_and_line(
    #[case] file: &str,
    #[case] from: &str,
    #[case] to: &str,
    #[case] code: &str,
    #[case] line: usize,
) {
    let mut files = files();
    let text = files[file].replacen(from, to, 1);
    assert_ne!(text, files[file], "{from} is there");
    files.insert(file.to_owned(), text);
    let (_, findings) = Catalog::join(&[source(files)]);
    let found: Vec<_> =
        findings.iter().map(|(_, (file, it))| (file.as_str(), it.code.as_str(), it.place.line)).collect();
    assert!(found.contains(&(file, code, Some(line))), "{found:?}");
}

#[test]
fn expressions_and_audiences_are_proved_too() {
    let mut files = files();
    let check =
        "\n[[kind.check]]\nwhen = \"weight > 3\"\nfield = \"name\"\nwords = { zh = \"不对\", en = \"wrong\" }\n";
    files.insert("kinds.toml".into(), format!("{KINDS}{check}"));
    let audience = "[[audience]]\nid = \"a\"\ntitle = { zh = \"甲\" }\nkind = \"lift\"\npath = \"name\"\n";
    files.insert("audiences.toml".into(), audience.into());
    let (catalog, findings) = Catalog::join(&[source(files)]);
    let codes: Vec<_> = findings.iter().map(|(_, (file, it))| (file.as_str(), it.code.as_str())).collect();
    assert_eq!(codes, [("kinds.toml", "unknown_field"), ("audiences.toml", "bad_path")], "{findings:?}");
    assert!(catalog.audience("a").is_none(), "what leads to nobody is left out");
}

struct Room {
    world: TestWorld,
    register: Arc<Register>,
    app: Router,
}

impl Room {
    async fn new(engine: Engine, shipped: &[Files]) -> Self {
        let world = anlan_testbed::world(engine, Clock::driven(NOON), MODULES);
        let register = Register::open((*world).clone(), shipped, Arc::new(|_| Vec::new())).await.expect("it opens");
        let site = Site::new((*world).clone(), "", false, "区三防办");
        let app = anlan_register::packs::routes(&site, &register).router;
        Self { world, register, app }
    }

    async fn admin(&self) -> Caller {
        Caller::officer(&self.app, &self.world, "system_admin", DISTRICT).await
    }
}

fn zipped(files: &Files) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(format!("lifts/{name}"), SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn version(number: &str, kinds: &str) -> Files {
    let mut files = files();
    files.insert("pack.toml".into(), PACK.replace("version = \"1\"", &format!("version = \"{number}\"")));
    files.insert("kinds.toml".into(), kinds.to_owned());
    files
}

fn codes(body: &Value, of: &str, key: &str) -> Vec<String> {
    let found = body[of].as_array().expect("a list").iter();
    found.map(|it| it.pointer(key).and_then(Value::as_str).unwrap_or_default().to_owned()).collect()
}

#[rstest]
#[tokio::test]
async fn a_pack_is_loaded_and_rolled_back_while_running(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let room = Room::new(engine, &[]).await;
    let admin = room.admin().await;
    let first = admin.post("/api/v1/packs", zipped(&files())).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let body = first.json();
    assert!(room.register.catalog().kind("lift").is_none(), "it is not in force yet");
    assert_eq!(
        codes(&body, "changes", "/what"),
        ["lift", "lift.code", "lift.name", "lift.risk", "lists/lift-risk.csv"]
    );
    assert_eq!(admin.post("/api/v1/packs/lifts@1/activate", "").await.status, 200);
    assert!(room.register.catalog().kind("lift").is_some());

    let more = KINDS.replace("[[kind.field]]\nid = \"name\"", "[[kind.field]]\nid = \"load\"\ntitle = { zh = \"载重\", en = \"Load\" }\ntype = \"number\"\nunit = \"kg\"\n\n[[kind.field]]\nid = \"name\"");
    let second = admin.post("/api/v1/packs", zipped(&version("2", &more))).await.json();
    assert_eq!(codes(&second, "changes", "/what"), ["lift.load"]);
    assert_eq!(admin.post("/api/v1/packs/lifts@2/activate", "").await.status, 200);
    assert!(room.register.catalog().kind("lift").is_some_and(|it| it.field("load").is_some()));

    assert_eq!(admin.post("/api/v1/packs/lifts@1/activate", "").await.status, 200);
    assert!(room.register.catalog().kind("lift").is_some_and(|it| it.field("load").is_none()), "rolled back");
    assert_eq!(admin.post("/api/v1/packs/lifts@1/retire", "").await.status, 200);
    assert!(room.register.catalog().kind("lift").is_none());
}

#[rstest]
#[tokio::test]
async fn what_cannot_hold_is_refused_and_nothing_changes(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let room = Room::new(engine, &[files()]).await;
    let admin = room.admin().await;
    let refused = |it: &Value| it["code"].as_str().unwrap_or_default().to_owned();
    for (name, bytes, code) in [
        ("no zip", b"hello".to_vec(), "not_a_zip"),
        ("no pack", zipped(&Files::from([("kinds.toml".to_owned(), KINDS.to_owned())])), "no_pack"),
        ("other files of a version", zipped(&version("1", "")), "version_taken"),
    ] {
        let answer = admin.post("/api/v1/packs", bytes).await;
        assert_eq!(refused(&answer.json()), code, "{name}: {}", answer.text());
    }
    let mut needy = version("3", KINDS);
    needy.insert("pack.toml".into(), needy["pack.toml"].replacen("title =", "needs = [\"moon\"]\ntitle =", 1));
    let kept = admin.post("/api/v1/packs", zipped(&needy)).await.json();
    assert_eq!(codes(&kept, "faults", "/problem/code"), ["needs_pack"]);
    let answer = admin.post("/api/v1/packs/lifts@3/activate", "").await;
    assert_eq!((answer.status, refused(&answer.json())), (409, "pack_wrong".to_owned()));

    let mut twin = files();
    twin.insert("pack.toml".into(), PACK.replace("id = \"lifts\"", "id = \"twins\""));
    let kept = admin.post("/api/v1/packs", zipped(&twin)).await.json();
    let faults = codes(&kept, "faults", "/problem/code");
    assert!(!faults.is_empty() && faults.iter().all(|it| it == "defined_twice"), "{kept}");
    assert_eq!(admin.post("/api/v1/packs/twins@1/activate", "").await.status, 409);
    assert!(room.register.catalog().kind("lift").is_some(), "what was in force is");

    let keeper = Caller::officer(&room.app, &room.world, "register_keeper", DISTRICT).await;
    assert_eq!(keeper.post("/api/v1/packs", zipped(&files())).await.status, 403);
    assert_eq!(keeper.get("/packs").await.status, 403);
}

#[rstest]
#[tokio::test]
async fn a_newer_program_brings_its_packs_but_leaves_those_of_the_bureau(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let room = Room::new(engine, &[files()]).await;
    let open = async |shipped: &[Files]| {
        let opened = Register::open((*room.world).clone(), shipped, Arc::new(|_| Vec::new())).await.expect("it opens");
        let packs = opened.packs().await.expect("the packs");
        packs.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(open(&[version("2", KINDS)]).await, ["lifts@2"], "the program leads");
    let admin = room.admin().await;
    admin.post("/api/v1/packs", zipped(&version("own", KINDS))).await;
    assert_eq!(admin.post("/api/v1/packs/lifts@own/activate", "").await.status, 200);
    assert_eq!(open(&[version("3", KINDS)]).await, ["lifts@own"], "the bureau's own stays");
    assert_eq!(admin.post("/api/v1/packs/lifts@3/activate", "").await.status, 200, "and the new one is at hand");
}
