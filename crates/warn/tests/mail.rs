//! Mail against a small real SMTP server: encryption, log-in, what is tried again and what is not.

mod night;

use std::{collections::BTreeMap, time::Duration};

use anlan_kernel::Actor;
use anlan_simulator::{
    MailServer,
    mail::{CERTIFICATE, MailConfig, Tls, Trouble},
};
use anlan_store::{OutboxItem, Sending};
use anlan_testbed::Engine;
use anlan_warn::channel::{Channel, Endpoint, Kind, Matter};
use night::{DISTRICT, Night, Roster, Setting, at, code, desk};
use rstest::rstest;
use serde_json::json;

async fn server(tls: Tls) -> MailServer {
    let login = Some(("duty@luohu.example".to_owned(), "long password".to_owned()));
    MailServer::start(MailConfig { tls, login }).await.unwrap()
}

fn use_mail(night: &Night, server: &MailServer, password: &str) {
    let settings = json!({"from": "duty@luohu.example", "user": "duty@luohu.example", "ca": CERTIFICATE});
    let channel = Channel { settings, max_tries: 3, ..Channel::new("mail", Kind::Mail, &server.url()) };
    night.warn.use_channel(channel, BTreeMap::from([("password".to_owned(), password.to_owned())]));
}

/// A signal of one street, with mailboxes of two streets on a route of the district.
async fn relayed(engine: Engine, tls: Tls, password: &str, troubles: &[Trouble]) -> (Night, MailServer) {
    let setting = Setting { answer_within: Duration::from_secs(3), ..Setting::on(engine) };
    let (night, server) = (setting.begin().await, server(tls).await);
    use_mail(&night, &server, password);
    let by = Actor::system("test");
    night.warn.put_route(&by, Matter::Signal, code(DISTRICT), "mail").await.unwrap();
    for (id, region) in [("street-1", "440303001"), ("street-2", "440303002")] {
        let (channel, name, address) = ("mail".to_owned(), id.to_owned(), format!("{id}@luohu.example"));
        let endpoint =
            Endpoint { id: id.to_owned(), channel, name, region: code(region), address, code: None, enabled: true };
        night.warn.put_endpoint(&by, endpoint).await.unwrap();
    }
    night.roster(Roster::rooms()).await;
    troubles.iter().for_each(|it| server.next(*it));
    let id = night.signal("s1", Some("blue"), "发布", &["440303001"]).await;
    night.monitor.acknowledge_signal(&desk(), &id).await.unwrap();
    night.monitor.forward_signal(&desk(), &id).await.unwrap();
    night.settle().await;
    (night, server)
}

async fn item(night: &Night) -> OutboxItem {
    let mut mails: Vec<_> = night.outbox().await.into_iter().filter(|it| it.kind == "mail").collect();
    assert_eq!(mails.len(), 1, "the other street is told nothing");
    mails.pop().unwrap()
}

fn head<'a>(data: &'a str, name: &str) -> &'a str {
    data.lines().find_map(|it| it.strip_prefix(name)).unwrap_or_default().trim()
}

#[rstest]
#[tokio::test]
async fn a_relayed_signal_reaches_the_mailbox_of_its_street(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(Tls::None, Tls::Start, Tls::Wrapped)] tls: Tls,
) {
    let (night, server) = relayed(engine, tls, "long password", &[]).await;
    let item = item(&night).await;
    assert_eq!((item.state, item.outcome.unwrap()["code"].as_str()), (Sending::Sent, Some("250")));
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].from.as_str(), &mails[0].to),
        ("duty@luohu.example", &vec!["street-1@luohu.example".to_owned()])
    );
    assert_eq!(mails[0].encrypted, tls != Tls::None);
    assert!(head(&mails[0].data, "Message-ID:").ends_with("@luohu.example>"), "{}", mails[0].data);
    assert!(head(&mails[0].data, "Subject:").starts_with("=?utf-8?"), "{}", mails[0].data);
}

#[rstest]
#[case::recipient_later(Trouble::Recipient(450), Sending::Sent, 1)]
#[case::mail_later(Trouble::Data(451), Sending::Sent, 1)]
#[case::recipient_never(Trouble::Recipient(550), Sending::Refused, 0)]
#[case::mail_never(Trouble::Data(554), Sending::Refused, 0)]
#[tokio::test]
async fn four_hundred_is_tried_again_and_five_hundred_is_not(
    #[case] trouble: Trouble,
    #[case] state: Sending,
    #[case] mails: usize,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (night, server) = relayed(engine, Tls::None, "long password", &[trouble]).await;
    let first = item(&night).await;
    assert_eq!(first.state, if mails == 1 { Sending::Queued } else { Sending::Refused });
    assert!(first.outcome.unwrap()["code"].as_str().is_some_and(|it| it.starts_with(['4', '5'])));
    night.until(at(60)).await;
    assert_eq!((item(&night).await.state, server.mails().len()), (state, mails));
}

#[rstest]
#[case::line_breaks(Trouble::Breaks)]
#[case::no_answer(Trouble::Hangs)]
#[tokio::test]
async fn a_mail_in_doubt_is_repeated_once_and_can_be_recognised(
    #[case] trouble: Trouble,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (night, server) = relayed(engine, Tls::None, "long password", &[trouble]).await;
    assert_eq!(item(&night).await.state, Sending::Unknown);
    night.until(at(60)).await;
    assert_eq!(item(&night).await.state, Sending::Sent);
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    let id = |n: usize| head(&mails[n].data, "Message-ID:").to_owned();
    assert_eq!(id(0), id(1), "the same item, the same Message-ID");
    assert_ne!(head(&mails[0].data, "Subject:"), head(&mails[1].data, "Subject:"), "【重复】 in the second");
}

#[rstest]
#[tokio::test]
async fn a_wrong_password_and_a_server_that_is_away_hand_over_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (night, server) = relayed(engine, Tls::Wrapped, "guessed", &[]).await;
    let refused = item(&night).await;
    assert_eq!((refused.state, refused.outcome.unwrap()["code"].as_str()), (Sending::Queued, Some("535")));
    night.until(at(60)).await;
    assert_eq!((item(&night).await.state, server.mails().len()), (Sending::Failed, 0));
    use_mail(&night, &server, "long password");
    let tested = night.warn.test_channel(&Actor::system("test"), "mail", Some("chief@luohu.example")).await.unwrap();
    assert_eq!(tested.state, Sending::Sent, "{tested:?}");
    assert!(!serde_json::to_string(&tested).unwrap().contains("chief@"), "the address stays in memory");
    assert_eq!(server.mails()[0].to, ["chief@luohu.example"]);
}

#[rstest]
#[tokio::test]
async fn mailboxes_come_as_a_table_and_bad_rows_are_named(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (night, _server) = relayed(engine, Tls::None, "long password", &[]).await;
    let by = Actor::system("test");
    let table = "编号,名称,区划代码,邮箱,启用\nstreet-3,黄贝街道办,440303003,hb@luohu.example,是\nStreet 4,x,440303004,a@b.example,是\nstreet-5,东门街道办,44030x,dm@luohu.example,是\nstreet-6,南湖街道办,440303006,nobody,是\n";
    let report = night.warn.import_endpoints(&by, "mail", table.as_bytes(), "x.csv").await.unwrap();
    assert_eq!((report.taken, report.new), (1, 1));
    let places: Vec<_> = report.problems.iter().map(|it| (it.place.row, it.place.field.clone().unwrap())).collect();
    let want = [(Some(3), "编号"), (Some(4), "区划代码"), (Some(5), "邮箱")];
    assert_eq!(places, want.map(|(row, field)| (row, field.to_owned())));
    let again = night.warn.import_endpoints(&by, "mail", table.as_bytes(), "x.csv").await.unwrap();
    assert_eq!((again.new, again.changed, again.same), (0, 0, 1));
}
