//! The guide (导览): a visitor is led through the night from decision to decision. At a decision the world
//! runs in real time, between two of them as fast as chosen; it never skips anything.

use std::sync::{Arc, Mutex, PoisonError};

use anlan_kernel::{Actor, Instant, Lang, Text};
use anlan_store::{StoreError, params};
use anlan_warn::{Process, Round};
use anlan_web::{Access, ApiResult, Mounted, Routes, Site, Who, own_path};
use axum::{
    Form, Json,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::story::{Scene, Story};
use crate::driver::Speed;

/// Speeds a visitor may choose between decisions.
const SPEEDS: [u32; 4] = [1, 10, 60, 300];

/// Where the visitor is; shared by the driver of the night and the pages.
#[derive(Debug)]
pub struct Guide {
    hazard: String,
    scenes: Vec<Scene>,
    speed: Speed,
    now: Mutex<Now>,
}

#[derive(Clone, Debug)]
struct Now {
    scene: Option<usize>,
    waiting: bool,
    between: f64,
    recap: Text,
}

impl Guide {
    /// A guide through a story that drives `speed`, `between` world seconds per second between decisions.
    pub fn new(story: &Story, speed: Speed, between: f64) -> Arc<Self> {
        let now = Now { scene: None, waiting: false, between, recap: Text::default() };
        let (hazard, scenes) = (story.hazard.clone(), story.scenes.clone());
        Arc::new(Self { hazard, scenes, speed, now: Mutex::new(now) })
    }

    /// The screens open at `at`: the visitor is where the last scene left the night.
    pub fn begin(&self, at: Instant) {
        self.lock().scene = self.scenes.iter().rposition(|it| it.at <= at);
    }

    /// The night came to scene `number`; at a decision the world goes on in real time.
    pub fn reach(&self, number: usize) {
        let mut now = self.lock();
        now.scene = Some(number);
        now.waiting = self.scenes.get(number).is_some_and(|it| it.wait);
        if now.waiting {
            self.speed.set(1.0);
        }
    }

    /// What happened before the screens opened.
    pub fn recall(&self, words: Text) {
        self.lock().recap = words;
    }

    fn go_on(&self) {
        let mut now = self.lock();
        now.waiting = false;
        self.speed.pause(false);
        self.speed.set(now.between);
    }

    fn choose(&self, between: f64) {
        let mut now = self.lock();
        now.between = between;
        if !now.waiting {
            self.speed.set(between);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
struct Room {
    site: Arc<Site>,
    guide: Arc<Guide>,
}

/// Routes of the guide, and its ribbon on every page of the world.
pub fn routes(site: &Arc<Site>, guide: &Arc<Guide>) -> Mounted {
    let room = Room { site: Arc::clone(site), guide: Arc::clone(guide) };
    let (for_ribbon, base) = (Arc::clone(guide), site.base.clone());
    site.set_ribbon(Box::new(move |who| ribbon(&for_ribbon, &base, who.lang)));
    Routes::new(site)
        .get("/guide/state", Access::SignedIn, "导览到哪一步", "Where the guide is", state)
        .get("/guide/look", Access::SignedIn, "打开导览所指的页面", "Opens the page the guide points at", look)
        .post("/guide/next", Access::SignedIn, "到下一个决定点", "On to the next decision", next)
        .post("/guide/pause", Access::SignedIn, "暂停或继续", "Pauses or goes on", pause)
        .post("/guide/speed", Access::SignedIn, "决定点之间的速度", "Speed between decisions", choose)
        .finish(room)
}

fn view(guide: &Guide, lang: Lang) -> Value {
    let now = guide.lock().clone();
    let scene = now.scene.and_then(|it| guide.scenes.get(it));
    let first = guide.scenes.first().map_or("", |it| it.title.get(lang));
    let recap = now.scene == Some(0);
    let say = scene.map_or("", |it| it.say.get(lang));
    json!({
        "number": now.scene.map_or(0, |it| it + 1),
        "scenes": guide.scenes.len(),
        "title": scene.map_or_else(|| format!("{} {first}", lang.pick("下一站：", "Next:")), |it| it.title.get(lang).to_owned()),
        "say": if recap && !now.recap.get(lang).is_empty() { format!("{} {say}", now.recap.get(lang)) } else { say.to_owned() },
        "ahead": ahead(guide, &now, lang),
        "page": scene.is_some_and(|it| it.page.is_some()),
        "waiting": now.waiting,
        "paused": guide.speed.is_paused(),
        "between": now.between,
    })
}

/// On the way: to what, and how fast.
fn ahead(guide: &Guide, now: &Now, lang: Lang) -> String {
    let from = now.scene.map_or(0, |it| it + 1);
    let next = guide.scenes.iter().skip(from).find(|it| it.wait);
    let Some(next) = next.filter(|_| !now.waiting && !guide.speed.is_paused()) else { return String::new() };
    let (clock, title) = (next.at.clock(), next.title.get(lang));
    match lang {
        Lang::Zh => format!("正以 {}× 前往 {clock} {title}", now.between),
        Lang::En => format!("on the way to {clock} {title} at {}×", now.between),
    }
}

fn ribbon(guide: &Guide, base: &str, lang: Lang) -> Markup {
    let now = view(guide, lang);
    let text = |name: &str| now[name].as_str().unwrap_or_default().to_owned();
    let paused = now["paused"] == true;
    html! {
        aside.guide id="guide" aria-label=(lang.pick("导览", "Guide")) data-state=(format!("{base}/guide/state")) {
            span.tag { (lang.pick("导览", "Guide")) " " span.num data-guide="number" { (now["number"]) } " / " (now["scenes"]) }
            div.words aria-live="polite" {
                b data-guide="title" { (text("title")) }
                span data-guide="say" { (text("say")) }
                span.ahead data-guide="ahead" { (text("ahead")) }
            }
            a.button href=(format!("{base}/guide/look")) data-guide="page" data-key="g" hidden[now["page"] != true] { (lang.pick("去看", "Look")) " " kbd { "G" } }
            form method="post" action=(format!("{base}/guide/next")) data-here {
                input type="hidden" name="next" value="";
                button.main type="submit" data-guide="next" data-key="d" { (lang.pick("下一个决定点", "Next decision")) " " kbd { "D" } }
            }
            form method="post" action=(format!("{base}/guide/pause")) data-here {
                input type="hidden" name="next" value="";
                button type="submit" data-guide="pause" data-pause=(lang.pick("暂停", "Pause")) data-go=(lang.pick("继续", "Go on")) {
                    (if paused { lang.pick("继续", "Go on") } else { lang.pick("暂停", "Pause") })
                }
            }
            form method="post" action=(format!("{base}/guide/speed")) data-here {
                input type="hidden" name="next" value="";
                label.small { span { (lang.pick("速度", "Speed")) }
                    select name="speed" data-submits {
                        @for it in SPEEDS {
                            option value=(it) selected[now["between"] == f64::from(it)] { (it) "×" }
                        }
                    }
                }
                noscript { button type="submit" { (lang.pick("设定", "Set")) } }
            }
        }
    }
}

async fn state(State(room): State<Room>, who: Who) -> Json<Value> {
    Json(view(&room.guide, who.lang))
}

async fn look(State(room): State<Room>) -> ApiResult<Response> {
    let scene = room.guide.lock().scene;
    let page =
        scene.and_then(|it| room.guide.scenes.get(it)).and_then(|it| it.page.clone()).unwrap_or_else(|| "/".into());
    Ok(Redirect::to(&room.site.url(&place(&room, &page).await?)).into_response())
}

/// `{round}` and `{process}` of a page become the newest ones of the story's hazard: a visitor may have opened others.
async fn place(room: &Room, page: &str) -> Result<String, StoreError> {
    if !page.contains('{') {
        return Ok(page.to_owned());
    }
    let hazard = room.guide.hazard.clone();
    let newest = move |tx: &mut anlan_store::Tx<'_>| {
        let processes = tx.find::<Process>("hazard = $1", "", params![&hazard])?;
        let rounds = tx.find::<Round>("state <> 'absorbed'", "ORDER BY start_at DESC, id", &[])?;
        Ok(rounds.into_iter().find(|round| processes.iter().any(|it| it.id == round.process)))
    };
    let round = room.site.world.read(&Actor::system("guide"), newest).await?;
    Ok(round.map_or_else(|| "/".to_owned(), |it| page.replace("{round}", &it.id).replace("{process}", &it.process)))
}

#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    next: String,
    speed: Option<u32>,
}

impl Back {
    /// Where the visitor came from, in this world.
    fn to(self, site: &Site) -> Redirect {
        Redirect::to(&own_path(site, Some(self.next)))
    }
}

async fn next(State(room): State<Room>, Form(back): Form<Back>) -> Redirect {
    room.guide.go_on();
    back.to(&room.site)
}

async fn pause(State(room): State<Room>, Form(back): Form<Back>) -> Redirect {
    room.guide.speed.pause(!room.guide.speed.is_paused());
    back.to(&room.site)
}

async fn choose(State(room): State<Room>, Form(back): Form<Back>) -> Redirect {
    if let Some(speed) = back.speed.filter(|it| SPEEDS.contains(it)) {
        room.guide.choose(f64::from(speed));
    }
    back.to(&room.site)
}
