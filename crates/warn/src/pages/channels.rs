//! 通道: every channel with its state and a test, what each is told, loudspeakers, what did not leave.

use std::collections::BTreeMap;

use anlan_kernel::Lang;
use anlan_store::{OutboxItem, Sending};
use anlan_web::{ApiResult, Site, Who, page};
use axum::{
    Form,
    extract::{Path, Query, State},
    response::Redirect,
};
use maud::{Markup, html};

use super::parts::{clock, plays, to};
use crate::{
    api::{
        ChannelView, ListQuery, NewEndpoint, NewRoute, PlayView, Reason, Room, SendingView, Settings, Test,
        read_channel, read_channels, read_endpoints, read_failed, read_plays, read_routes, save, save_endpoint,
        save_route,
    },
    channel::{
        Channel, Endpoint, Kind, Matter, Route,
        kind::{About, Field, KINDS},
    },
};

/// Endpoints and plays on the page.
const SHOWN: usize = 50;

struct Shown {
    channels: Vec<ChannelView>,
    routes: Vec<Route>,
    endpoints: Vec<Endpoint>,
    plays: Vec<PlayView>,
    failed: Vec<SendingView>,
    next: Option<String>,
}

/// Everything about channels on one page.
pub(super) async fn show(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
    Query(after): Query<AfterTest>,
) -> ApiResult<Markup> {
    let (room, who) = (&room, &who);
    let tested = match after.tested {
        Some(key) => room.site.world.read(&who.actor, move |tx| tx.get::<OutboxItem>(&key)).await?,
        None => None,
    };
    let failed = read_failed(room, who, &query).await?;
    let shown = Shown {
        channels: read_channels(room, who).await?,
        routes: read_routes(room, who).await?,
        endpoints: read_endpoints(room, who, &ListQuery::first(SHOWN)).await?.items,
        plays: read_plays(room, who, &ListQuery::first(SHOWN), None).await?.items,
        failed: failed.items,
        next: failed.next,
    };
    let title = who.lang.pick("通道", "Channels");
    let (site, lang) = (&*room.site, who.lang);
    let body = html! {
        main {
            h1 { (title) }
            @if let Some(item) = &tested { (result(item, lang)) }
            (channels(room, lang, &shown))
            (routes(site, lang, &shown))
            (endpoints(site, lang, &shown))
            (plays(site, lang, &shown.plays))
            (failures(site, lang, &shown))
        }
    };
    Ok(page(site, who, title, body))
}

/// The test whose result stands on top.
#[derive(serde::Deserialize)]
pub(super) struct AfterTest {
    tested: Option<String>,
}

/// What became of a test, with the far side's own words.
fn result(item: &OutboxItem, lang: Lang) -> Markup {
    let said = |name: &str| item.outcome.as_ref().and_then(|it| it[name].as_str()).unwrap_or_default().to_owned();
    let words = match item.state {
        Sending::Sent => lang.pick("对方已接收", "taken by the far side"),
        Sending::Refused => lang.pick("对方拒收", "refused by the far side"),
        Sending::Unknown => lang.pick("没有回应，结果不明", "no answer; nobody knows"),
        _ => lang.pick("没有发出", "not sent"),
    };
    html! {
        div.card id="test-result" role="status" {
            header { h2 { "【通道测试】" (item.subject) "：" (words) } }
            p { span.soft { (lang.pick("对方原话：", "its own words: ")) } b { (said("code")) " " (said("message")) } }
        }
    }
}

fn channels(room: &Room, lang: Lang, shown: &Shown) -> Markup {
    let site = &*room.site;
    html! {
        div.card.scroll data-live="outbox. channel. gateway." id="channels" {
            header { h2 { (lang.pick("通道", "Channels")) } }
            @if !shown.channels.iter().any(|it| it.channel.kind == Kind::Gateway) {
                p.bad { (lang.pick("还没有短信、语音网关，叫应发不出去", "there is no gateway: nobody can be called")) }
            }
            table {
                thead { tr {
                    th { (lang.pick("通道", "Channel")) } th { (lang.pick("最近成功", "Last success")) }
                    th { (lang.pick("排队", "Queued")) } th { (lang.pick("已发", "Sent")) }
                    th { (lang.pick("失败 / 不明", "Failed / unknown")) } th { (lang.pick("限速", "Pace")) }
                    th { (lang.pick("测试", "Test")) }
                } }
                @for it in &shown.channels { (row(site, lang, it)) }
            }
            @if site.base.is_empty() {
                p.row {
                    span.soft { (lang.pick("新增：", "New: ")) }
                    @for about in KINDS.iter().filter(|it| it.kind != Kind::Gateway) {
                        a href=(site.url(&format!("/channels/new?kind={}", about.name))) { (about.kind.words(lang)) }
                    }
                }
            } @else {
                p.soft.small { (lang.pick("演练和回放只能使用本机模拟通道，不能设置真实通道", "an exercise or a replay uses simulated channels of this machine only")) }
            }
        }
    }
}

fn row(site: &Site, lang: Lang, it: &ChannelView) -> Markup {
    let (channel, state) = (&it.channel, &it.state);
    let failing = state.failed + state.unknown > 0;
    html! {
        tr data-channel=(channel.id) {
            td {
                @if it.stored && channel.kind != Kind::Gateway { a href=(to(site, "channels", &channel.id)) { b { (channel.id) } } }
                @else { b { (channel.id) } }
                @if !channel.enabled { " " span.tag { (lang.pick("停用", "off")) } }
                @if !it.stored { " " span.tag { (lang.pick("本机模拟", "simulated here")) } }
                br; span.small.soft { (channel.kind.words(lang)) " · " (channel.url)
                    @if channel.kind == Kind::Gateway { br; (lang.pick("回执地址 ", "receipts to ")) (site.url(&format!("/api/v1/receipts/{}", channel.id))) } }
            }
            td.num { @if let Some(at) = state.last_sent_at { (clock(at)) } @else { "—" } }
            td.num { (state.queued) }
            td.num { (state.sent) }
            td.num { @if failing { a.bad href="#failed" { (state.failed) " / " (state.unknown) } } @else { "0 / 0" } }
            td.num { (pace(channel.rate, lang)) }
            td { @if channel.enabled { (test_form(site, lang, channel)) } }
        }
    }
}

fn pace(rate: f64, lang: Lang) -> String {
    if rate > 0.0 {
        format!("{:.0}{}", rate * 60.0, lang.pick(" 条/分", "/min"))
    } else {
        lang.pick("不限", "no cap").to_owned()
    }
}

fn test_form(site: &Site, lang: Lang, channel: &Channel) -> Markup {
    let receiver = match channel.kind {
        Kind::Gateway => Some(lang.pick("接收号码", "number")),
        Kind::Mail => Some(lang.pick("接收邮箱，默认发件地址", "mailbox; the sender where empty")),
        Kind::Speaker | Kind::SpeakerDial => Some(lang.pick("终端编号", "endpoint id")),
        _ => None,
    };
    html! {
        form.row method="post" action=(format!("{}/test", to(site, "channels", &channel.id))) {
            @if let Some(words) = receiver { input name="to" placeholder=(words) aria-label=(words) size="12"; }
            button type="submit" { (lang.pick("测试", "Test")) }
        }
    }
}

fn routes(site: &Site, lang: Lang, shown: &Shown) -> Markup {
    let told = |it: &&ChannelView| !it.channel.kind.about().matters.is_empty();
    html! {
        div.card.scroll id="routes" {
            header { h2 { (lang.pick("消息去向", "What goes where")) } }
            table {
                @for it in &shown.routes {
                    tr {
                        td { (it.matter.words(lang)) } td.num { (it.region) } td { b { (it.channel) } }
                        td { form method="post" action=(format!("{}/remove", to(site, "channel-routes", &it.id))) {
                            button.quiet type="submit" { (lang.pick("删除", "Remove")) } } }
                    }
                }
            }
            @if shown.routes.is_empty() { p.soft { (lang.pick("没有去向：什么都不外发", "no route: nothing is told")) } }
            form.row method="post" action=(site.url("/channel-routes")) {
                select name="matter" aria-label=(lang.pick("事由", "Matter")) {
                    @for it in Matter::ALL { option value=(it.name()) { (it.words(lang)) } }
                }
                input name="region" required placeholder=(lang.pick("区划代码，如 440303", "division code, such as 440303")) aria-label=(lang.pick("区划代码", "Division code")) size="20";
                select name="channel" aria-label=(lang.pick("通道", "Channel")) {
                    @for it in shown.channels.iter().filter(told) { option value=(it.channel.id) { (it.channel.id) " · " (it.channel.kind.words(lang)) } }
                }
                button type="submit" { (lang.pick("增加去向", "Add")) }
            }
        }
    }
}

fn endpoints(site: &Site, lang: Lang, shown: &Shown) -> Markup {
    let own = |it: &&ChannelView| matches!(it.channel.kind, Kind::Mail | Kind::Speaker | Kind::SpeakerDial);
    let owners: Vec<_> = shown.channels.iter().filter(own).collect();
    html! {
        @if !owners.is_empty() {
            div.card.scroll id="endpoints" {
                header { h2 { (lang.pick("终端：村村响喇叭、单位邮箱", "Endpoints: loudspeakers, mailboxes")) } }
                table {
                    @for it in &shown.endpoints {
                        tr {
                            td { b { (it.name) } " " span.small.soft { (it.id) } @if !it.enabled { " " span.tag { (lang.pick("停用", "off")) } } }
                            td { (it.channel) } td.num { (it.region) } td { (it.address) }
                            td { form method="post" action=(format!("{}/remove", to(site, "endpoints", &it.id))) {
                                button.quiet type="submit" { (lang.pick("删除", "Remove")) } } }
                        }
                    }
                }
                form.row method="post" action=(site.url("/endpoints")) {
                    select name="channel" aria-label=(lang.pick("通道", "Channel")) { @for it in &owners { option value=(it.channel.id) { (it.channel.id) } } }
                    @for (name, words, needed) in [
                        ("id", lang.pick("编号", "id"), true), ("name", lang.pick("名称", "name"), true),
                        ("region", lang.pick("区划代码", "division code"), true),
                        ("address", lang.pick("设备号、号码或邮箱", "speaker id, number or mailbox"), true),
                        ("code", lang.pick("接入码", "access code"), false),
                    ] { input name=(name) required[needed] placeholder=(words) aria-label=(words) size="12"; }
                    button type="submit" { (lang.pick("增加终端", "Add")) }
                }
            }
        }
    }
}

fn failures(site: &Site, lang: Lang, shown: &Shown) -> Markup {
    html! {
        div.card.scroll id="failed" data-live="outbox. sending." {
            header { h2 { (lang.pick("发送失败", "Failed sendings")) } span.soft.small.num { (shown.failed.len()) } }
            table { @for it in &shown.failed { (failure(site, lang, it)) } }
            @if shown.failed.is_empty() { p.soft { (lang.pick("无", "none")) } }
            @if let Some(next) = &shown.next {
                p { a href=(site.url(&format!("/channels?cursor={}", anlan_web::percent(next)))) { (lang.pick("下一页", "next page")) } }
            }
        }
    }
}

fn failure(site: &Site, lang: Lang, it: &SendingView) -> Markup {
    let said = |name: &str| it.outcome.as_ref().and_then(|it| it[name].as_str()).unwrap_or_default().to_owned();
    let ended = matches!(it.state, Sending::Failed | Sending::Refused);
    html! {
        tr {
            td { (it.id) br; span.small.soft { (it.channel) " · " (it.kind) } }
            td { (it.state.name()) @if it.repeat { " " span.tag { (lang.pick("重复发送", "sent again")) } } " " (said("code")) " " (said("message")) }
            td.num { (it.tries) } td.num { (clock(it.due_at)) }
            td {
                @if ended {
                    form method="post" action=(format!("{}/again", to(site, "sendings", &it.id))) {
                        button type="submit" { (lang.pick("再发一次", "Send again")) }
                    }
                    form.row method="post" action=(format!("{}/discard", to(site, "sendings", &it.id))) {
                        input name="reason" required placeholder=(lang.pick("不再发送的原因", "why not any more")) aria-label=(lang.pick("原因", "Reason")) size="14";
                        button.quiet type="submit" { (lang.pick("不再发送", "Lay aside")) }
                    }
                }
            }
        }
    }
}

/// Which kind a new channel is of.
#[derive(serde::Deserialize)]
pub(super) struct NewQuery {
    #[serde(default)]
    kind: String,
}

/// The form of a new channel.
pub(super) async fn new(State(room): State<Room>, who: Who, Query(query): Query<NewQuery>) -> ApiResult<Markup> {
    let kind = Kind::parse(&query.kind).filter(|it| *it != Kind::Gateway).ok_or_else(anlan_web::ApiError::not_found)?;
    Ok(form_page(&room, &who, &Channel::new("", kind, kind.about().url), &[]))
}

/// The form of a channel; its secrets are not in it.
pub(super) async fn one(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let found = read_channel(&room, &who, &id).await?;
    Ok(form_page(&room, &who, &found.channel, &found.secrets))
}

fn form_page(room: &Room, who: &Who, channel: &Channel, secrets: &[String]) -> Markup {
    let (site, lang, about) = (&*room.site, who.lang, channel.kind.about());
    let title = about.kind.words(lang);
    let body = html! {
        main {
            form.card method="post" action=(site.url("/channels")) {
                header { h2 { (title) " " (channel.id) } }
                input type="hidden" name="kind" value=(about.name);
                (line(lang.pick("编号（小写字母、数字、-）", "Id: lower-case letters, digits, -"), html! {
                    input name="id" required pattern="[a-z0-9\\-]+" value=(channel.id) readonly[!channel.id.is_empty()];
                }))
                @if !about.schemes.is_empty() {
                    (line(lang.pick("地址（可粘贴完整 Webhook）", "Address; a webhook may be pasted whole"), html! { input name="url" required size="60" value=(channel.url); }))
                }
                (fields(lang, about, channel, secrets))
                (line(lang.pick("每分钟最多条数（0 为不限）", "Most a minute; 0 is no cap"), html! {
                    input name="per_minute" inputmode="decimal" value=(format!("{:.0}", channel.rate * 60.0));
                }))
                (line(lang.pick("启用", "In use"), html! { input type="checkbox" name="enabled" value="1" checked[channel.enabled]; }))
                p.row { button type="submit" { (lang.pick("保存", "Save")) } a href=(site.url("/channels")) { (lang.pick("返回", "Back")) } }
            }
            @if !channel.id.is_empty() {
                form.card method="post" action=(format!("{}/remove", to(site, "channels", &channel.id))) {
                    button.quiet type="submit" { (lang.pick("删除此通道及其去向、终端", "Remove this channel, its routes and endpoints")) }
                }
            }
        }
    };
    page(site, who, title, body)
}

fn line(words: &str, input: Markup) -> Markup {
    html! { p { label { (words) br; (input) } } }
}

fn fields(lang: Lang, about: &About, channel: &Channel, secrets: &[String]) -> Markup {
    let words = |it: &Field| lang.pick(it.words.0, it.words.1);
    html! {
        @for it in about.settings {
            (line(words(it), html! {
                @if it.name == "ca" { textarea name="setting.ca" rows="4" cols="60" { (channel.setting("ca")) } }
                @else { input name=(format!("setting.{}", it.name)) required[it.needed] value=(channel.setting(it.name)); }
            }))
        }
        @for it in about.secrets {
            @let known = secrets.iter().any(|name| name == it.name);
            (line(words(it), html! {
                input type="password" autocomplete="off" name=(format!("secret.{}", it.name))
                    placeholder=(if known { lang.pick("已设置，留空不变", "set; leave empty to keep") } else { "" });
            }))
        }
    }
}

/// Stores the form of a channel.
pub(super) async fn put(
    State(room): State<Room>,
    who: Who,
    Form(form): Form<BTreeMap<String, String>>,
) -> ApiResult<Redirect> {
    let named = |prefix: &str| -> BTreeMap<String, String> {
        form.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone()))).collect()
    };
    let field = |name: &str| form.get(name).map(|it| it.trim().to_owned()).unwrap_or_default();
    let kind = Kind::parse(&field("kind")).ok_or_else(anlan_web::ApiError::not_found)?;
    let settings = Settings {
        kind,
        url: form.get("url").cloned(),
        settings: named("setting."),
        secrets: named("secret."),
        rate: field("per_minute").parse::<f64>().ok().map(|it| it / 60.0),
        max_tries: None,
        enabled: form.contains_key("enabled"),
    };
    save(&room, &who, &field("id"), settings).await?;
    Ok(back(&room))
}

fn back(room: &Room) -> Redirect {
    Redirect::to(&room.site.url("/channels"))
}

/// Takes a channel away.
pub(super) async fn remove(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.warn.remove_channel(&who.actor, &id).await?;
    Ok(back(&room))
}

/// 通道测试.
pub(super) async fn test(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(it): Form<Test>,
) -> ApiResult<Redirect> {
    let item = room.warn.test_channel(&who.actor, &id, it.to.as_deref()).await?;
    Ok(Redirect::to(&room.site.url(&format!("/channels?tested={}", anlan_web::percent(&item.id)))))
}

/// Adds a route.
pub(super) async fn add_route(State(room): State<Room>, who: Who, Form(it): Form<NewRoute>) -> ApiResult<Redirect> {
    save_route(&room, &who, &it).await?;
    Ok(back(&room))
}

/// Takes a route away.
pub(super) async fn remove_route(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.warn.remove_route(&who.actor, &id).await?;
    Ok(back(&room))
}

/// A loudspeaker or mailbox as the form has it.
#[derive(serde::Deserialize)]
pub(super) struct EndpointForm {
    id: String,
    channel: String,
    name: String,
    region: String,
    address: String,
    #[serde(default)]
    code: String,
}

/// Adds a loudspeaker or mailbox.
pub(super) async fn add_endpoint(
    State(room): State<Room>,
    who: Who,
    Form(it): Form<EndpointForm>,
) -> ApiResult<Redirect> {
    let EndpointForm { id, channel, name, region, address, code } = it;
    let new = NewEndpoint { channel, name, region, address, code: Some(code), enabled: true };
    save_endpoint(&room, &who, id.trim().to_owned(), new).await?;
    Ok(back(&room))
}

/// Takes a loudspeaker or mailbox away.
pub(super) async fn remove_endpoint(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.warn.remove_endpoint(&who.actor, &id).await?;
    Ok(back(&room))
}

/// 再发一次.
pub(super) async fn again(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.warn.send_again(&who.actor, &id).await?;
    Ok(back(&room))
}

/// 不再发送.
pub(super) async fn discard(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(it): Form<Reason>,
) -> ApiResult<Redirect> {
    room.warn.discard(&who.actor, &id, &it.reason).await?;
    Ok(back(&room))
}
