//! Risk notices over HTTP and on screens: from facts to a signed paper, and to the same list.

mod night;

use std::time::Duration;

use anlan_kernel::Instant;
use anlan_register::Rank;
use anlan_store::journal;
use anlan_testbed::Engine;
use anlan_warn::notice::{OpenKind, open_items, timeline};
use anlan_web::percent;
use night::{
    DISTRICT, HATS, Roster, Setting, at,
    caller::Caller,
    desk::{Desk, callees, id, journal_of, newest},
    long,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

#[rstest]
#[tokio::test]
async fn a_notice_is_made_from_facts_signed_by_another_and_reaches_the_list(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let draft = desk.draft().await;
    let (id, content) = (id(&draft), &newest(&draft)["content"]);
    assert_eq!((&content["title"], &draft["hat"]), (&json!("台风风险提示单"), &json!(HATS[0])));
    let quoted = &content["facts"]["signals"][0];
    assert_eq!((&quoted["text"], &quoted["issuer"]), (&json!("市气象台台风信号 red"), &json!("市气象台")));
    assert_eq!(content["places"], json!([{"code": "440303001", "name": "区划440303001"}]));
    assert!(content["measures"].as_array().unwrap().len() > 4, "{content}");

    let edit = json!({"advice": "江边街道风险很高。", "measures": ["停止户外作业", "", " 撤离危房人员 "]});
    let (status, edited) = desk.officer(&id, "edit", edit).await;
    assert_eq!((status, &newest(&edited)["content"]["measures"]), (200, &json!(["停止户外作业", "撤离危房人员"])));
    assert_eq!(desk.officer(&id, "sign", json!({})).await.0, 403, "a duty officer does not sign");
    assert_eq!(desk.officer(&id, "submit", json!({})).await.0, 200);
    let stale = desk.leader.post(&format!("/api/v1/notices/{id}/sign"), json!({"revision": 1})).await;
    assert_eq!((stale.0, &stale.1["code"]), (409, &json!("stale")), "nobody signs what they have not seen");
    let signed = desk.sign(&id).await;
    assert_eq!((&signed["standing"], &signed["number"]), (&json!("in_force"), &json!("罗三防风险〔2023〕1号")));
    assert_eq!(newest(&signed)["signed_by"], "user:duty-leader-440303");

    desk.settle().await;
    let told = desk.told(&id, "").await;
    assert_eq!(callees(&told), ["room:bureau", "room:street-1"], "rooms of the area and of what it lies in");
    assert_eq!(told["counts"], json!({"delivered": 2}));
    let words = desk.night.words_to(&long("901")).pop().unwrap();
    for part in ["罗三防风险〔2023〕1号", "江边街道风险很高", "停止户外作业；撤离危房人员", "有效至9月2日00:00"]
    {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(words.starts_with("【回放演示】") && words.ends_with("【回放演示】"), "{words}");
    let (_, refused) = desk.officer(&id, "edit", json!({"advice": "改一下"})).await;
    assert_eq!(refused["code"], "no_draft", "issued words stay");
    let process = desk.process.clone();
    let steps = desk.night.read(move |tx| timeline(tx, &process)).await;
    assert_eq!(steps.iter().map(|it| it.what).collect::<Vec<_>>(), ["drafted", "submitted", "issued"]);
}

#[rstest]
#[tokio::test]
async fn words_of_a_signal_or_a_warning_are_refused_with_field_and_words(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let id = id(&desk.draft().await);
    for (edit, field, words) in [
        (json!({"title": "台风红色预警风险提示单"}), "title", "台风红色"),
        (json!({"title": "关于做好防御的通知"}), "title", "提示单"),
        (json!({"advice": "我区现发布预警。"}), "advice", "预警"),
        (json!({"measures": ["停止作业", "暴雨（橙色）期间停课"]}), "measures[1]", "暴雨橙色"),
        (json!({"areas": ["440304"]}), "areas[0]", "440304"),
        (json!({"areas": ["440303009"]}), "areas[0]", "440303009"),
        (json!({"hat": "别的办公室"}), "hat", "别的办公室"),
        (json!({"until": "2023-09-01T11:00:00+08:00"}), "until", "晚于现在"),
    ] {
        let (status, problem) = desk.officer(&id, "edit", edit.clone()).await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{edit}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    let advice = json!({"advice": "密切关注气象台发布的预警信号。"});
    assert_eq!(desk.officer(&id, "edit", advice).await.0, 200, "whoever tells people to listen claims nothing");
}

#[rstest]
#[tokio::test]
async fn numbers_run_without_a_gap_in_each_hat_and_year(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let desk = Desk::on(engine).await;
    let first = desk.issued().await;
    let (_, again) = desk.officer.post("/api/v1/notices", json!({"process": desk.process})).await;
    assert_eq!(again["code"], "notice_exists", "one live notice per process and area");
    desk.night.signal("red-2", Some("red"), "发布", &["440303002"]).await;
    let other = json!({"process": desk.process, "areas": ["440303002"], "hat": HATS[1]});
    let (_, other) = desk.officer.post("/api/v1/notices", other).await;
    let other = id(&other);
    assert_eq!(desk.officer(&other, "sign", json!({})).await.0, 403);
    assert_eq!(desk.sign(&other).await["number"], "罗应急风险〔2023〕1号", "a series of its own");
    for number in 2..=4 {
        assert_eq!(desk.officer(&first, "update", json!({})).await.0, 200);
        assert_eq!(desk.officer(&first, "withdraw", json!({})).await.0, 200, "a withdrawn draft takes no number");
        assert_eq!(desk.officer(&first, "update", json!({})).await.0, 200);
        assert_eq!(desk.sign(&first).await["number"], format!("罗三防风险〔2023〕{number}号"));
    }
}

#[rstest]
#[tokio::test]
async fn a_verbal_yes_sends_at_once_and_its_signature_stays_open(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let id = id(&desk.draft().await);
    let (status, problem) = desk.officer(&id, "verbal", json!({"said_by": "胡主任"})).await;
    assert_eq!((status, &problem["field"]), (400, &json!("said_from")));
    let yes = json!({"said_by": "胡主任（带班领导）", "said_from": "13899990000"});
    let (status, out) = desk.officer(&id, "verbal", yes).await;
    assert_eq!((status, &out["standing"], &out["number"]), (200, &json!("in_force"), &json!("罗三防风险〔2023〕1号")));
    let paper = newest(&out);
    assert_eq!((&paper["heard_by"], &paper["signed_at"]), (&json!("user:duty-officer-440303"), &Json::Null));
    assert_eq!(paper["signature_due"], json!(at(86_400)));
    assert!(!paper["said_from"].as_str().unwrap().contains("9999"), "{paper}");
    desk.settle().await;
    assert_eq!(desk.told(&id, "").await["counts"], json!({"delivered": 2}));
    let open = desk.night.read(open_items).await;
    assert_eq!((open.len(), open[0].kind, open[0].due), (1, OpenKind::Unsigned, Some(at(86_400))));
    let (_, refused) = desk.leader.post(&format!("/api/v1/notices/{id}/public"), json!({"approve": true})).await;
    assert_eq!(refused["code"], "not_signed");

    desk.night.until(at(86_401)).await;
    let open = desk.night.read(open_items).await;
    assert!(open[0].kind == OpenKind::Unsigned && open[0].overdue, "{open:?}");
    let signed = desk.sign(&id).await;
    assert_eq!((&newest(&signed)["signed_by"], &signed["issued"]), (&json!("user:duty-leader-440303"), &json!(1)));
    let open = desk.night.read(open_items).await;
    assert_eq!(open.iter().map(|it| it.kind).collect::<Vec<_>>(), [OpenKind::ToLift], "its time has run out meanwhile");
    let events = journal_of(&desk.night, &id).await;
    for event in ["notice.verbally_approved", "notice.signature_overdue", "notice.signed_afterwards"] {
        assert!(events.contains(event), "{event}: {events}");
    }
    assert!(!events.contains("胡主任") && !events.contains("13899990000"), "who said yes is sealed");
}

#[rstest]
#[tokio::test]
async fn what_follows_goes_to_the_same_list_and_a_grown_area_adds_to_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let id = desk.issued().await;
    let room = Roster::default().room("water", DISTRICT, "member_unit", Some("903"));
    desk.night.roster(room).await;
    assert_eq!(desk.officer(&id, "correct", json!({"reason": "街道名有误"})).await.0, 200);
    desk.sign(&id).await;
    let list = ["room:bureau", "room:street-1"];
    assert_eq!(callees(&desk.told(&id, "?version=2").await), list, "nobody is added by a correction");

    desk.night.signal("wider", Some("red"), "变更", &["440303002"]).await;
    let (_, update) = desk.officer(&id, "update", json!({})).await;
    assert_eq!(newest(&update)["content"]["facts"]["signals"].as_array().unwrap().len(), 2, "the newest facts");
    desk.sign(&id).await;
    let told = desk.told(&id, "?version=3").await;
    assert_eq!(callees(&told), ["room:bureau", "room:water", "room:street-1", "room:street-2"]);

    let (_, lift) = desk.officer(&id, "lift", json!({})).await;
    assert_eq!(newest(&lift)["content"]["title"], "解除台风风险提示单");
    let (status, problem) = desk.leader.post(&format!("/api/v1/notices/{id}/sign"), json!({})).await;
    assert_eq!((status, &problem["field"]), (400, &json!("reason")), "a lifting says why");
    assert_eq!(desk.officer(&id, "edit", json!({"reason": "风已减弱"})).await.0, 200);
    let lifted = desk.sign(&id).await;
    assert_eq!((&lifted["standing"], &lifted["live"]), (&json!("lifted"), &json!(false)));
    desk.settle().await;
    let told = desk.told(&id, "").await;
    assert_eq!((callees(&told).len(), &told["counts"]), (4, &json!({"delivered": 4})));
    let words = desk.night.words_to(&long("902")).pop().unwrap();
    assert!(words.contains("解除原因：风已减弱") && words.contains("罗三防风险〔2023〕4号"), "{words}");
    assert_eq!(desk.officer(&id, "update", json!({})).await.1["code"], "not_in_this_state");
    let (_, next) = desk.officer.post("/api/v1/notices", json!({"process": desk.process})).await;
    assert_eq!(next["standing"], "unissued", "the areas are free again");
}

#[rstest]
#[tokio::test]
async fn a_correction_overtakes_a_night_of_calls_and_what_was_wrong_is_not_said_after_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let setting = Setting::on(engine).gateway(|it| {
        (it.rate, it.batch) = (1.0, 1);
    });
    let desk = Desk::open(setting).await;
    let people = (100..400).fold(Roster::default(), |roster, i| {
        roster.person(&format!("p{i}"), "440303001001", Rank::Member, Some(&i.to_string()))
    });
    desk.night.roster(people).await;
    desk.night.until(at(125)).await;
    let id = desk.issued().await;
    desk.night.until(at(160)).await;
    assert_eq!(desk.told(&id, "").await["counts"], json!({"waiting": 2}), "every call goes before what only informs");
    assert_eq!(desk.officer(&id, "correct", json!({"reason": "区域有误"})).await.0, 200);
    desk.sign(&id).await;
    desk.night.until(at(220)).await;
    let told = desk.told(&id, "").await;
    assert_eq!(told["counts"], json!({"delivered": 2}), "the same list within 60 s of the signature");
    for it in told["items"].as_array().unwrap() {
        let sent = Instant::parse(it["sent_at"].as_str().unwrap()).unwrap();
        assert!(sent.since(at(160)) <= Duration::from_secs(5), "ahead of some three hundred calls: {sent}");
    }
    desk.night.until(at(3_600)).await;
    assert_eq!(desk.told(&id, "?version=1").await["counts"], json!({"dropped": 2}));
    let words = desk.night.words_to(&long("901"));
    assert!(words.iter().any(|it| it.contains("更正原因：区域有误")), "{words:?}");
    assert!(!words.iter().any(|it| it.contains("罗三防风险〔2023〕1号")), "{words:?}");
}

#[rstest]
#[tokio::test]
async fn streets_read_what_was_sent_to_them_and_lists_are_filtered_and_paged(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let street = Caller::with(&desk.night, "street_officer", Some("440303001")).await;
    let east = Caller::with(&desk.night, "street_officer", Some("440303002")).await;
    let draft = id(&desk.draft().await);
    assert_eq!(street.get(&format!("/api/v1/notices/{draft}")).await.0, 404, "a draft is the district's");
    assert_eq!(street.post("/api/v1/notices", json!({"process": desk.process})).await.0, 403);
    desk.sign(&draft).await;
    desk.officer(&draft, "update", json!({})).await;
    let (status, seen) = street.get(&format!("/api/v1/notices/{draft}")).await;
    assert_eq!((status, seen["papers"].as_array().unwrap().len()), (200, 1), "the next draft is not for them");
    assert_eq!(
        callees(&street.get(&format!("/api/v1/notices/{draft}/recipients?version=1")).await.1),
        ["room:street-1"]
    );
    assert_eq!(east.get(&format!("/api/v1/notices/{draft}")).await.0, 404, "nothing was sent there");
    assert_eq!(east.get("/api/v1/notices").await.1["items"], json!([]));
    assert_eq!(Caller::stranger(&desk.night).get("/api/v1/notices").await.0, 401);

    desk.night.signal("east", Some("red"), "发布", &["440303002"]).await;
    let (_, second) =
        desk.officer.post("/api/v1/notices", json!({"process": desk.process, "areas": ["440303002"]})).await;
    let (_, page) = desk.officer.get("/api/v1/notices?limit=1").await;
    assert_eq!(page["items"][0]["id"], second["id"]);
    let next = percent(page["next"].as_str().unwrap());
    let (_, more) = desk.officer.get(&format!("/api/v1/notices?limit=1&cursor={next}")).await;
    assert_eq!(more["items"][0]["id"], json!(draft));
    for (query, count) in
        [("state=in_force", 1), ("state=in_force,unissued", 2), ("region=4403", 2), ("process=none", 0)]
    {
        let (_, list) = desk.officer.get(&format!("/api/v1/notices?{query}")).await;
        assert_eq!(list["items"].as_array().unwrap().len(), count, "{query}");
    }
    assert_eq!(desk.officer.get("/api/v1/notices?state=asleep").await.1["code"], "bad_state");
}

#[rstest]
#[tokio::test]
async fn a_refused_draft_goes_back_with_its_reason_and_lists_as_open(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let id = id(&desk.draft().await);
    desk.officer(&id, "submit", json!({})).await;
    let kinds = async || desk.night.read(open_items).await.iter().map(|it| it.kind).collect::<Vec<_>>();
    assert_eq!(kinds().await, [OpenKind::ToSign]);
    let refuse = format!("/api/v1/notices/{id}/refuse");
    assert_eq!(desk.leader.post(&refuse, json!({})).await.1["field"], "reason");
    let (status, back) = desk.leader.post(&refuse, json!({"reason": "漏了莲塘"})).await;
    assert_eq!((status, &newest(&back)["refused"]), (200, &json!("漏了莲塘")));
    assert_eq!(kinds().await, [OpenKind::SentBack]);
    desk.officer(&id, "submit", json!({})).await;
    desk.sign(&id).await;
    assert_eq!(kinds().await, []);
    let events = journal_of(&desk.night, &id).await;
    assert!(events.contains("notice.refused") && !events.contains("漏了莲塘"), "free words are sealed");
    desk.night.warn.stand_down(&night::desk(), &desk.process, "风停").await.unwrap();
    assert_eq!(kinds().await, [OpenKind::ToLift], "the end of a process lifts nothing and asks");
    let (_, notice) = desk.officer.get(&format!("/api/v1/notices/{id}")).await;
    assert_eq!(notice["standing"], "in_force");
}

#[rstest]
#[tokio::test]
async fn every_page_opens_and_the_paper_is_drafted_signed_and_printed_on_screen(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let form = json!({"process": desk.process, "hat": HATS[0]});
    assert_eq!(desk.officer.form("/notices", form).await.0, 303);
    let (_, list) = desk.officer.get("/api/v1/notices").await;
    let id = id(&list["items"][0]);
    let save = json!({"title": "台风风险提示单", "advice": "风险很高。", "measures": "停止户外作业%0A撤离",
                      "areas": "440303001", "until": "2023-09-02T08:00", "audience": "duty_room", "then": "submit"});
    let (status, text) = desk.officer.form(&format!("/notices/{id}/edit"), save).await;
    assert_eq!(status, 303, "{text}");
    let (_, page) = desk.leader.page(&format!("/notices/{id}/sign")).await;
    for words in ["一、信号情况（原文照录）", "市气象台台风信号 red", "风险很高。", "2. 撤离", ">签发<"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_eq!(desk.leader.form(&format!("/notices/{id}/sign"), json!({"version": 1})).await.0, 303);
    let begin = json!({"kind": "update", "reason": "风力加大"});
    assert_eq!(desk.officer.form(&format!("/notices/{id}/begin"), begin).await.0, 303);
    for (path, words) in [
        ("/notices".to_owned(), "罗三防风险〔2023〕1号"),
        (format!("/notices/{id}"), "更新原因：风力加大"),
        (format!("/notices/{id}/print"), "罗三防风险〔2023〕1号"),
        (format!("/notices/{id}/application"), "申请单位"),
        (format!("/processes/{}", desk.process), "/notices?process="),
    ] {
        let (status, page) = desk.officer.page(&path).await;
        assert!(status == 200 && page.contains(words), "{path} {words}: {page}");
    }
    let yes = json!({"said_by": "胡主任", "said_from": "8201"});
    assert_eq!(desk.officer.form(&format!("/notices/{id}/verbal"), yes).await.0, 303);
    let (_, page) = desk.officer.page(&format!("/notices/{id}")).await;
    assert!(page.contains("待补签") && page.contains("<ins>") && page.contains("发送名单"), "{page}");
    assert!(page.contains("拟稿 值班员") && !page.contains("duty-officer-440303"), "names, not log-ins: {page}");
    let admin = Caller::with(&desk.night, "system_admin", None).await;
    assert_eq!(admin.page("/public-page").await.0, 200);
    assert_eq!(admin.form("/public-page", json!({"shown": true})).await.0, 303);
}

#[tokio::test]
async fn the_tables_of_notices_can_be_made_again_from_the_journal() {
    let desk = Desk::on(Engine::Sqlite).await;
    let id = desk.issued().await;
    desk.officer(&id, "correct", json!({"reason": "有误"})).await;
    desk.officer(&id, "verbal", json!({"said_by": "胡主任", "said_from": "8201"})).await;
    desk.settle().await;
    let before = desk.night.world.dump().await.unwrap();
    journal::seal(&desk.night.world, None).await.unwrap();
    anlan_store::rebuild(&desk.night.world).await.unwrap();
    let after = desk.night.world.dump().await.unwrap();
    for table in ["notice", "notice_paper", "notice_recipient", "number_series"] {
        assert!(!before[table].is_empty());
        assert_eq!(before[table], after[table], "{table}");
    }
}

async fn seal(night: &night::Night) {
    while anlan_store::journal::seal(&night.world, None).await.unwrap() > 0 {}
}

#[rstest]
#[tokio::test]
async fn a_verbal_yes_waits_on_the_page_of_its_own_process_until_it_is_signed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let rain = json!({"text": "市气象台暴雨信号", "hazard": "rainstorm", "colour": "red", "issuer": "市气象台",
        "identifier": "rain", "action": "发布", "areas": ["440303001"], "title": "暴雨信号"});
    let by = anlan_kernel::Actor::system("feed");
    desk.night.monitor.receive_signal(&by, rain.to_string().as_bytes()).await.unwrap();
    let (_, processes) = desk.officer.get("/api/v1/processes").await;
    let ids: Vec<_> = processes["items"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    let other = ids.into_iter().find(|it| *it != desk.process).unwrap();
    let id = id(&desk.draft().await);
    let yes = json!({"said_by": "胡主任", "said_from": "8201"});
    assert_eq!(desk.officer(&id, "verbal", yes).await.0, 200);
    desk.settle().await;
    seal(&desk.night).await;
    let (page, summary) = (format!("/processes/{}", desk.process), format!("/processes/{}/summary", desk.process));
    let decide = async |path: &str| {
        let (_, page) = desk.officer.page(path).await;
        page[page.find("id=\"decide\"").unwrap()..page.find("id=\"timeline\"").unwrap()].to_owned()
    };
    assert!(decide(&page).await.contains(&format!("/notices/{id}")), "sent is not signed");
    assert!(!decide(&format!("/processes/{other}")).await.contains("/notices/"), "another process, another paper");
    let (_, lines) = desk.officer.get(&format!("/api/v1/processes/{other}/timeline?kind=notice")).await;
    assert_eq!(lines["items"], json!([]));
    let (_, lines) = desk.officer.get(&format!("/api/v1/processes/{}/timeline?kind=notice", desk.process)).await;
    for line in lines["items"].as_array().unwrap() {
        assert!(line["words"]["en"].as_str().unwrap().is_ascii(), "{line}");
        assert!(!line["words"]["zh"].as_str().unwrap().contains('_'), "{line}");
    }
    let (_, text) = desk.officer.page(&summary).await;
    assert!(text.contains("其中电话口头同意") && text.contains("提示单待签发、待补签"), "{text}");
    let (_, sign) = desk.leader.page(&format!("/notices/{id}/sign")).await;
    assert!(sign.contains("9月2日"), "a term of 24 hours names its day: {sign}");
    desk.sign(&id).await;
    seal(&desk.night).await;
    assert!(!decide(&page).await.contains("/notices/"), "signed");
    assert!(!desk.officer.page(&summary).await.1.contains("待补签"));
}

#[rstest]
#[tokio::test]
async fn the_list_keeps_its_filter_says_the_day_and_leaves_as_a_sheet_and_recipients_are_paged(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let id = desk.issued().await;
    desk.settle().await;
    desk.night.signal("east", Some("red"), "发布", &["440303002"]).await;
    let east = json!({"process": desk.process, "areas": ["440303002"]});
    assert_eq!(desk.officer.post("/api/v1/notices", east).await.0, 201);
    let query = format!("state=in_force,unissued&process={}", desk.process);
    let (_, page) = desk.officer.page(&format!("/notices?{query}&limit=1")).await;
    let next = format!("state={}&amp;process={}", percent("in_force,unissued"), percent(&desk.process));
    assert!(page.contains(&format!("{next}&amp;page=2&amp;limit=1")) && page.contains("9月1日"), "{page}");
    let titles = |page: &str| page.matches("href=\"/notices/wp-").count();
    let first = desk.officer.page("/notices").await.1.matches("href=\"/notices/wp-").count();
    for (query, fewer) in [("sort=number", 0), ("sort=changed", 0), ("sort=state&q=台风", 0), ("q=nothing", 2)] {
        let (status, page) = desk.officer.page(&format!("/notices?{query}")).await;
        assert_eq!((status, titles(&page) + fewer), (200, first), "{query}: {page}");
        assert!(page.contains("/notices/export.xlsx?"), "the sheet keeps what is looked for: {page}");
    }
    let ids = async |sort: &str| {
        let (_, list) = desk.officer.get(&format!("/api/v1/notices?sort={sort}")).await;
        list["items"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (newest, in_force) = (ids("newest").await, ids("state").await);
    assert_eq!((newest.len(), in_force[0].as_str()), (2, id.as_str()), "what is in force stands first");
    assert_eq!(newest.iter().rev().collect::<Vec<_>>(), in_force.iter().collect::<Vec<_>>());
    let (status, sheet) = desk.officer.page(&format!("/notices/export.xlsx?{query}")).await;
    assert!(status == 200 && sheet.starts_with("PK"), "{status}");

    let (_, page) = desk.officer.page(&format!("/notices/{id}")).await;
    assert!(page.contains("told=delivered#recipients") && page.contains("street-1值班室"), "{page}");
    let (_, none) = desk.officer.page(&format!("/notices/{id}?told=failed")).await;
    let list = &none[none.find("id=\"recipients\"").unwrap()..none.find("id=\"history\"").unwrap()];
    assert!(!list.contains("street-1值班室") && list.contains("told=delivered"), "{list}");
    let (_, beyond) = desk.officer.page(&format!("/notices/{id}?page=2")).await;
    let list = &beyond[beyond.find("id=\"recipients\"").unwrap()..beyond.find("id=\"history\"").unwrap()];
    assert!(!list.contains("street-1值班室"), "{list}");
    assert_eq!(callees(&desk.told(&id, "?state=delivered").await).len(), 2);
    assert_eq!(desk.told(&id, "?state=asleep").await["code"], "bad_state");
}

#[rstest]
#[tokio::test]
async fn a_submitted_paper_asks_the_signers_one_after_the_other_until_it_is_signed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::on(engine).await;
    let leaders = Roster::default().person("boss", DISTRICT, Rank::Lead, Some("10")).person(
        "vice",
        DISTRICT,
        Rank::DeputyA,
        Some("11"),
    );
    desk.night.roster(leaders).await;
    let id = id(&desk.draft().await);
    let asked = |short: &str| {
        let words = desk.night.words_to(&long(short));
        words.iter().filter(|it| it.contains("待签发，请看稿签发") && it.contains("/sign")).count()
    };
    desk.settle().await;
    assert_eq!(asked("10"), 0, "a draft asks nobody");
    desk.officer(&id, "submit", json!({})).await;
    let mut counts = Vec::new();
    for _ in 0..4 {
        desk.night.until(desk.night.world.now().plus(Duration::from_secs(60))).await;
        counts.push((asked("10"), asked("11")));
        desk.night.until(desk.night.world.now().plus(Duration::from_secs(540))).await;
    }
    assert_eq!(counts, [(1, 0), (2, 0), (2, 1), (2, 2)], "twice each");
    assert_eq!(desk.leader.post(&format!("/api/v1/notices/{id}/refuse"), json!({"reason": "漏了莲塘"})).await.0, 200);
    desk.officer(&id, "submit", json!({})).await;
    desk.settle().await;
    assert_eq!(asked("10"), 3, "submitted again it begins anew");
    desk.sign(&id).await;
    desk.night.until(desk.night.world.now().plus(Duration::from_secs(3_600))).await;
    assert_eq!((asked("10"), asked("11")), (3, 2), "signed");
}
