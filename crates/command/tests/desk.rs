//! The desk, forwards, notes and hand-over as officers, units and programs see them.

mod bed;

use anlan_command::{forward::Forward, handover::HandOver, note::Note};
use anlan_testbed::Engine;
use anlan_warn::Round;
use anlan_web::Access;
use bed::{Bed, Caller, PASSWORD, at, percent};
use rstest::rstest;
use serde_json::{Value as Json, json};

const ROUTES: &str = include_str!("data/routes.txt");
/// 已逐项核对.
const READ: &[(&str, &str)] = &[("checked", "1")];

#[tokio::test]
async fn the_routes_are_these_and_each_names_its_access() {
    let bed = Bed::new(Engine::Sqlite).await;
    let access = |it: Access| match it {
        Access::Proof(_) => "Proof".to_owned(),
        it => format!("{it:?}"),
    };
    let mut lines: Vec<String> = bed
        .routes
        .iter()
        .map(|it| format!("{:<5}{:<40}{:<24}{}", it.method, it.path, access(it.access), it.summary.zh))
        .collect();
    lines.sort();
    assert_eq!(lines.join("\n"), ROUTES.trim_end(), "tests/data/routes.txt says otherwise");
}

#[rstest]
#[tokio::test]
async fn a_red_signal_is_the_first_thing_to_do_and_one_key_takes_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let id = bed.signal("red", Some("red"), "发布").await;
    let (_, desk) = officer.get("/api/v1/desk").await;
    let titles: Vec<_> =
        desk["to_do"].as_array().unwrap().iter().map(|it| it["title"]["zh"].as_str().unwrap()).collect();
    assert_eq!(titles, ["签收：台风信号 red", "叫应级别 1 待开始", "防台风：建议启动Ⅰ级响应"]);
    let officers: Vec<_> = desk["on_duty"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(officers, ["人员chen", "人员zhou"]);
    let (status, page) = officer.page("/").await;
    assert_eq!(status, 200);
    for words in [
        "带班领导",
        "人员chen",
        "市气象台台风信号 red",
        "要找的人",
        "data-key=\"1\"",
        "data-key=\"q\"",
        "data-key=\"F2\"",
        "data-key=\"F4\"",
        "data-alarm",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for foreign in ["English", "SMS", "API", "typhoon<", "CAP"] {
        assert!(!page.contains(foreign), "{foreign} on the Chinese desk");
    }
    let first = desk["to_do"][0]["href"].as_str().unwrap();
    assert_eq!(officer.form(first, &[]).await.0, 303);
    let (_, page) = officer.page("/").await;
    assert!(!page.contains("data-alarm"), "acknowledging silences the siren");
    assert!(page.contains("姓名zhou") && page.contains(&format!("/signals/{}/forward", percent(&id))), "{page}");
}

#[rstest]
#[tokio::test]
async fn at_most_seven_things_stand_on_the_desk_and_the_rest_one_key_away(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    for i in 0..9 {
        let note = json!({"words": format!("第{i}件"), "follow_up": "1"});
        assert_eq!(officer.post("/api/v1/telephone-notes", note).await.0, 201);
    }
    let (_, desk) = officer.get("/api/v1/desk").await;
    let shown = desk["to_do"].as_array().unwrap();
    assert_eq!((shown.len(), desk["open"].as_u64()), (3, Some(9)), "two of a kind, and one line for the rest");
    assert_eq!(shown[2]["note"]["zh"], "同类共 7 项，含本项");
    let (_, page) = officer.page("/").await;
    assert!(page.contains("同类共 7 项，含本项") && page.contains("全部 ›"), "nine are two and seven: {page}");
    assert!(!page.contains("同类共 6 项") && !page.contains("第8件</div>"), "{page}");
    assert!(officer.page("/desk/to-do").await.1.contains("第8件"));
}

async fn forwarded(bed: &Bed, officer: &bed::Caller) -> (String, Json) {
    let id = bed.signal("red", Some("red"), "发布").await;
    let path = format!("/api/v1/signals/{}", percent(&id));
    assert_eq!(officer.post(&format!("{path}/acknowledge"), json!({})).await.0, 200);
    assert_eq!(officer.post(&format!("{path}/forward"), json!({})).await.0, 200);
    let (_, list) = officer.get(&format!("{path}/forwards")).await;
    (id, list)
}

#[rstest]
#[tokio::test]
async fn every_unit_a_signal_went_to_has_its_own_receipt(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let (id, list) = forwarded(&bed, &officer).await;
    assert_eq!((list["units"].as_u64(), list["sent"].as_u64(), list["missing"].as_u64()), (Some(3), Some(0), Some(3)));
    let path = format!("/api/v1/signals/{}", percent(&id));

    // Street 1 replies 1; its message and that of the others reach the telephones.
    bed.until(at(600)).await;
    let (_, list) = officer.get(&format!("{path}/forwards")).await;
    let reach = |name: &str| {
        let items = list["items"].as_array().unwrap();
        let found = items.iter().find(|it| it["name"] == format!("{name}值班室")).unwrap();
        found["reach"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (reach("street-1"), reach("street-2"), reach("water")),
        ("received".into(), "delivered".into(), "delivered".into())
    );
    assert_eq!((list["units"].as_u64(), list["sent"].as_u64(), list["missing"].as_u64()), (Some(3), Some(3), Some(2)));
    assert!(list["items"][0]["token_hash"].as_str().unwrap().is_empty());
    assert!(officer.page("/").await.1.contains("已转 3/3 单位 · 2 未签收"));

    // Street 2 taps the link of its message. Looking at it acknowledges nothing.
    let words = bed.words_to("902").into_iter().find(|it| it.contains("/f/")).unwrap();
    assert!(words.contains("转发市气象台：市气象台台风信号 red"), "the original stands unchanged: {words}");
    let link: String = words[words.find("/f/").unwrap()..].chars().take_while(|c| !"）".contains(*c)).collect();
    let stranger = bed.stranger();
    let (status, page) = stranger.page(&link).await;
    assert!(status == 200 && page.contains("street-2值班室") && page.contains("市气象台台风信号 red"), "{page}");
    assert_eq!(stranger.page("/f/guessed").await.0, 404);
    let missing = bed.all::<Forward>().await.iter().filter(|it| it.receipt_at.is_none()).count();
    assert_eq!(missing, 2);
    assert_eq!(stranger.form(&link, &[]).await.0, 200);

    // The member unit says it on the telephone; who answered there is sealed.
    let water = format!("/api/v1/forwards/{}/receipt", percent(&format!("{id}/room:water")));
    assert_eq!(bed.stranger().post(&water, json!({})).await.0, 401);
    assert_eq!(officer.post(&water, json!({"note": "张三接听"})).await.0, 200);
    let (_, list) = officer.get(&format!("{path}/forwards")).await;
    assert_eq!(list["missing"], 0);
    let journal = bed.journal().await;
    assert!(journal.contains("forward.complete") && !journal.contains("张三"), "{journal}");
    assert!(officer.page("/").await.1.contains("已转 3/3 单位 · 全部签收"));
}

#[rstest]
#[tokio::test]
async fn what_is_not_acknowledged_in_time_becomes_a_thing_to_do_and_is_sent_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let (id, _) = forwarded(&bed, &officer).await;
    let late = |desk: &Json| desk.to_string().contains("个单位未签收转发信号");
    bed.until(at(29 * 60)).await;
    assert!(!late(&officer.get("/api/v1/desk").await.1));
    bed.until(at(31 * 60)).await;
    let (_, desk) = officer.get("/api/v1/desk").await;
    assert!(late(&desk) && desk.to_string().contains("2 个单位未签收转发信号"), "{desk}");
    assert!(bed.journal().await.contains("forward.overdue"));
    let (_, sent) = officer.post(&format!("/api/v1/signals/{}/remind", percent(&id)), json!({})).await;
    assert_eq!(sent["sent"], 2, "only those who did not acknowledge");
    bed.settle().await;
    assert_eq!(bed.words_to("902").iter().filter(|it| it.contains("/f/")).count(), 2);
    assert_eq!(bed.words_to("901").iter().filter(|it| it.contains("/f/")).count(), 1);
    assert!(!late(&officer.get("/api/v1/desk").await.1), "the time begins anew");
}

#[rstest]
#[tokio::test]
async fn a_telephone_note_is_sealed_found_exported_and_closes_a_call(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    bed.signal("red", Some("red"), "发布").await;
    bed.until(at(125)).await;
    let (_, calls) = officer.get("/api/v1/calls?open=1&limit=500").await;
    let call = calls["items"].as_array().unwrap().iter().find(|it| it["callee"] == "person:lin").unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(officer.form("/telephone-notes", &[("words", "")]).await.0, 400);
    let fields = [
        ("words", "已到岗，带人去河堤"),
        ("caller", "李四 水务局"),
        ("number", "138 0000 0011"),
        ("call", &call),
        ("follow_up", "1"),
    ];
    assert_eq!(officer.form("/telephone-notes", &fields).await.0, 303);
    let note = bed.one::<Note>().await;
    assert_eq!((note.at, note.taken_by.as_str(), note.call.as_deref()), (at(125), "user:zhou", Some(call.as_str())));
    let (_, closed) = officer.get(&format!("/api/v1/calls/{}", percent(&call))).await;
    assert_eq!(closed["call"]["state"], "recorded_by_colleague");
    let journal = bed.journal().await;
    for word in ["李四", "河堤", "13800000011\""] {
        assert!(!journal.contains(word), "{word} stands in the journal");
    }
    let (_, found) = officer.get(&format!("/api/v1/telephone-notes?q={}", percent("河堤"))).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["items"][0]["number"], "138****0011");
    assert_eq!(officer.get("/api/v1/telephone-notes?q=nobody").await.1["items"], json!([]));
    assert_eq!(officer.get("/api/v1/telephone-notes?from=yesterday").await.1["code"], "bad_day");
    let (status, sheet) = officer.page("/telephone-notes/export.xlsx?open=1").await;
    assert!(status == 200 && sheet.starts_with("PK"));
    assert!(officer.page("/telephone-notes").await.1.contains("李四"));
    assert!(officer.get("/api/v1/desk").await.1.to_string().contains("电话待跟进"));
    assert_eq!(officer.form(&format!("/telephone-notes/{}/done", note.id), &[]).await.0, 303);
    assert!(!officer.get("/api/v1/desk").await.1.to_string().contains("电话待跟进"));
}

#[rstest]
#[tokio::test]
async fn a_hand_over_prints_what_is_open_and_needs_both_officers(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let next = bed.account("he", "duty_officer").await;
    let third = bed.account("luo", "duty_officer").await;
    bed.account("keeper", "register_keeper").await;
    bed.account_in("street", "duty_officer", "440303001").await;
    forwarded(&bed, &officer).await;
    officer.post("/api/v1/telephone-notes", json!({"words": "回拨市三防办", "follow_up": "1"})).await;
    let (_, page) = officer.page("/hand-overs/new").await;
    for words in ["台风信号 red（生效中）", "3 个单位未签收", "级别 1", "待签批", "回拨市三防办"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    let note = bed.one::<Note>().await.id;
    let remark = format!("item:note:{note}");
    assert!(!page.contains("<button class=\"main\" type=\"submit\" data-key"), "no key signs: {page}");
    let words = [("checked", "1"), ("remark", "注意河堤"), (&remark, "八点前")];
    assert_eq!(officer.form("/hand-overs", &words[1..]).await.0, 400, "nobody signs unread");
    assert_eq!(officer.form("/hand-overs", &words).await.0, 303);
    assert_eq!(officer.form("/hand-overs", READ).await.0, 409, "one waits for its second signature");
    assert_eq!(officer.page("/hand-overs/new").await.0, 303, "the same key opens the one that waits");
    let made = bed.one::<HandOver>().await;
    let path = format!("/hand-overs/{}", made.id);
    assert!(officer.get("/api/v1/desk").await.1.to_string().contains("交接班待接班人签字"));
    assert_eq!(officer.form(&format!("{path}/accept"), &[]).await.0, 409, "not by oneself");
    let second = |login: &'static str, password: &'static str| vec![("login", login), ("password", password)];
    let accept = format!("{path}/accept");
    assert_eq!(next.form(&accept, &[]).await.0, 400, "the incoming officer reads it too");
    for (login, password, status, words) in [
        ("he", "wrong", 401, "登录名或口令不对"),
        ("keeper", PASSWORD, 403, "这个账号不是值班账号"),
        ("street", PASSWORD, 409, "这个账号属于另一个值班台"),
        ("zhou", PASSWORD, 409, "接班人须是另一人"),
    ] {
        let (got, page) = officer.form(&accept, &second(login, password)).await;
        assert_eq!(got, status, "{login}: {page}");
        assert!(page.contains(words) && page.contains(&format!("name=\"login\" value=\"{login}\"")), "{login}: {page}");
        assert!(page.contains("未结事项") && page.contains("签字接班"), "the same page: {page}");
    }
    let (status, page) = officer.form(&accept, &second("he", PASSWORD)).await;
    assert!(status == 400 && page.contains("勾选“已逐项核对”"), "nor with their password alone: {page}");
    let (_, said) = next.post(&format!("/api/v1{path}/accept"), json!({})).await;
    assert_eq!((said["code"].as_str(), said["field"].as_str()), (Some("bad_checked"), Some("checked")), "{said}");
    let read = [&second("he", PASSWORD)[..], READ].concat();
    assert_eq!(officer.form(&accept, &read).await.0, 303);
    let (_, page) = officer.page(&format!("{path}?signed=1")).await;
    for words in ["登录的仍是交班人 <b>姓名zhou</b>", "以接班人身份登录：姓名he", "/logout?login=he"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(next.page(&format!("{path}?signed=1")).await.1.contains("现在登录的是接班人 <b>姓名he</b>"));
    let (_, page) = third.page(&format!("{path}?signed=1")).await;
    assert!(page.contains("<b>姓名luo</b>，不是接班人") && page.contains("以接班人身份登录：姓名he"), "{page}");
    let signed = bed.one::<HandOver>().await;
    assert_eq!((signed.incoming.as_deref(), signed.incoming_name.as_deref()), (Some("user:he"), Some("姓名he")));
    assert_eq!(next.post(&format!("/api/v1{path}/accept"), json!({})).await.1["code"], "hand_over_is_closed");
    let (_, page) = next.page(&path).await;
    for words in ["八点前", "注意河堤", "姓名zhou", "姓名he"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(next.page("/hand-overs").await.1.contains("双方已签"));
    let journal = bed.journal().await;
    assert!(journal.contains("hand_over.signed") && journal.contains("hand_over.accepted"));
    assert!(!journal.contains("河堤") && !journal.contains("姓名he"), "what is open and who signed is sealed");
}

#[rstest]
#[tokio::test]
async fn a_graver_round_speaks_for_those_an_earlier_one_did_not_reach(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let silent = async || {
        let (_, desk) = officer.get("/api/v1/desk").await;
        let items = desk["to_do"].as_array().unwrap().clone();
        items.into_iter().filter(|it| it["urgency"] == "silent").collect::<Vec<_>>()
    };
    bed.signal("yellow", Some("yellow"), "发布").await;
    bed.until(at(3 * 3_600)).await;
    assert_eq!(silent().await.len(), 1, "the first round left somebody unreached");
    bed.signal("red", Some("red"), "升级").await;
    bed.until(at(3 * 3_600 + 130)).await;
    let rounds = bed.all::<Round>().await;
    assert_eq!(rounds.len(), 2);
    let first = rounds.iter().min_by_key(|it| it.start_at).unwrap();
    let spoken = silent().await;
    assert!(spoken.iter().all(|it| !it["href"].as_str().unwrap().contains(&*percent(&first.id))), "{spoken:?}");
    let (_, page) = officer.page("/hand-overs/new").await;
    assert!(!page.contains("级别 3"), "what the first round left open is open no more: {page}");
}

#[rstest]
#[tokio::test]
async fn a_notice_stands_among_the_things_to_do_of_whoever_is_to_move_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let leader = bed.account("chen", "duty_leader").await;
    bed.signal("red", Some("red"), "发布").await;
    let process = bed.one::<anlan_warn::Process>().await.id;
    let (status, notice) = officer.post("/api/v1/notices", json!({"process": process})).await;
    assert_eq!(status, 201, "{notice}");
    let path = format!("/api/v1/notices/{}", percent(notice["id"].as_str().unwrap()));
    assert_eq!(officer.post(&format!("{path}/submit"), json!({})).await.0, 200);
    let desk = async |who: &Caller| who.get("/api/v1/desk").await.1["to_do"].to_string();
    assert!(desk(&leader).await.contains("看稿签发") && !desk(&officer).await.contains("看稿签发"));
    assert_eq!(leader.post(&format!("{path}/refuse"), json!({"reason": "写明时间"})).await.0, 200);
    assert!(desk(&officer).await.contains("改稿") && !desk(&leader).await.contains("看稿签发"));
}

#[rstest]
#[tokio::test]
async fn what_rings_rings_on_every_page_until_somebody_took_note(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let rings = async || officer.page("/desk/siren").await.1;
    assert!(!rings().await.contains("data-alarm"));
    let id = bed.signal("red", Some("red"), "发布").await;
    assert!(rings().await.contains("未签收：台风信号 red"));
    let (_, elsewhere) = officer.page("/hand-overs").await;
    assert!(elsewhere.contains("data-src=\"/desk/siren\""), "a page without a desk listens too: {elsewhere}");
    officer.post(&format!("/api/v1/signals/{}/acknowledge", percent(&id)), json!({})).await;
    assert!(!rings().await.contains("data-alarm"));

    bed.until(at(125)).await;
    let calls = bed.all::<anlan_warn::Call>().await;
    let lin = calls.iter().find(|it| it.callee == "person:lin").expect("the deputy is called").id.clone();
    let path = format!("/api/v1/calls/{}/answer", percent(&lin));
    assert_eq!(officer.post(&path, json!({"digit": 3})).await.0, 200);
    assert!(rings().await.contains("bureau报“有险情、需支援”"));
    let (_, page) = officer.page("/").await;
    assert!(page.contains(&format!("data-alarm=\"{lin}\"")), "the thing to do rings as well: {page}");
    let take = format!("/help/{}/take", percent(&lin));
    assert_eq!(officer.form(&take, &[]).await.0, 303);
    assert!(!rings().await.contains("data-alarm"));
}

#[rstest]
#[tokio::test]
async fn whoever_takes_a_request_for_help_stands_with_it_until_its_outcome_is_written(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let other = bed.account("he", "duty_officer").await;
    bed.signal("red", Some("red"), "发布").await;
    bed.until(at(125)).await;
    let calls = bed.all::<anlan_warn::Call>().await;
    let lin = calls.iter().find(|it| it.callee == "person:lin").expect("the deputy is called").id.clone();
    officer.post(&format!("/api/v1/calls/{}/answer", percent(&lin)), json!({"digit": 3})).await;
    let outcome = format!("/help/{}/outcome", percent(&lin));
    assert_eq!(officer.form(&outcome, &[("outcome", "已送沙袋")]).await.0, 409, "nobody took it yet");
    assert_eq!(officer.form(&format!("/help/{}/take", percent(&lin)), &[]).await.0, 303);
    let taken = format!("姓名zhou {} 接手", at(125).clock());
    let to_do = async || other.get("/api/v1/desk").await.1["to_do"].to_string();
    assert!(to_do().await.contains(&taken) && to_do().await.contains("写结果"), "everybody sees who has it");
    assert!(other.page("/hand-overs/new").await.1.contains(&taken), "it is handed over");
    assert_eq!(other.form(&format!("/help/{}/take", percent(&lin)), &[]).await.0, 303, "who came second is led there");
    assert!(other.page(&outcome).await.1.contains("<b>姓名zhou</b>"));
    assert_eq!(officer.form(&outcome, &[("outcome", " ")]).await.0, 400);
    assert_eq!(officer.form(&outcome, &[("outcome", "已送沙袋二十个")]).await.0, 303);
    assert!(!to_do().await.contains("办理中"), "the outcome ends it");
    let (_, page) = other.page("/").await;
    assert!(page.contains("bureau求助结果：已送沙袋二十个"), "{page}");
    assert_eq!(other.form(&outcome, &[("outcome", "再写")]).await.0, 409);
    let journal = bed.journal().await;
    assert!(journal.contains("help.ended") && !journal.contains("沙袋"), "what came of it is sealed");
}

#[rstest]
#[tokio::test]
async fn a_hand_over_that_waits_is_taken_back_by_its_signer(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let next = bed.account("he", "duty_officer").await;
    bed.signal("red", Some("red"), "发布").await;
    let (_, before) = officer.get("/api/v1/hand-overs/open").await;
    assert_eq!(officer.form("/hand-overs", READ).await.0, 303);
    let path = format!("/hand-overs/{}", bed.one::<HandOver>().await.id);
    let withdraw = format!("{path}/withdraw");
    assert_eq!(next.form(&withdraw, &[("reason", "不是我的")]).await.0, 409, "only whoever signed");
    assert_eq!(officer.form(&withdraw, &[("reason", "")]).await.0, 400);
    assert_eq!(officer.form(&withdraw, &[("reason", "老何请假，改交老林")]).await.0, 303);
    assert_eq!(officer.get("/api/v1/hand-overs/open").await.1, before, "what is open is as it was");
    assert!(officer.page(&path).await.1.contains("老何请假，改交老林"));
    assert_eq!(next.form(&format!("{path}/accept"), READ).await.0, 409);
    let journal = bed.journal().await;
    assert!(journal.contains("hand_over.withdrawn") && !journal.contains("老何"), "the reason is sealed");
    bed.until(at(60)).await;
    assert_eq!(officer.form("/hand-overs", READ).await.0, 303, "another one is signed");
}

#[rstest]
#[tokio::test]
async fn wrong_passwords_of_the_second_signature_lock_the_account(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    bed.account("he", "duty_officer").await;
    assert_eq!(officer.form("/hand-overs", READ).await.0, 303);
    let accept = format!("/hand-overs/{}/accept", bed.one::<HandOver>().await.id);
    for _ in 0..5 {
        assert_eq!(officer.form(&accept, &[("login", "he"), ("password", "wrong")]).await.0, 401);
    }
    let (status, page) = officer.form(&accept, &[("login", "he"), ("password", PASSWORD)]).await;
    assert!(status == 429 && page.contains("登录失败次数过多") && page.contains("value=\"he\""), "{page}");
}

#[rstest]
#[tokio::test]
async fn a_lifting_stands_on_the_desk_until_it_is_passed_on(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    bed.signal("red", Some("red"), "发布").await;
    let lifting = bed.signal("over", None, "解除").await;
    let to_do = async || officer.get("/api/v1/desk").await.1["to_do"].to_string();
    assert!(to_do().await.contains("签收：台风信号 over") && !to_do().await.contains("签收：台风信号 red"));
    for verb in ["acknowledge", "forward"] {
        assert!(officer.page("/").await.1.contains("台风信号 over"), "before {verb}");
        let path = format!("/api/v1/signals/{}/{verb}", percent(&lifting));
        assert_eq!(officer.post(&path, json!({})).await.0, 200);
    }
    assert!(!to_do().await.contains("台风信号 over"));
    assert_eq!(bed.all::<Forward>().await.iter().filter(|it| it.signal == lifting).count(), 3, "to every unit");
}

#[rstest]
#[tokio::test]
async fn a_streets_hand_over_holds_up_no_other_desk(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let street = bed.account_in("street", "duty_officer", "440303001").await;
    assert_eq!(street.form("/hand-overs", READ).await.0, 303);
    let waits = bed.one::<HandOver>().await;
    assert!(!officer.get("/api/v1/desk").await.1["to_do"].to_string().contains("交接班待接班人签字"));
    assert_eq!(officer.form("/hand-overs", READ).await.0, 303, "the district hands over meanwhile");
    let (status, said) = officer.post(&format!("/api/v1/hand-overs/{}/accept", waits.id), json!({})).await;
    assert_eq!((status, said["code"].as_str()), (409, Some("another_desk")), "{said}");
    let (_, first) = officer.get("/api/v1/hand-overs?limit=1").await;
    assert_eq!(first["items"].as_array().unwrap().len(), 1);
    let (_, second) =
        officer.get(&format!("/api/v1/hand-overs?limit=1&cursor={}", first["next"].as_str().unwrap())).await;
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"], "the list goes on where it ended");
}

#[rstest]
#[tokio::test]
async fn a_stopped_round_stands_on_every_desk_until_somebody_calls_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let (officer, colleague) = (bed.account("zhou", "duty_officer").await, bed.account("wu", "duty_officer").await);
    bed.signal("red", Some("red"), "发布").await;
    let (_, rounds) = officer.get("/api/v1/rounds").await;
    let round = percent(rounds["items"][0]["id"].as_str().unwrap());
    let (status, answer) = officer.post(&format!("/api/v1/rounds/{round}/stop"), json!({"reason": "误发"})).await;
    assert_eq!(status, 200, "{answer}");
    let (_, page) = colleague.page("/").await;
    for words in ["叫应级别 1 已停止，没有人在叫", "姓名zhou：误发", "叫应停止，级别 1：误发"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    let (status, answer) = officer.post(&format!("/api/v1/rounds/{round}/resume"), json!({"reason": "核实无误"})).await;
    assert_eq!(status / 100, 2, "{answer}");
    let (_, page) = colleague.page("/").await;
    assert!(!page.contains("没有人在叫"), "{page}");
}
