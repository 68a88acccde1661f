//! A signal pasted at the duty desk wakes whom it concerns.

mod night;

use anlan_monitor::Signal;
use anlan_testbed::Engine;
use anlan_warn::{Process, model::RoundState};
use anlan_web::percent;
use night::{DISTRICT, Night, Roster, Setting, caller::Caller};
use reqwest::{Method, header::CONTENT_TYPE};
use rstest::rstest;

const TEXT: &str = "深圳市气象台9月1日11时55分发布台风红色预警信号";

async fn night(engine: Engine) -> Night {
    let night = Setting::on(engine).begin().await;
    night.roster(Roster::rooms()).await;
    night
}

async fn paste(officer: &Caller, fields: &[(&str, &str)]) -> (u16, String) {
    let form: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
    let request = officer.request(Method::POST, "/signals/new").header("accept", "text/html");
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.join("&"));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn signals(night: &Night) -> Vec<Signal> {
    night.read(|tx| tx.find("1 = 1", "ORDER BY id", &[])).await
}

async fn processes(night: &Night) -> Vec<Process> {
    night.read(|tx| tx.find("1 = 1", "ORDER BY id", &[])).await
}

#[rstest]
#[case::district("duty_officer", DISTRICT, DISTRICT)]
#[case::street("street_officer", "440303001", "440303001")]
#[tokio::test]
async fn a_pasted_red_signal_opens_a_process_and_its_round(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] role: &str,
    #[case] region: &str,
    #[case] area: &str,
) {
    let night = night(engine).await;
    let officer = Caller::with(&night, role, Some(region)).await;
    let (status, form) = officer.send(Method::GET, "/signals/new", None, "text/html").await;
    assert_eq!(status, 200, "{form}");
    let chosen: Vec<_> =
        form.split("name=\"areas\" value=\"").skip(1).map(|it| it.split('>').next().unwrap()).collect();
    assert_eq!(chosen[0], format!("{area}\" checked"), "the own area is chosen");
    assert!(chosen[1..].iter().all(|it| !it.contains("checked")) && !form.contains("440303001001"), "{chosen:?}");
    assert_eq!(paste(&officer, &[("text", TEXT), ("areas", area)]).await.0, 303);
    let round = night.round(1).await;
    assert_eq!((round.state, round.areas[0].as_str()), (RoundState::Pending, area));
    assert_eq!(night.process().await.hazard, "typhoon");
}

#[rstest]
#[tokio::test]
async fn the_same_signal_pasted_twice_says_that_it_came_before(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = night(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let fields = [("text", TEXT), ("areas", "440303001"), ("areas", "440303002")];
    assert_eq!(paste(&officer, &fields).await.0, 303);
    let (status, page) = paste(&officer, &fields).await;
    let known = signals(&night).await;
    let areas: Vec<_> = known[0].areas.iter().map(ToString::to_string).collect();
    assert_eq!((status, known.len(), areas), (200, 1, vec!["440303001".to_owned(), "440303002".to_owned()]));
    let link = format!("/signals/{}/forwards", percent(&known[0].id));
    for words in ["已收到过", &known[0].received_at.wall(), &link] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[rstest]
#[case::nothing_chosen(&[("text", TEXT)], 422, 0)]
#[case::both(&[("text", TEXT), ("areas", DISTRICT), ("elsewhere", "1")], 422, 0)]
#[case::elsewhere(&[("text", TEXT), ("elsewhere", "1")], 303, 1)]
#[case::out_of_scope(&[("text", TEXT), ("areas", "440304")], 403, 0)]
#[case::no_code(&[("text", TEXT), ("areas", "罗湖")], 422, 0)]
#[tokio::test]
async fn whoever_says_no_area_says_so(#[case] fields: &[(&str, &str)], #[case] status: u16, #[case] stored: usize) {
    let night = night(Engine::Sqlite).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let (answer, page) = paste(&officer, fields).await;
    assert_eq!((answer, signals(&night).await.len(), processes(&night).await.len()), (status, stored, 0), "{page}");
    assert!(status != 422 || page.contains(TEXT), "what was written stays in the form");
}

#[rstest]
#[tokio::test]
async fn plain_text_of_an_officer_opens_a_process(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = night(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let taken = officer.request(Method::POST, "/api/v1/signals").body(TEXT).send().await.unwrap();
    assert_eq!(taken.status().as_u16(), 201);
    assert_eq!(night.round(1).await.areas[0].as_str(), DISTRICT);
}

#[rstest]
#[tokio::test]
async fn a_cancel_without_words_proposes_the_stand_down(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = night(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let send = async |body: String| {
        let answer = officer.request(Method::POST, "/api/v1/signals").body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 201, "{}", answer.text().await.unwrap());
    };
    let head = |id: &str, sent: &str, kind: &str| {
        format!(
            "<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'><identifier>{id}</identifier><sender>qx@example.org</sender>\
             <sent>2023-09-01T{sent}:00+08:00</sent><status>Actual</status><msgType>{kind}</msgType><scope>Public</scope>"
        )
    };
    send(format!(
        "{}<info><language>zh-CN</language><category>Met</category><event>台风</event><urgency>Immediate</urgency>\
         <severity>Extreme</severity><certainty>Observed</certainty><senderName>市气象台</senderName>\
         <headline>台风红色预警</headline><description>台风红色预警</description><area><areaDesc>罗湖区</areaDesc>\
         <geocode><valueName>行政区划</valueName><value>{DISTRICT}</value></geocode></area></info></alert>",
        head("a-1", "11:50", "Alert")
    ))
    .await;
    assert!(!night.process().await.stand_down_proposed);
    let refers = "<references>qx@example.org,a-1,2023-09-01T11:50:00+08:00</references>";
    send(format!("{}{refers}</alert>", head("a-2", "11:55", "Cancel"))).await;
    let process = night.process().await;
    assert!(process.stand_down_proposed && process.open, "proposed, and nothing lifted by itself");
}
