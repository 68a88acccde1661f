//! A visitor of the demo as a warden (以责任人身份体验): one callee's line is left to them, in a second
//! window or on a phone. Their page waits, rings when the running round calls this person, and leads to
//! the same answer page everybody gets. Replays only; nothing of it exists in the real world.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant as Wall},
};

use anlan_kernel::{Actor, Lang};
use anlan_register::{Post, callee_title, number_of};
use anlan_simulator::{CarrierClient, carrier::Script};
use anlan_store::{StoreError, Tx, hex, params, random};
use anlan_warn::{Call, Round, model::RoundState};
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Who, asset, phone_page, qr};
use axum::{
    Json,
    extract::{Path, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Serialize;

use crate::{driver::Speed, house::House};

/// Visitors of one demo; every one takes a callee away from the simulation.
const MOST: usize = 20;
/// Community leads looked at.
const CANDIDATES: usize = 300;
/// Numbers of one person.
const NUMBERS: usize = 4;
/// A page that was not heard of for so long is closed.
const GONE: Duration = Duration::from_secs(6);
/// How often it is looked whether a visitor's telephone rings.
const LOOK: Duration = Duration::from_millis(500);

struct Visitor {
    callee: String,
    seen: Wall,
}

/// Everybody who takes part in this demo.
pub struct Visitors {
    house: House,
    carrier: CarrierClient,
    speed: Speed,
    /// The page as a phone in the same network opens it.
    outside: Option<String>,
    bound: Mutex<HashMap<String, Visitor>>,
}

/// What the waiting page asks every second.
#[derive(Debug, Serialize)]
struct Ringing {
    ringing: bool,
    link: Option<String>,
}

/// The pages of visitors; `origin` is where phones find them, if they can.
pub fn routes(house: &House, carrier: CarrierClient, speed: Speed, origin: Option<&str>) -> Mounted {
    let outside = origin.map(|it| format!("{it}{}", house.site.url("/visit")));
    let visitors = Arc::new(Visitors { house: house.clone(), carrier, speed, outside, bound: Mutex::default() });
    tokio::spawn(pace(Arc::downgrade(&visitors)));
    let proof = Access::Proof("the token made for one visitor of the demo");
    Routes::new(&house.site)
        .menu("/visit", "以责任人身份体验", "Be a warden", None)
        .get("/visit", Access::Public, "以责任人身份体验", "Be a warden", offer)
        .post("/visit", Access::Public, "开始体验", "Become a warden", begin)
        .get("/visit/{token}", proof, "等候叫应", "Wait for the call", wait)
        .get("/visit/{token}/state", proof, "是否在叫", "Whether it rings", state)
        .finish(visitors)
}

impl Visitors {
    fn bound(&self) -> std::sync::MutexGuard<'_, HashMap<String, Visitor>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The callee behind a token, which is being looked at now.
    fn callee(&self, token: &str) -> Option<String> {
        let mut bound = self.bound();
        let visitor = bound.get_mut(token)?;
        visitor.seen = Wall::now();
        Some(visitor.callee.clone())
    }

    /// The open call of this callee in a round that runs.
    async fn call_of(&self, callee: &str) -> Result<Option<String>, StoreError> {
        let callee = callee.to_owned();
        self.house
            .world
            .read(&actor(), move |tx| {
                let open: Vec<Call> =
                    tx.find("callee = $1 AND open = 1", "ORDER BY opened_at DESC, id", params![&callee])?;
                for call in open {
                    if tx.get::<Round>(&call.round)?.is_some_and(|it| it.state == RoundState::Running) {
                        return Ok(Some(call.id));
                    }
                }
                Ok(None)
            })
            .await
    }

    async fn ringing(&self) -> Result<bool, StoreError> {
        let here: Vec<String> =
            self.bound().values().filter(|it| it.seen.elapsed() < GONE).map(|it| it.callee.clone()).collect();
        for callee in here {
            if self.call_of(&callee).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn actor() -> Actor {
    Actor::system("visitor")
}

/// While a visitor's telephone rings the night goes at the speed of the clock on the wall, so that there is
/// time to answer; afterwards it goes on as before.
async fn pace(visitors: std::sync::Weak<Visitors>) {
    while let Some(visitors) = visitors.upgrade() {
        match visitors.ringing().await {
            Ok(rings) => visitors.speed.follow(rings),
            Err(error) => tracing::warn!(%error, "nobody knows whether a visitor's telephone rings"),
        }
        drop(visitors);
        tokio::time::sleep(LOOK).await;
    }
}

async fn offer(State(visitors): State<Arc<Visitors>>, who: Who) -> Markup {
    let (lang, site) = (who.lang, &visitors.house.site);
    let words = lang.pick(
        "本次演示里有一位社区责任人的电话由您来接：叫应轮到他时，这个页面会响铃。可另开一个窗口，也可在手机上打开本页。",
        "In this demo one community warden's telephone is yours: when the call-out reaches them, this page rings. Open it in a second window, or on a phone.",
    );
    let body = html! {
        main {
            h1 { (lang.pick("以责任人身份体验", "Be a warden")) }
            p { (words) }
            form method="post" action=(site.url("/visit")) { button.answer.key-1 type="submit" { span { (lang.pick("开始体验", "Begin")) } } }
            @if let Some(address) = &visitors.outside {
                p { (lang.pick("手机接入同一网络，扫码打开：", "A phone in the same network opens it by this code:")) }
                @if let Some(code) = qr(address, lang) { (code) }
                p.small { (address) }
            }
            p.soft { (lang.pick("人员为演示编造，不会拨打任何真实号码。", "The person is invented; no real number is called.")) }
        }
    };
    phone_page(site, lang, lang.pick("以责任人身份体验", "Be a warden"), body)
}

/// Binds one callee to the visitor: the carrier leaves the line to them.
async fn begin(State(visitors): State<Arc<Visitors>>) -> ApiResult<Redirect> {
    let taken: Vec<String> = visitors.bound().values().map(|it| it.callee.clone()).collect();
    let full = || anlan_kernel::Problem::new("demo_is_full", "体验人数已满", "nobody else can take part in this demo");
    if taken.len() >= MOST {
        return Err(full().into());
    }
    let found = visitors.house.world.read(&actor(), move |tx| choose(tx, &taken)).await?;
    let (callee, numbers) = found.ok_or_else(full)?;
    let outside: Script = "never; sms-none".parse()?;
    for number in &numbers {
        visitors.carrier.script(number, outside.clone()).await.map_err(|error| {
            tracing::error!(%error, "the simulated carrier does not leave a line to a visitor");
            ApiError::of(axum::http::StatusCode::SERVICE_UNAVAILABLE)
        })?;
    }
    let token = hex(&random::<16>()?);
    visitors.bound().insert(token.clone(), Visitor { callee, seen: Wall::now() });
    Ok(Redirect::to(&visitors.house.site.url(&format!("/visit/{token}"))))
}

/// A community lead whom nobody calls yet, and their numbers; else any whose telephone is free.
fn choose(tx: &mut Tx<'_>, taken: &[String]) -> Result<Option<(String, Vec<String>)>, StoreError> {
    let leads: Vec<Post> =
        tx.find("level = 'community' AND rank = 'lead'", "ORDER BY region, id LIMIT $1", params![CANDIDATES])?;
    let mut otherwise = None;
    for lead in leads.into_iter().filter(|it| !taken.contains(&it.person)) {
        let mut numbers = Vec::new();
        for index in 0..NUMBERS {
            numbers.extend(number_of(tx, &lead.person, index)?);
        }
        if numbers.is_empty() {
            continue;
        }
        let rounds = "SELECT 1 FROM call c JOIN round r ON r.id = c.round
                       WHERE c.callee = $1 AND r.state = 'running' AND {scope:c.region}";
        if tx.query(rounds, params![&lead.person])?.is_empty() {
            return Ok(Some((lead.person, numbers)));
        }
        otherwise.get_or_insert((lead.person, numbers));
    }
    Ok(otherwise)
}

async fn wait(State(visitors): State<Arc<Visitors>>, who: Who, Path(token): Path<String>) -> ApiResult<Markup> {
    let callee = visitors.callee(&token).ok_or_else(ApiError::not_found)?;
    let (lang, site) = (who.lang, &visitors.house.site);
    let call = visitors.call_of(&callee).await?;
    let known = visitors.house.world.read(&actor(), move |tx| callee_title(tx, &callee)).await?;
    let link = call.map(|it| link(&visitors, &it));
    let body = html! {
        script type="module" src=(asset(site, "visit.js")) {}
        noscript { meta http-equiv="refresh" content="5"; }
        main data-visit=(site.url(&format!("/visit/{token}/state"))) data-ringing[link.is_some()] {
            h1 { (lang.pick("以责任人身份体验", "Be a warden")) }
            @if let Some(known) = &known { p.who { (lang.pick("您现在是 ", "You are ")) b { (known.name) } " · " (known.organisation) " " (known.title) } }
            p.note id="waiting" role="status" { (lang.pick("等候叫应……电话响了请接听。", "Waiting for the call… answer when it rings.")) }
            button.answer id="sound" type="button" hidden { span { (lang.pick("点一下，打开铃声", "Tap to turn the sound on")) } }
            a.answer.key-1.call id="call" href=(link.as_deref().unwrap_or("#")) hidden[link.is_none()] {
                span { (lang.pick("来电 · 接听", "A call · answer")) } small { "【" (site.speaker) "】" }
            }
            p.soft { (lang.pick("接听后按页面上的键答复；答复后可回到本页等下一轮。", "Answer by the keys on the page; come back here for the next round.")) }
        }
    };
    Ok(phone_page(site, lang, lang.pick("以责任人身份体验", "Be a warden"), body))
}

/// The answer page of a call in this world, whatever address the visitor came by.
fn link(visitors: &Visitors, call: &str) -> String {
    let link = visitors.house.warn.answer_link(call);
    let at = link.rfind("/a/").unwrap_or(0);
    visitors.house.site.url(&link[at..])
}

async fn state(State(visitors): State<Arc<Visitors>>, Path(token): Path<String>) -> ApiResult<Json<Ringing>> {
    let callee = visitors.callee(&token).ok_or_else(ApiError::not_found)?;
    let call = visitors.call_of(&callee).await?;
    Ok(Json(Ringing { ringing: call.is_some(), link: call.map(|it| link(&visitors, &it)) }))
}

/// What the terminal says of it.
pub fn words(lang: Lang) -> &'static str {
    lang.pick("以责任人身份体验（另开窗口或手机打开）：", "Be a warden yourself (second window, or a phone): ")
}
