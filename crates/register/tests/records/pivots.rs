//! Every number of a pivot is the count or the sum of the list that it leads to.

use anlan_testbed::Engine;
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::yard::{Yard, street};

async fn yard_of(engine: Engine) -> Yard {
    let yard = Yard::new(engine).await;
    let rows = (0..60).map(|it| {
        let mut uses = [["A", "A1", "A2", "B"][it % 4], "B"][..1 + it % 2].to_vec();
        uses.dedup();
        let mut fields = json!({"code": format!("P{it}"), "name": "x", "power": it, "uses": uses});
        if it % 5 > 0 {
            fields["risk"] = json!(((it % 4) + 1).to_string());
        }
        if it % 3 > 0 {
            fields["made"] = json!(format!("2021-0{}-1{}", 1 + it % 4, it % 7));
        }
        (street(it / 3), fields)
    });
    yard.fill("pump", rows.collect()).await;
    yard
}

fn link_of(page: &str, from: usize) -> Option<(&str, &str, usize)> {
    let start = page[from..].find("<td class=\"num\"><a href=\"")? + from + 25;
    let end = page[start..].find('"')? + start;
    let close = page[end..].find("</a>")? + end;
    Some((&page[start..end], &page[end + 2..close], close))
}

#[rstest]
#[case("rows=region")]
#[case("rows=community&columns=f.risk")]
#[case("rows=f.risk&columns=f.uses")]
#[case("rows=f.uses&columns=region&value=sum:f.power")]
#[case("rows=f.made&columns=f.open&f.made.min=2021-02-12")]
#[case("rows=region&columns=f.risk&region=440303001001&f.power.min=9")]
#[tokio::test]
async fn a_pivot_is_its_list(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine, #[case] query: &str) {
    let yard = yard_of(engine).await;
    let officer = yard.caller("duty_officer", "440303").await;
    let pivot = officer.get(&format!("/api/v1/register/pump/pivot?{query}")).await.json();
    let rest: Vec<_> = query
        .split('&')
        .filter(|it| !["rows", "columns", "value"].iter().any(|name| it.starts_with(&format!("{name}="))))
        .collect();
    let list = officer.get(&format!("/api/v1/register/pump?{}", rest.join("&"))).await.json();
    assert_eq!(pivot["total"]["count"], list["count"], "{pivot}");
    if !query.contains("f.uses") {
        let sum = |name: &str| {
            pivot[name].as_array().unwrap().iter().map(|it| it["figure"]["count"].as_i64().unwrap()).sum::<i64>()
        };
        assert_eq!(Some(sum("of_rows")), list["count"].as_i64());
        assert_eq!(Some(sum("cells")), list["count"].as_i64());
    }
    let page = officer.get(&format!("/register/pump/pivot?{query}")).await.text();
    assert!(page.contains("<svg") && !page.contains("style="), "the chart has no style of its own");
    let (mut at, mut links) = (0, 0);
    while let Some((to, number, next)) = link_of(&page, at) {
        at = next;
        links += 1;
        let to = to.replace("&amp;", "&").replace("/register/", "/api/v1/register/");
        let list = officer.get(&format!("{to}&limit=1000")).await.json();
        let items = list["items"].as_array().unwrap_or_else(|| panic!("{to}: {list}"));
        #[expect(clippy::cast_precision_loss)]
        let want = if query.contains("sum:") {
            items.iter().filter_map(|it| it["fields"]["power"].as_f64()).sum()
        } else {
            items.len() as f64
        };
        assert!((number.parse::<f64>().unwrap() - want).abs() < 1e-6, "{to} {number} {want}");
    }
    assert!(links > 2, "{page}");
    let sheet = officer.get(&format!("/register/pump/pivot.xlsx?{query}")).await;
    assert_eq!((sheet.status, &sheet.body[..2]), (200, &b"PK"[..]));
}

#[tokio::test]
async fn a_pivot_of_what_cannot_be_grouped_says_so() {
    let yard = yard_of(Engine::Sqlite).await;
    let officer = yard.caller("duty_officer", "440303").await;
    for (query, code) in [
        ("rows=f.power", "bad_axis"),
        ("rows=f.secret", "bad_axis"),
        ("rows=region&value=sum:f.risk", "bad_value"),
        ("rows=region&x=1", "bad_condition"),
    ] {
        assert_eq!(
            officer.get(&format!("/api/v1/register/pump/pivot?{query}")).await.refusal(),
            (400, code.to_owned()),
            "{query}"
        );
    }
    let kept: Json = crate::yard::send(
        &officer,
        axum::http::Method::POST,
        "/api/v1/register/pump/views",
        &json!({"name": "透视", "query": "rows=f.risk&columns=region&f.power.min=3"}),
    )
    .await
    .json();
    assert_eq!(kept["query"], "f.power.min=3&rows=f.risk&columns=region");
}
