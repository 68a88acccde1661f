//! Risk notices on their way out: CAP, originals handed on, the public page and its feed.

mod night;
#[path = "../../codecs/tests/schema/mod.rs"]
mod schema;

use anlan_codecs::cap;
use anlan_kernel::Actor;
use anlan_testbed::Engine;
use anlan_web::percent;
use night::{
    DISTRICT,
    caller::Caller,
    desk::{Desk, id, journal_of},
};
use reqwest::Method;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn cap_is_read_back_by_the_strict_reader_with_status_references_and_places(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let id = desk.issued().await;
    desk.officer(&id, "update", json!({})).await;
    desk.sign(&id).await;
    desk.officer(&id, "lift", json!({"reason": "过程结束"})).await;
    desk.sign(&id).await;
    let mut seen = Vec::new();
    for version in 1..=3 {
        let path = format!("/api/v1/notices/{id}.cap?version={version}");
        let (status, xml) = desk.officer.send(Method::GET, &path, None, "application/cap+xml").await;
        assert_eq!(status, 200, "{xml}");
        let read = cap::read(xml.as_bytes());
        assert_eq!(read.warnings, [], "{xml}");
        let alert = read.message.unwrap();
        assert_eq!(cap::check(&alert), cap::Check::default(), "{xml}");
        assert_eq!(cap::write(&alert), xml, "read and written again it is the same");
        assert_eq!(schema::check(&xml), Ok(()), "{xml}");
        assert_eq!((alert.scope, alert.status), (cap::Scope::Restricted, cap::Status::Test), "a replay is a test");
        assert!(alert.restriction.is_some() && alert.note.is_some());
        let languages: Vec<_> = alert.infos.iter().map(|it| it.language.as_deref().unwrap()).collect();
        assert_eq!(languages, ["zh-CN", "en"]);
        for info in &alert.infos {
            let area = &info.areas[0];
            assert_eq!((area.description.as_str(), area.geocodes[0].value.as_str()), ("区划440303001", "440303001"));
            assert!(info.description.as_ref().unwrap().contains("市气象台台风信号 red"), "quoted, not restated");
        }
        seen.push(alert);
    }
    assert_eq!(
        seen.iter().map(|it| it.msg_type).collect::<Vec<_>>(),
        [cap::MsgType::Alert, cap::MsgType::Update, cap::MsgType::Cancel]
    );
    assert_eq!(seen.iter().map(|it| it.references.len()).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((&seen[2].references[1].identifier, &seen[2].references[1].sent), (&seen[1].identifier, &seen[1].sent));
    assert!(
        seen[0].infos[1].instruction.as_ref().unwrap().starts_with("Duty rooms stay manned"),
        "English where the pack has it"
    );
}

#[rstest]
#[tokio::test]
async fn a_relayed_original_is_handed_on_byte_for_byte(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let desk = Desk::on(engine).await;
    let id = desk.issued().await;
    let path = format!("/api/v1/notices/{id}.cap");
    let (_, ours) = desk.officer.send(Method::GET, &path, None, "application/cap+xml").await;
    let theirs = ours.replace(&format!("{id}.v1"), "12379-1").replace("<scope>Restricted", "\n  <scope>Restricted");
    let marked = [b"\xEF\xBB\xBF", theirs.replace("12379-1", "12379-2").as_bytes()].concat();
    for bytes in [theirs.clone().into_bytes(), marked] {
        let by = Actor::system("feed");
        let signal = desk.night.monitor.receive_signal(&by, &bytes).await.unwrap().signal;
        let request = desk.officer.request(Method::GET, &format!("/api/v1/signals/{}.cap", percent(&signal.id)));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.bytes().await.unwrap(), bytes);
    }
    let told = desk.night.signal("words", None, "发布", &[DISTRICT]).await;
    assert_eq!(desk.officer.get(&format!("/api/v1/signals/{}.cap", percent(&told))).await.0, 404, "it was no CAP");
}

#[rstest]
#[tokio::test]
async fn the_public_page_is_off_until_switched_on_and_shows_what_was_approved(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let (stranger, admin) = (Caller::stranger(&desk.night), Caller::with(&desk.night, "system_admin", None).await);
    let id = id(&desk.draft().await);
    desk.officer(&id, "edit", json!({"advice": "沿江风险很高。"})).await;
    desk.sign(&id).await;
    assert_eq!((stranger.page("/public").await.0, stranger.get("/api/v1/notices.atom").await.0), (404, 404));
    let (status, feed) = desk.officer.page("/api/v1/notices.atom").await;
    assert!(status == 200 && feed.contains("罗三防风险〔2023〕1号"), "the desk's own readers always: {feed}");
    let switch =
        |it: bool| admin.send(Method::PUT, "/api/v1/public-page", Some(json!({"shown": it})), "application/json");
    let put = desk.leader.send(Method::PUT, "/api/v1/public-page", Some(json!({"shown": true})), "application/json");
    assert_eq!(put.await.0, 403, "the administrator's, nobody else's");
    assert_eq!(switch(true).await.0, 200);
    let (status, page) = stranger.page("/public").await;
    assert!(status == 200 && !page.contains("罗三防风险") && !page.contains("台风信号 red"), "{page}");

    assert_eq!(desk.officer(&id, "public", json!({"approve": true})).await.0, 403);
    let publish = format!("/api/v1/notices/{id}/public");
    assert_eq!(desk.leader.post(&publish, json!({"approve": true})).await.0, 200);
    let signal = desk.night.read(|tx| tx.find::<anlan_monitor::Signal>("1 = 1", "", &[])).await.remove(0).id;
    assert_eq!(desk.officer.post(&format!("/api/v1/signals/{}/forward", percent(&signal)), json!({})).await.0, 200);
    for path in ["/public", "/api/v1/notices.atom"] {
        let (status, text) = stranger.page(path).await;
        assert_eq!(status, 200);
        for words in ["罗三防风险〔2023〕1号", "市气象台台风信号 red", "回放"] {
            assert!(text.contains(words), "{path} {words}: {text}");
        }
        assert!(!text.contains("duty-") && !text.contains("138"), "no names, no numbers: {text}");
    }
    desk.officer(&id, "update", json!({})).await;
    desk.officer(&id, "edit", json!({"advice": "险情请拨 0755-25550000。"})).await;
    desk.sign(&id).await;
    assert!(!stranger.page("/public").await.1.contains("罗三防风险"), "a new paper is approved anew");
    assert_eq!(desk.leader.post(&publish, json!({"approve": true})).await.1["code"], "personal_data");
    assert_eq!(switch(false).await.0, 200);
    assert_eq!(stranger.page("/public").await.0, 404);
    let events = journal_of(&desk.night, "public").await;
    assert!(events.contains("public_page.switched_on") && events.contains("public_page.switched_off"), "{events}");
}
