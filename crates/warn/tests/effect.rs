//! What came of a process: figures that add up, one timeline, papers that write themselves.

mod night;

use anlan_kernel::{Actor, Instant};
use anlan_monitor::ingest::{Allowed, Sender};
use anlan_store::{journal, params};
use anlan_testbed::Engine;
use anlan_web::percent;
use night::{
    DISTRICT, Night, at,
    caller::{Caller, red},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

/// The night of [`red`] to its end, everything sealed.
async fn over(engine: Engine) -> Night {
    let night = red(engine).await;
    night.to_the_end().await;
    seal(&night).await;
    night
}

async fn seal(night: &Night) {
    while journal::seal(&night.world, None).await.unwrap() > 0 {}
}

fn count(it: &Json) -> i64 {
    it.as_i64().unwrap()
}

fn sum(rows: &Json, name: &str) -> i64 {
    rows.as_array().unwrap().iter().map(|it| count(&it[name])).sum()
}

/// The words of a page as they are read from top to bottom, without what changes from run to run.
fn words(page: &str) -> String {
    let body = &page[page.find("<main").unwrap()..page.find("</main>").unwrap()];
    let mut text = String::new();
    let (mut inside, mut tag) = (false, String::new());
    for letter in body.chars() {
        match letter {
            '<' => (inside, tag) = (true, String::new()),
            '>' => {
                inside = false;
                let name = tag.split(' ').next().unwrap_or_default();
                match name {
                    "/p" | "/h1" | "/h2" | "/tr" | "/pre" | "/div" => text.push('\n'),
                    "/td" | "/th" => text.push_str(" | "),
                    _ => {}
                }
            }
            _ if inside => tag.push(letter),
            _ => text.push(letter),
        }
    }
    let text = text.replace("&quot;", "\"").replace("&amp;", "&");
    let lines: Vec<_> =
        text.lines().map(|it| it.trim().trim_end_matches('|').trim()).filter(|it| !it.is_empty()).collect();
    masked(&lines.join("\n")) + "\n"
}

/// Digests and signatures hang on keys made for each run.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_hexdigit() {
            run.push(letter);
            continue;
        }
        out.push_str(if run.len() >= 64 { "#" } else { &run });
        run.clear();
        out.push(letter);
    }
    out.trim_end().to_owned()
}

/// Compares with the committed text; with ANLAN_WRITE=1 writes it.
fn same_as_committed(name: &str, text: &str) {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var("ANLAN_WRITE").is_ok() {
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, committed, "{path} says otherwise");
}

#[rstest]
#[tokio::test]
async fn figures_add_up_with_the_round_and_open_as_many_calls_as_they_say(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = over(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let (process, round) = (night.process().await.id, night.round(1).await.id);
    let (status, effect) = officer.get(&format!("/api/v1/processes/{process}/effect")).await;
    assert_eq!(status, 200, "{effect}");
    let (_, counts) = officer.get(&format!("/api/v1/rounds/{round}")).await;
    let total = &effect["total"];
    assert_eq!(
        (&total["called"], &total["open"], &total["final"]),
        (&counts["called"], &counts["open"], &counts["final"])
    );
    assert_eq!(count(&total["called"]), 8);
    for group in &effect["groups"].as_array().unwrap()[..2] {
        assert_eq!(sum(&group["rows"], "called"), 8, "{group}");
    }
    let channels = &effect["groups"][2]["rows"];
    assert_eq!(sum(channels, "reached"), count(&total["reached"]), "{channels}");
    for group in effect["groups"].as_array().unwrap() {
        for row in group["rows"].as_array().unwrap() {
            let filter = row["filter"].as_str().unwrap();
            let (_, list) = officer.get(&format!("/api/v1/calls?round={round}{filter}")).await;
            assert_eq!(
                list["items"].as_array().unwrap().len(),
                usize::try_from(count(&row["called"])).unwrap(),
                "{row}"
            );
            assert_eq!(officer.page(&format!("/rounds/{round}?{}", &filter[1..])).await.0, 200);
        }
    }
    let median = count(&total["from_ring"]["median_s"]);
    let slower = format!("/api/v1/calls?round={round}&state=answered,heard_in_full&ring_over={median}");
    let (_, slower) = officer.get(&slower).await;
    let measured = count(&total["from_ring"]["count"]);
    assert!(
        slower["items"].as_array().unwrap().len() as i64 <= measured / 2,
        "half at most took longer than the median"
    );
    let last = effect["curve"].as_array().unwrap().last().unwrap();
    assert_eq!(count(&last["reached"]), count(&total["final"]["answered"]) + count(&total["final"]["heard_in_full"]));
    assert!(count(&effect["lines"]) >= 1);
    assert_eq!(officer.get(&format!("/api/v1/calls?round={round}&ring_over=x")).await.1["code"], "bad_seconds");
    assert_eq!(officer.get(&format!("/api/v1/processes/{process}/effect?region=abc")).await.1["code"], "bad_region");
    assert_eq!(officer.get(&format!("/api/v1/processes/{process}/effect?round=none")).await.0, 404);
}

#[rstest]
#[tokio::test]
async fn an_analysis_reads_as_a_page_and_leaves_as_a_sheet(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = over(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let process = night.process().await.id;
    let (status, page) = officer.page(&format!("/processes/{process}/effect")).await;
    assert_eq!(status, 200);
    for part in ["叫应效能分析", "应叫", "<svg", "按区划", "按层级", "按渠道", "连续未接通", "口径"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("&amp;via=voice") && page.contains("state=answered,heard_in_full"), "{page}");
    let (_, street) = officer.get(&format!("/api/v1/processes/{process}/effect?region=440303002")).await;
    let (_, all) = officer.get(&format!("/api/v1/processes/{process}/effect")).await;
    assert!(count(&street["lines"]) < count(&all["lines"]), "a street's sheet counts the lines of its own calls");
    assert!(!page.contains(" style="), "the content policy refuses inline styles");
    let (status, sheet) = officer.page(&format!("/processes/{process}/effect.xlsx")).await;
    assert!(status == 200 && sheet.starts_with("PK"), "{status}");
    // Before anybody was called the analysis is empty, and no figure is made up.
    let early = red(engine).await;
    let officer = Caller::with(&early, "duty_officer", Some(DISTRICT)).await;
    let process = early.process().await.id;
    let (status, effect) = officer.get(&format!("/api/v1/processes/{process}/effect")).await;
    assert_eq!((status, count(&effect["total"]["called"]), &effect["minute_50"]), (200, 0, &Json::Null));
    assert_eq!(officer.page(&format!("/processes/{process}/effect")).await.0, 200);
}

#[rstest]
#[tokio::test]
async fn a_street_measures_its_own_people_only(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = over(engine).await;
    let street = Caller::with(&night, "street_officer", Some("440303001")).await;
    let elsewhere = Caller::with(&night, "street_officer", Some("440304001")).await;
    let process = night.process().await.id;
    let (_, effect) = street.get(&format!("/api/v1/processes/{process}/effect")).await;
    assert_eq!((count(&effect["total"]["called"]), effect["region"].as_str()), (4, Some("440303001")));
    for path in ["", "/effect", "/summary", "/timeline"] {
        assert_eq!(elsewhere.get(&format!("/api/v1/processes/{process}{path}")).await.0, 404, "{path}");
    }
    let (_, lines) = street.get(&format!("/api/v1/processes/{process}/timeline?limit=500")).await;
    let help = lines["items"].as_array().unwrap().iter().filter(|it| it["event"] == "help.asked");
    assert_eq!(help.count(), 0, "who asked for help is of the other street");
}

#[rstest]
#[tokio::test]
async fn one_timeline_tells_signals_rounds_silence_and_help(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = over(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let process = night.process().await.id;
    let address = format!("/api/v1/processes/{process}/timeline");
    let (status, all) = officer.get(&format!("{address}?limit=500")).await;
    assert_eq!(status, 200, "{all}");
    let items = all["items"].as_array().unwrap();
    let events: Vec<&str> = items.iter().map(|it| it["event"].as_str().unwrap()).collect();
    for event in [
        "signal.received",
        "process.opened",
        "round.proposed",
        "round.started",
        "round.done",
        "calls.ended",
        "help.asked",
    ] {
        assert!(events.contains(&event), "{event} in {events:?}");
    }
    let times: Vec<&str> = items.iter().map(|it| it["at"].as_str().unwrap()).collect();
    assert!(times.windows(2).all(|it| it[0] >= it[1]), "newest first: {times:?}");
    let help = items.iter().find(|it| it["event"] == "help.asked").unwrap();
    assert_eq!((help["name"].as_str(), help["words"]["zh"].as_str()), (Some("人员east"), Some("有险情、需支援")));
    let ended: Vec<_> = items.iter().filter(|it| it["event"] == "calls.ended").collect();
    for line in &ended {
        let (words, opens) = (line["words"]["zh"].as_str().unwrap(), line["opens"].as_str().unwrap());
        let said: usize = words.split(' ').next().unwrap().parse().unwrap();
        let (round, query) = opens.trim_start_matches("/rounds/").split_once('?').unwrap();
        let (_, list) = officer.get(&format!("/api/v1/calls?round={round}&{query}")).await;
        assert_eq!(list["items"].as_array().unwrap().len(), said, "{line}");
    }
    let (_, rounds) = officer.get(&format!("{address}?kind=round&limit=2")).await;
    assert_eq!(rounds["items"].as_array().unwrap().len(), 2);
    let next = percent(rounds["next"].as_str().unwrap());
    let (_, more) = officer.get(&format!("{address}?kind=round&cursor={next}")).await;
    let seen: Vec<_> = more["items"].as_array().unwrap().iter().map(|it| it["event"].as_str().unwrap()).collect();
    assert_eq!(seen, ["round.proposed"], "a page goes on where the one before ended");
    let (status, page) = officer.page(&format!("/processes/{process}?kind=call")).await;
    assert!(status == 200 && page.contains("未叫通与求助") && page.contains("人员east"), "{page}");
}

#[rstest]
#[tokio::test]
async fn what_must_be_decided_stands_on_top(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(engine).await;
    seal(&night).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let process = night.process().await.id;
    let (_, page) = officer.page(&format!("/processes/{process}")).await;
    let decide = &page[page.find("id=\"decide\"").unwrap()..page.find("id=\"timeline\"").unwrap()];
    assert!(decide.contains("停止本轮") && decide.contains(&at(120).clock()), "{decide}");
    night.until(at(300)).await;
    night.signal("lift", None, "解除", &[DISTRICT]).await;
    seal(&night).await;
    let (_, page) = officer.page(&format!("/processes/{process}")).await;
    let decide = &page[page.find("id=\"decide\"").unwrap()..page.find("id=\"timeline\"").unwrap()];
    for part in ["我来处理", "请决定是否解除叫应", "解除叫应"] {
        assert!(decide.contains(part), "{part}: {decide}");
    }
    assert!(!decide.contains("停止本轮"), "the round is running");
    let street = Caller::with(&night, "street_officer", Some("440303001")).await;
    let (_, page) = street.page(&format!("/processes/{process}")).await;
    assert!(
        !page.contains("停止本轮") && !page.contains("type=\"submit\">解除叫应"),
        "a street decides nothing for the district"
    );
}

#[rstest]
#[tokio::test]
async fn readings_are_drawn_with_their_limits_and_gaps(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(engine).await;
    let (by, process) = (Actor::system("test"), night.process().await.id);
    let csv = "station_id,name_zh,name_en,kind,longitude,latitude,region_code,elevation_m,serves\n\
               peak,山顶,Peak,wind,114.1,22.5,440303,80,440303\nfar,远处,Far,wind,113.1,22.5,440305,80,440305\n";
    night.monitor.import_stations(&by, csv.as_bytes(), false).await.unwrap();
    let rules = "[[rule]]\nid = \"wind\"\ntitle = { zh = \"10 分钟平均风速 ≥ 17.2 m/s\" }\nquantity = \"wind_speed\"\nhazard = \"typhoon\"\n\
                 clear_after = \"1h\"\n[[rule.level]]\ngrade = 3\nwhen = \"last(10m) >= 17.2\"\n";
    night.monitor.set_rules(&by, "wind", rules).await.unwrap();
    let reading = |minute: u64, station: &str, value: f64| json!({"observed_at": at(minute * 60), "station_id": station, "quantity": "wind_speed", "value": value, "unit": "m/s"});
    let sender = Sender { name: "device:peak".into(), way: "http", stations: Allowed::All };
    for minute in (0..180).filter(|it| !(60..120).contains(it)).step_by(10) {
        night.until(at(minute * 60)).await;
        let body = json!([reading(minute, "peak", 10.0 + minute as f64 / 20.0), reading(minute, "far", 30.0)]);
        let answer = night.monitor.take(&sender, body.to_string().as_bytes()).await.unwrap();
        assert_eq!(answer.taken, 2, "{answer:?}");
        night.monitor.judge_until(at(minute * 60)).await.unwrap();
    }
    seal(&night).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let (_, page) = officer.page(&format!("/processes/{process}")).await;
    let charts = &page[page.find("id=\"charts\"").unwrap_or_else(|| panic!("{page}"))..];
    let charts = &charts[..charts.find("</section>").unwrap()];
    for part in ["山顶", "风速", "class=\"limit g3\"", "◆Ⅲ 17.2", "class=\"gap\"", "读数表与限值", "18.5", "m/s"]
    {
        assert!(charts.contains(part), "{part}: {charts}");
    }
    assert!(!charts.contains("远处"), "a station that speaks for elsewhere is not drawn");
    assert!(!page.contains(" style="), "the content policy refuses inline styles");
    assert!(charts.contains("2023-09-01T06:50:00Z"), "the last reading carries its time");
}

#[rstest]
#[tokio::test]
async fn evidence_names_the_journal_entry_of_everything_and_its_look_is_journaled(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = over(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let process = night.process().await.id;
    let address = |person: &str| format!("/api/v1/processes/{process}/evidence/{}", percent(person));
    let (status, found) = officer.get(&address("person:east")).await;
    assert_eq!(status, 200, "{found}");
    let items = found["items"].as_array().unwrap();
    for (part, words) in
        [("received", "列入叫应级别 1"), ("received", "振铃"), ("did", "有险情、需支援"), ("told", "险情告知值班台")]
    {
        let said = |it: &&Json| it["part"] == part && it["words"]["zh"].as_str().unwrap().contains(words);
        assert!(items.iter().any(|it| said(&it)), "{part} {words}: {found}");
    }
    let mut last = 0;
    for item in items {
        let proof = &item["proof"];
        let (position, hash) = (count(&proof["position"]), proof["hash"].as_str().unwrap_or_else(|| panic!("{item}")));
        let entry = night
            .read(move |tx| {
                let rows = tx.query(
                    "SELECT event, hash FROM journal WHERE position = $1 AND {scope:region}",
                    params![position],
                )?;
                Ok((rows[0].text(0)?, anlan_store::hex(&rows[0].blob(1)?)))
            })
            .await;
        assert_eq!((entry.0.as_str(), entry.1.as_str()), (proof["event"].as_str().unwrap(), hash));
        last = last.max(position);
    }
    assert!(count(&found["head"]["position"]) >= last, "the signed head covers every entry");
    let file = night.world.folder().join("one-head");
    std::fs::write(&file, found["head"].to_string()).unwrap();
    seal(&night).await;
    let verified = journal::verify(&night.world, Some(&file)).await.unwrap();
    assert_eq!(verified.findings, [], "what the paper says can be verified");
    let looks = night
        .read(|tx| {
            Ok(tx
                .query("SELECT actor, subject FROM journal WHERE event = 'evidence.seen' AND {scope:region}", &[])?
                .len())
        })
        .await;
    assert_eq!(looks, 1);
    assert_eq!(officer.get(&address("person:nobody")).await.0, 404);
}

#[rstest]
#[tokio::test]
async fn evidence_opens_for_the_person_and_for_whoever_is_above(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let leader = Caller::with(&night, "duty_leader", Some(DISTRICT)).await;
    let street = Caller::with(&night, "street_officer", Some("440303001")).await;
    let keeper = Caller::with(&night, "integrator", Some(DISTRICT)).await;
    night.until(at(200)).await;
    let lead = percent(&night.call(1, "person:lead").await.id);
    let record = format!("/api/v1/calls/{lead}/record");
    assert_eq!(street.post(&record, json!({"how": "reached_on_site"})).await.0, 200);
    seal(&night).await;
    let process = night.process().await.id;
    let address = |person: &str| format!("/api/v1/processes/{process}/evidence/{}", percent(person));
    let own = address("user:street-officer-440303001");
    for (who, want) in [(&street, 200), (&officer, 200), (&leader, 200), (&keeper, 403)] {
        assert_eq!(who.get(&own).await.0, want);
    }
    let (_, found) = street.get(&own).await;
    let did: Vec<_> = found["items"].as_array().unwrap().iter().filter(|it| it["part"] == "did").collect();
    assert_eq!(did[0]["words"]["zh"], "登记上门叫醒 人***", "names of others are masked: {found}");
    assert!(did[0]["proof"]["position"].is_i64());
    let officers = address("user:duty-officer-440303");
    for (who, want) in [(&street, 404), (&officer, 200), (&leader, 200)] {
        assert_eq!(who.get(&officers).await.0, want);
    }
    assert_eq!(officer.get(&address("user:duty-leader-440303")).await.0, 404, "a leader stands above, not below");
    assert_eq!(street.get(&address("person:east")).await.0, 404, "another street's people");
    assert_eq!(street.get(&address("person:lead")).await.0, 200);
}

#[rstest]
#[tokio::test]
async fn evidence_tells_everything_that_was_sent_said_and_reported(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let leader = Caller::with(&night, "duty_leader", Some(DISTRICT)).await;
    let process = night.process().await.id;
    night.until(at(200)).await;
    let call = night.call(1, "person:street").await.id;
    let answer = format!("/api/v1/calls/{}/answer", percent(&call));
    for digit in [2, 3] {
        assert_eq!(officer.post(&answer, json!({"digit": digit, "again": true})).await.0, 200);
    }
    let told = json!({"region": "440303001", "due": 3, "moved": 3});
    let transfer = format!("/api/v1/calls/{}/transfer", percent(&call));
    assert_eq!(officer.post(&transfer, told).await.0, 200);
    let (_, notice) = officer.post("/api/v1/notices", json!({"process": process})).await;
    let notice = notice["id"].as_str().unwrap().to_owned();
    let (status, signed) = leader.post(&format!("/api/v1/notices/{notice}/sign"), json!({})).await;
    assert_eq!(status, 200, "{signed}");
    let signal = night.read(|tx| tx.find::<anlan_monitor::Signal>("1 = 1", "", &[])).await.pop().unwrap().id;
    night.monitor.acknowledge_signal(&night::desk(), &signal).await.unwrap();
    night.monitor.forward_signal(&night::desk(), &signal).await.unwrap();
    night.to_the_end().await;
    night.until(night.world.now().plus(std::time::Duration::from_secs(120))).await;
    seal(&night).await;
    let words = async |person: &str| {
        let (status, found) = officer.get(&format!("/api/v1/processes/{process}/evidence/{}", percent(person))).await;
        assert_eq!(status, 200, "{person}: {found}");
        let items = found["items"].as_array().unwrap();
        items.iter().map(|it| it["words"]["zh"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let street = words("person:street").await;
    for said in ["改口答复“收到、不能到岗”", "结束后补充答复“有险情、需支援”", "报转移人数 区划440303001：应转 3"]
    {
        assert!(street.iter().any(|it| it.contains(said)), "{said}: {street:?}");
    }
    let deputies = street.iter().filter(|it| it.contains("副岗被立即呼叫")).count();
    assert!(deputies <= 1, "danger after 2 calls no deputy again: {street:?}");
    let room = words("room:street-1").await;
    for said in ["风险提示单 罗三防风险〔2023〕1号", "转发的信号原文：台风信号 red"] {
        assert!(room.iter().any(|it| it.contains(said)), "{said}: {room:?}");
    }
}

#[rstest]
#[tokio::test]
async fn who_heard_in_full_is_timed_by_the_end_of_the_message_and_not_of_the_ladder(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let setting = ["900", "901", "902", "10", "11"]
        .iter()
        .fold(night::Setting::on(engine), |setting, short| setting.phone(&night::long(short), "answers:2"));
    let night = setting.phone(&night::long("21"), "heard; sms-none").begin().await;
    let roster = night::Roster::rooms().person("street", "440303001", anlan_register::Rank::Lead, Some("11")).person(
        "lead",
        "440303001001",
        anlan_register::Rank::Lead,
        Some("21"),
    );
    night.roster(roster).await;
    night.red().await;
    night.to_the_end().await;
    let call = night.call(1, "person:lead").await;
    let (heard, ended) = (call.heard_at.unwrap(), call.final_at.unwrap());
    assert_eq!(call.state.name(), "heard_in_full");
    assert!(ended.since(heard) > std::time::Duration::from_secs(60), "the ladder went on: {heard} {ended}");
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let process = night.process().await.id;
    let (_, effect) = officer.get(&format!("/api/v1/processes/{process}/effect?region=440303001001")).await;
    let rang = call.first_rang_at.unwrap();
    let seconds = i64::try_from(heard.since(rang).as_secs()).unwrap();
    assert_eq!(count(&effect["total"]["from_ring"]["median_s"]), seconds, "{effect}");
    let last = effect["curve"].as_array().unwrap().last().unwrap();
    assert!(count(&last["minute"]) < 10, "the curve ends with what is measured: {last}");
}

#[tokio::test]
async fn the_summary_and_the_record_of_duty_read_as_committed() {
    let night = over(Engine::Sqlite).await;
    night.world.clock().move_to(Instant::parse("2023-09-01T13:00:00+08:00").unwrap());
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let process = night.process().await.id;
    let (_, page) = officer.page(&format!("/processes/{process}/summary")).await;
    same_as_committed("summary-zh.txt", &words(&page));
    let (_, page) = officer.page(&format!("/processes/{process}/evidence/{}", percent("person:east"))).await;
    same_as_committed("evidence-zh.txt", &words(&page));
    let english = officer.english();
    let (_, page) = english.page(&format!("/processes/{process}/summary")).await;
    same_as_committed("summary-en.txt", &words(&page));
    let (_, page) = english.page(&format!("/processes/{process}/evidence/{}", percent("person:east"))).await;
    same_as_committed("evidence-en.txt", &words(&page));
}

#[rstest]
#[tokio::test]
async fn every_figure_of_the_summary_opens_something(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = over(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let process = night.process().await.id;
    let (_, summary) = officer.get(&format!("/api/v1/processes/{process}/summary")).await;
    let mut figures = 0;
    for paragraph in summary["paragraphs"].as_array().unwrap() {
        for piece in paragraph["pieces"].as_array().unwrap() {
            let Some(opens) = piece["figure"]["opens"].as_str() else { continue };
            assert_eq!(officer.page(opens).await.0, 200, "{piece}");
            figures += 1;
        }
    }
    assert!(figures > 15, "{figures}: {summary}");
}
