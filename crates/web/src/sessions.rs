//! Open sessions (登录会话): which browsers are logged in, since when, and how one of them is ended.

use anlan_kernel::{Actor, Instant, Lang, Problem};
use anlan_store::{Event, StoreError, Tx, Urgency, World, real_now};
use axum::http::{HeaderMap, header};
use maud::{Markup, html};
use serde::Serialize;
use serde_json::json;

use crate::{
    Site, headers, secret,
    session::IDLE,
    store::{self, Session},
};

/// A session as lists show it; nothing in it opens anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Open {
    /// Its handle.
    pub id: String,
    /// Browser and system, as the browser says.
    pub device: String,
    /// Since when.
    pub made_at: Instant,
    /// Last use, to the minute.
    pub seen_at: Instant,
    /// Whether it is the one that asks.
    pub here: bool,
}

const BROWSERS: &[(&str, &str)] = &[
    ("wxwork", "WeCom"),
    ("MicroMessenger", "WeChat"),
    ("DingTalk", "DingTalk"),
    ("QQBrowser", "QQ Browser"),
    ("QIHU", "360"),
    ("360SE", "360"),
    ("Edg", "Edge"),
    ("Firefox", "Firefox"),
    ("OPR", "Opera"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
];
const SYSTEMS: &[(&str, &str)] = &[
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
];

/// What a browser says it is, in a word or two: `Chrome · Windows`; empty where it says nothing known.
pub fn device(headers: &HeaderMap) -> String {
    let said = headers::text(headers, header::USER_AGENT).unwrap_or_default();
    let named = |known: &[(&str, &'static str)]| known.iter().find(|it| said.contains(it.0)).map(|it| it.1);
    [named(BROWSERS), named(SYSTEMS)].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Sessions of an account that are open now, used last first; `own` is the digest of the one that asks.
pub async fn list(world: &World, by: &Actor, login: &str, own: Option<&str>) -> Result<Vec<Open>, StoreError> {
    let (login, own) = (login.to_owned(), own.map(str::to_owned));
    world.read(by, move |tx| Ok(open(tx, &login)?.iter().map(|it| shown(it, own.as_deref())).collect())).await
}

/// Ends one session of an account.
pub async fn end(world: &World, by: &Actor, login: &str, id: &str) -> Result<(), StoreError> {
    let (login, id) = (login.to_owned(), id.to_owned());
    world
        .write("session.end", Urgency::Urgent, by, move |tx| {
            let found = open(tx, &login)?.into_iter().find(|it| handle(&it.hash) == id).ok_or_else(missing)?;
            store::session_close(tx, &found.hash)?;
            tx.record(Event::new("session.ended", &login).detail(json!({"sessions": 1})))
        })
        .await
}

/// Ends the sessions of an account, except the one with the digest `own`; says how many.
pub async fn end_others(world: &World, by: &Actor, login: &str, own: Option<&str>) -> Result<usize, StoreError> {
    let (login, own) = (login.to_owned(), own.map(str::to_owned));
    world
        .write("session.end", Urgency::Urgent, by, move |tx| {
            let others = open(tx, &login)?.into_iter().filter(|it| Some(&it.hash) != own.as_ref()).collect::<Vec<_>>();
            for other in &others {
                store::session_close(tx, &other.hash)?;
            }
            if !others.is_empty() {
                tx.record(Event::new("session.ended", &login).detail(json!({"sessions": others.len()})))?;
            }
            Ok(others.len())
        })
        .await
}

/// The list with its buttons; `path` is where they go.
pub fn table(site: &Site, lang: Lang, path: &str, sessions: &[Open]) -> Markup {
    let heads = match lang {
        Lang::Zh => ["设备", "登录于", "最近使用"],
        Lang::En => ["Device", "Logged in", "Last used"],
    };
    html! {
        div.scroll tabindex="0" {
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } td {} } }
                tbody { @for it in sessions { tr {
                    td { (words(&it.device, lang)) @if it.here { " " span.tag { (lang.pick("本窗口", "this window")) } } }
                    td.num { (it.made_at.wall()[..16]) }
                    td.num { (it.seen_at.wall()[..16]) }
                    td { @if !it.here {
                        form method="post" action=(site.url(&format!("{path}/{}/end", it.id))) {
                            button.quiet type="submit" { (lang.pick("结束", "End")) }
                        }
                    } }
                } } }
            }
            @if sessions.is_empty() { p.soft { (lang.pick("没有登录中的窗口", "no open session")) } }
        }
    }
}

fn words<'a>(device: &'a str, lang: Lang) -> std::borrow::Cow<'a, str> {
    match (device, lang) {
        ("", Lang::Zh) => "未知设备".into(),
        ("", Lang::En) => "unknown device".into(),
        (it, Lang::Zh) => it.replace("WeCom", "企业微信").replace("WeChat", "微信").replace("DingTalk", "钉钉").into(),
        (it, Lang::En) => it.into(),
    }
}

fn open(tx: &mut Tx<'_>, login: &str) -> Result<Vec<Session>, StoreError> {
    let now = real_now();
    let all = store::session_list(tx, login, now)?;
    Ok(all.into_iter().filter(|it| now.since(it.seen_at) < IDLE).collect())
}

fn shown(it: &Session, own: Option<&str>) -> Open {
    Open {
        id: handle(&it.hash),
        device: it.device.clone(),
        made_at: it.made_at,
        seen_at: it.seen_at,
        here: own == Some(it.hash.as_str()),
    }
}

/// Names a session without telling under which digest it is stored.
fn handle(hash: &str) -> String {
    secret::digest("session handle", hash)[..24].to_owned()
}

fn missing() -> Problem {
    Problem::new("no_such_session", "这个登录窗口已结束", "this session is over")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_in_a_word_or_two() {
        for (said, want) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36 Edg/109.0",
                "Edge · Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 12) AppleWebKit/537.36 Chrome/86.0 Mobile Safari/537.36 MicroMessenger/8.0",
                "WeChat · Android",
            ),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) Version/16.0 Safari/604.1", "Safari · iPhone"),
            ("curl/8.5", ""),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, said.parse().unwrap());
            assert_eq!(device(&headers), want);
        }
        assert_eq!(device(&HeaderMap::new()), "");
    }
}
