//! The layouts every page stands in.

use anlan_kernel::{Actor, Lang, Permission};
use anlan_store::{StoreError, World, WorldKind};
use maud::{DOCTYPE, Markup, html};

use crate::{Site, Who, assets, store, who::Lack};

tokio::task_local! {
    /// The sealed position before the page read anything: its live parts go on from there.
    static POSITION: i64;
}

/// The last sealed position of the journal.
pub async fn sealed_position(world: &World) -> Result<i64, StoreError> {
    world.read(&Actor::system("page"), store::sealed_position).await
}

/// Runs a page's handler, remembering as of which position it reads.
pub async fn as_of<T>(site: &Site, page: impl Future<Output = T>) -> T {
    match sealed_position(&site.world).await {
        Ok(position) => POSITION.scope(position, page).await,
        Err(error) => {
            tracing::warn!(%error, "a page is shown without its position");
            page.await
        }
    }
}

/// A page of somebody who is logged in: the band of the world, menu, clock, 数据截至, log out.
pub fn page(site: &Site, who: &Who, title: &str, body: Markup) -> Markup {
    let (lang, now) = (who.lang, site.world.now());
    let inner = html! {
        @if let Some(it) = site.ribbon(who) { (it) }
        header.top {
            a.mark href=(site.url("/")) { (lang.pick("安澜", "Anlan")) }
            span.soft.office { (who.actor.hat.as_deref().unwrap_or(&site.speaker)) }
            nav aria-label=(lang.pick("主菜单", "Main menu")) {
                @let (managing, plain): (Vec<_>, Vec<_>) = site.menu_of(who).into_iter().partition(|it| it.needs.iter().any(|it| manages(*it)));
                @let (first, more): (Vec<_>, Vec<_>) = plain.into_iter().partition(|it| NIGHT.contains(&it.path.as_str()) || !who.may(Permission::SeeDesk));
                @for entry in &first { a href=(site.url(&entry.path)) { (entry.words.get(lang)) } }
                @if !more.is_empty() {
                    details.manage {
                        summary { (lang.pick("更多", "More")) }
                        div.card { @for entry in &more { a href=(site.url(&entry.path)) { (entry.words.get(lang)) } } }
                    }
                }
                // Administration stands behind one word on a desk; who has no desk has nothing else.
                @if !who.may(Permission::SeeDesk) {
                    @for entry in &managing { a href=(site.url(&entry.path)) { (entry.words.get(lang)) } }
                } @else if !managing.is_empty() {
                    details.manage {
                        summary { (lang.pick("管理", "Manage")) }
                        div.card { @for entry in &managing { a href=(site.url(&entry.path)) { (entry.words.get(lang)) } } }
                    }
                }
            }
            @if finds(who) { (find_box(site, lang)) }
            span.clock {
                time.num id="clock" datetime=(now.to_rfc3339()) { (&now.wall()[11..]) }
                span.small.soft { (date(&now.wall(), lang)) " · " (lang.pick("数据截至", "as of")) " "
                    span.num id="as-of" { (now.clock()) } }
            }
            span.own {
                a href=(site.url("/me")) { (who.name) }
                // A Chinese screen carries no English; the choice stands with the account.
                @if lang == Lang::En { (language_switch(site, lang)) }
                form method="post" action=(site.url("/logout")) { button.quiet type="submit" { (lang.pick("退出", "Log out")) } }
            }
        }
        @if who.lacks == Lack::Offered {
            aside.note.small.screen { (lang.pick("三员请启用动态口令：光有口令不应能进入管理。", "Administrators should set up a second factor: a password alone should not open administration.")) " "
                a href=(site.url("/me/second-factor")) { (lang.pick("现在启用", "Set it up now")) } }
        }
        (body)
        @if who.may(Permission::SeeDesk) {
            (siren(site, lang, true, html! {}))
            p.muted role="status" { (lang.pick("警报声被浏览器挡住了：点一下页面任意处就会响", "The browser holds the siren back: click anywhere on the page to hear it")) }
        }
        footer.foot {
            span.small.soft { (site.speaker) " · " (world_name(site, lang)) }
            span.small { a href=(site.url("/help")) { (lang.pick("使用手册", "User guide")) } " · "
                a href=(site.url("/help/card")) { (lang.pick("夜班一页卡", "Night card")) } }
            span.small.soft id="connection" role="status" hidden { (lang.pick("与服务器断开，数字可能已旧", "Not connected: figures may be old")) }
        }
    };
    document(site, lang, title, true, inner)
}

/// What rings on every page of whoever sees the desk, until somebody took note; `load` reads it at once.
pub fn siren(site: &Site, lang: Lang, load: bool, ringing: Markup) -> Markup {
    html! {
        aside.siren id="siren" aria-label=(lang.pick("警报", "Alarm")) aria-live="assertive" data-live="signal. alarm. help." data-src=(site.url("/desk/siren")) data-load[load] { (ringing) }
    }
}

/// Who has the one box (查找) at the head of each page.
fn finds(who: &Who) -> bool {
    who.may(Permission::SeePeople) || who.may(Permission::SeeRegister)
}

fn find_box(site: &Site, lang: Lang) -> Markup {
    html! {
        form.find role="search" method="get" action=(site.url("/find")) data-find=(site.url("/api/v1/find")) {
            input type="search" name="q" maxlength="64" autocomplete="off" data-key="/" role="combobox" aria-expanded="false"
                aria-controls="found" aria-label=(lang.pick("查找（按 / 键）", "Find (key /)"))
                placeholder=(lang.pick("查找：名称、拼音、尾号", "Find: name, spelling, number"));
            ul.card id="found" role="listbox" hidden aria-label=(lang.pick("找到的", "Found")) {}
        }
    }
}

/// Pages of the menu that a night needs at once; whoever has a desk finds the others behind one word.
const NIGHT: &[&str] = &["/", "/telephone-notes", "/hand-overs", "/responses", "/atlas", "/register", "/shifts"];

/// What administration, rules, channels and the register ask for.
fn manages(needs: Permission) -> bool {
    use Permission as P;
    matches!(
        needs,
        P::EditRules | P::RunChannels | P::ManageAccounts | P::Audit | P::EditPeople | P::SeeMonitor | P::SeePeople
    )
}

/// A page without menu: log-in, answer links, refusals.
pub fn bare_page(site: &Site, lang: Lang, title: &str, body: Markup) -> Markup {
    let inner = html! {
        header.top.bare {
            span.mark { (lang.pick("安澜", "Anlan")) }
            span.own { (language_switch(site, lang)) }
        }
        (body)
    };
    document(site, lang, title, false, inner)
}

/// A page for a cheap phone on a bad line: two small files, everything works without script.
pub fn phone_page(site: &Site, lang: Lang, title: &str, body: Markup) -> Markup {
    let words = site.world_words(lang);
    html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head {
                (head(site, lang, title, "phone.css", "phone.js"))
                meta name="format-detection" content="telephone=no";
            }
            body data-world=(kind_name(site)) data-base=(site.base) {
                @if !words.is_empty() { aside.world aria-label=(lang.pick("实战、演练或回放", "World")) { (band(site, lang)) } }
                (body)
            }
        }
    }
}

fn head(site: &Site, lang: Lang, title: &str, style: &str, script: &str) -> Markup {
    let words = site.world_words(lang);
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="robots" content="noindex";
        title { @if !words.is_empty() { "【" (words) "】" } (title) " · " (lang.pick("安澜", "Anlan")) }
        link rel="icon" href=(assets::url(site, "icon.svg"));
        link rel="stylesheet" href=(assets::url(site, style));
        script type="module" src=(assets::url(site, script)) {}
    }
}

fn document(site: &Site, lang: Lang, title: &str, live: bool, inner: Markup) -> Markup {
    let words = site.world_words(lang);
    let position = POSITION.try_with(|it| *it).ok();
    html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head { (head(site, lang, title, "anlan.css", "anlan.js")) }
            body data-world=(kind_name(site)) data-words=(words) data-base=(site.base) data-lang=(lang.tag())
                data-live-page[live] data-position=[position] data-now=(site.world.now().0 / 1_000)
                data-driven[site.world.clock().is_driven()] {
                a.skip href="#content" { (lang.pick("跳到正文", "Skip to the content")) }
                @if !words.is_empty() { aside.world aria-label=(lang.pick("实战、演练或回放", "World")) { (band(site, lang)) } }
                div id="content" { (inner) }
            }
        }
    }
}

fn kind_name(site: &Site) -> &'static str {
    match site.world.kind() {
        WorldKind::Real => "real",
        WorldKind::Exercise => "exercise",
        WorldKind::Replay => "replay",
    }
}

fn world_name(site: &Site, lang: Lang) -> &'static str {
    match site.world.kind() {
        WorldKind::Real => lang.pick("实战", "real"),
        _ => site.world_words(lang),
    }
}

fn band(site: &Site, lang: Lang) -> &'static str {
    match site.world.kind() {
        WorldKind::Real => "",
        WorldKind::Exercise => lang.pick(
            "演练 · 与实战隔离，不会拨打真实号码",
            "EXERCISE · apart from the real world, no real number is called",
        ),
        WorldKind::Replay => lang.pick(
            "回放 · 演示数据 · 与实战隔离，不会拨打真实号码",
            "REPLAY · demonstration data · apart from the real world, no real number is called",
        ),
    }
}

fn date(wall: &str, lang: Lang) -> String {
    let number = |range: std::ops::Range<usize>| wall[range].trim_start_matches('0').to_owned();
    match lang {
        Lang::Zh => format!("{} 月 {} 日", number(5..7), number(8..10)),
        Lang::En => wall[..10].to_owned(),
    }
}

/// The other language, by one button.
pub(crate) fn language_switch(site: &Site, lang: Lang) -> Markup {
    let (other, words) = match lang {
        Lang::Zh => ("en", "English"),
        Lang::En => ("zh", "中文"),
    };
    html! {
        form.lang method="post" action=(site.url("/lang")) data-here {
            input type="hidden" name="lang" value=(other);
            input type="hidden" name="next" value="";
            button.quiet type="submit" lang=(other) { (words) }
        }
    }
}
