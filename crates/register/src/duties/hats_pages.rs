//! Organisations with their hats, posts and duty room; and under which hat an account acts.

use anlan_kernel::{Lang, Permission as P, Problem};
use anlan_store::{StoreError, Tx, Urgency};
use anlan_web::{Access, ApiError, ApiResult, Routes, Who, accounts, page, percent};
use axum::{
    Json,
    extract::{Form, Path, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use super::{
    Room,
    directory_pages::{is_clear, rank_words, shown},
    hats::{self, Said},
    model::Hat,
};
use crate::model::{Organisation, Person, Post};

/// Posts shown of an organisation.
const SHOWN: i64 = 200;

pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let (see, edit) = (Access::Needs(P::SeePeople), Access::Needs(P::EditPeople));
    routes
        .get("/organisations", see, "单位与牌子", "Organisations and their hats", list_page)
        .get("/organisations/{id}", see, "单位：牌子、岗位、值班室", "An organisation: hats, posts, duty room", show)
        .post("/organisations/{id}/hats", edit, "设牌子", "Set up a hat", save)
        .post("/organisations/{id}/hats/{hat}/remove", edit, "去掉牌子", "Remove a hat", remove)
        .get("/me/hat", Access::SignedIn, "以哪块牌子办事", "Under which hat the account acts", own)
        .post("/me/hat", Access::SignedIn, "换牌子", "Act under another hat", choose)
        .get("/api/v1/organisations/{id}/hats", see, "单位的牌子", "Hats of an organisation", list)
}

async fn list_page(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let (lang, site) = (who.lang, &room.site);
    let unit = |tx: &mut Tx<'_>| {
        Ok((
            tx.find::<Organisation>("1 = 1", "ORDER BY region, id", &[])?,
            tx.find::<Hat>("1 = 1", "ORDER BY name", &[])?,
        ))
    };
    let (units, hats) = site.world.read(&who.actor, unit).await?;
    let title = lang.pick("单位与牌子", "Organisations and hats");
    let body = html! { main {
        h1 { (title) " · " span.num { (units.len()) } }
        div.card.scroll tabindex="0" { table {
            thead { tr { th scope="col" { (lang.pick("单位", "Unit")) } th scope="col" { (lang.pick("区划", "Region")) } th scope="col" { (lang.pick("牌子", "Hats")) } th scope="col" { (lang.pick("值班电话", "Duty room")) } } }
            tbody { @for it in &units { tr {
                td { a href=(site.url(&format!("/organisations/{}", percent(&it.id)))) { (it.name) } } td.num { (it.region) }
                td { @for (at, hat) in hats.iter().filter(|hat| hat.organisation == it.id).enumerate() { @if at > 0 { "、" } (hat.name) } }
                td.num { (it.duty_room_phone.as_deref().unwrap_or_default()) }
            } } }
        } }
    } };
    Ok(page(site, &who, title, body))
}

async fn show(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let (lang, site, clear, edit) = (who.lang, &room.site, is_clear(&who), who.may(P::EditPeople));
    let unit = move |tx: &mut Tx<'_>| -> Result<_, StoreError> {
        let Some(unit) = tx.get::<Organisation>(&id)? else { return Ok(None) };
        let posts = tx.find::<Post>(
            "organisation = $1",
            "ORDER BY region, id LIMIT $2",
            anlan_store::params![&unit.id, SHOWN],
        )?;
        let mut held = Vec::new();
        for post in posts {
            let name = tx.get::<Person>(&post.person)?.and_then(|it| it.name).unwrap_or_default();
            held.push((post, name));
        }
        Ok(Some((hats::of_organisation(tx, &unit.id)?, unit, held)))
    };
    let (hats, unit, posts) = site.world.read(&who.actor, unit).await?.ok_or_else(ApiError::not_found)?;
    let none = Hat {
        id: String::new(),
        organisation: unit.id.clone(),
        region: unit.region.clone(),
        name: String::new(),
        seal: None,
        prefix: None,
        members: Vec::new(),
        roster: None,
    };
    let body = html! { main {
        p { a href=(site.url("/organisations")) { (lang.pick("‹ 单位与牌子", "‹ Organisations")) } }
        h1 { (unit.name) " " span.small.soft.num { (unit.region) } }
        section.card { header { h2 { (lang.pick("值班室", "Duty room")) } }
            p { (unit.duty_room_name.as_deref().unwrap_or("—")) " " b.num { (unit.duty_room_phone.as_deref().unwrap_or_default()) } } }
        section.card { header { h2 { (lang.pick("牌子", "Hats")) " · " (hats.len()) } }
            @if !unit.hats.is_empty() { p.soft { (lang.pick("名册所列：", "As the roster has it: ")) (unit.hats.join("、")) } }
            @for hat in &hats { (hat_part(&room, lang, hat, edit)) }
            @if edit { details { summary { (lang.pick("增加牌子", "Add a hat")) } (form(&room, lang, &none)) } }
        }
        section.card { header { h2 { (lang.pick("岗位", "Posts")) " · " (posts.len()) } }
            div.scroll tabindex="0" { table { tbody { @for (post, name) in &posts { tr {
                td { a href=(site.url(&format!("/posts/{}", percent(&post.id)))) { (shown(name, clear)) } } td { (post.title) } td { (post.duty) } td { (rank_words(post.rank, lang)) } td.num { (post.region) }
            } } } } }
        }
    } };
    Ok(page(site, &who, &unit.name, body))
}

fn hat_part(room: &Room, lang: Lang, hat: &Hat, edit: bool) -> Markup {
    html! { div.signal {
        p { b { (hat.name) } }
        dl {
            dt { (lang.pick("印章", "Seal")) } dd { (hat.seal.as_deref().unwrap_or("—")) }
            dt { (lang.pick("文号", "Numbers")) } dd { (hat.prefix.as_deref().unwrap_or("—")) }
            dt { (lang.pick("成员", "Members")) } dd { (plain_members(hat)) }
            dt { (lang.pick("值班表", "Roster")) } dd { (hat.roster.as_deref().unwrap_or("—")) }
        }
        @if edit { details { summary { (lang.pick("修改", "Change")) } (form(room, lang, hat))
            form method="post" action=(room.site.url(&format!("/organisations/{}/hats/{}/remove", percent(&hat.organisation), percent(&hat.id)))) data-confirm=(lang.pick("确认去掉？", "Remove it?")) { button.quiet type="submit" { (lang.pick("去掉", "Remove")) } } } }
    } }
}

fn plain_members(hat: &Hat) -> String {
    hat.members.iter().map(|it| it.trim_start_matches("user:")).collect::<Vec<_>>().join(" ")
}

fn form(room: &Room, lang: Lang, hat: &Hat) -> Markup {
    html! { form method="post" action=(room.site.url(&format!("/organisations/{}/hats", percent(&hat.organisation)))) {
        input type="hidden" name="id" value=(hat.id);
        label { (lang.pick("名称", "Name")) input name="name" required maxlength="60" value=(hat.name); }
        label { (lang.pick("印章（存放处、保管人）", "Seal: where and with whom")) input name="seal" maxlength="200" value=(hat.seal.as_deref().unwrap_or_default()); }
        label { (lang.pick("文号字头", "Prefix of its numbers")) input name="prefix" maxlength="40" value=(hat.prefix.as_deref().unwrap_or_default()); }
        label { (lang.pick("成员（登录名或人员编号，空格分开）", "Members: log-ins or ids of people")) input name="members" value=(plain_members(hat)); }
        label { (lang.pick("值班表所属单位（编号）", "Unit whose roster it goes by (id)")) input name="roster" maxlength="60" value=(hat.roster.as_deref().unwrap_or_default()); }
        button.main type="submit" { (lang.pick("保存", "Save")) }
    } }
}

#[derive(Deserialize)]
struct HatForm {
    #[serde(default)]
    id: String,
    name: String,
    #[serde(default)]
    seal: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    members: String,
    #[serde(default)]
    roster: String,
}

async fn save(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<HatForm>,
) -> ApiResult<Redirect> {
    let HatForm { id: hat, name, seal, prefix, members, roster } = form;
    let said = Said { id: hat, name, seal, prefix, members: hats::members(&members), roster };
    let here = room.site.url(&format!("/organisations/{}", percent(&id)));
    room.site.world.write("hat.save", Urgency::Urgent, &who.actor, move |tx| hats::save(tx, &id, &said)).await?;
    Ok(Redirect::to(&here))
}

async fn remove(State(room): State<Room>, who: Who, Path((id, hat)): Path<(String, String)>) -> ApiResult<Redirect> {
    let here = room.site.url(&format!("/organisations/{}", percent(&id)));
    room.site.world.write("hat.remove", Urgency::Urgent, &who.actor, move |tx| hats::remove(tx, &id, &hat)).await?;
    Ok(Redirect::to(&here))
}

fn login(who: &Who) -> ApiResult<String> {
    let login = who.actor.name.strip_prefix("user:").map(str::to_owned);
    login.ok_or_else(|| ApiError::of(axum::http::StatusCode::FORBIDDEN))
}

/// The hats the account is a member of. Memberships are its own matter: they count wherever the organisation lies.
async fn mine(room: &Room, who: &Who) -> ApiResult<Vec<Hat>> {
    let login = login(who)?;
    Ok(room.site.world.read(&anlan_kernel::Actor::system("hats"), move |tx| hats::of_account(tx, &login)).await?)
}

async fn own(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let (hats, lang, site) = (mine(&room, &who).await?, who.lang, &room.site);
    let title = lang.pick("以哪块牌子办事", "Acting for");
    let now = who.actor.hat.as_deref();
    let body = html! { main.narrow {
        p { a href=(site.url("/me")) { (lang.pick("‹ 我的账号", "‹ My account")) } }
        h1 { (title) }
        p { (lang.pick("现在：", "Now: ")) b { (now.unwrap_or("—")) } }
        @if hats.is_empty() { p.soft { (lang.pick("您不是任何牌子的成员；请台账管理员在“单位与牌子”里登记。", "You are a member of no hat; a keeper of the register can make you one.")) } }
        @for it in &hats { form method="post" action=(site.url("/me/hat")) {
            input type="hidden" name="hat" value=(it.id);
            p { button type="submit" disabled[now == Some(it.name.as_str())] { (it.name) } @if let Some(prefix) = &it.prefix { " " span.small.soft { (prefix) } } }
        } }
    } };
    Ok(page(site, &who, title, body))
}

#[derive(Deserialize)]
struct Choice {
    hat: String,
}

async fn choose(State(room): State<Room>, who: Who, Form(choice): Form<Choice>) -> ApiResult<Redirect> {
    let chosen = mine(&room, &who).await?.into_iter().find(|it| it.id == choice.hat);
    let missing = || Problem::new("no_such_hat", "您不是这块牌子的成员", "you are no member of this hat").field("hat");
    let hat = chosen.ok_or_else(missing)?;
    accounts::act_under(&room.site.world, &who.actor, &login(&who)?, &hat.name).await?;
    Ok(Redirect::to(&room.site.url("/me/hat")))
}

async fn list(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    let hats = room.site.world.read(&who.actor, move |tx| hats::of_organisation(tx, &id)).await?;
    Ok(Json(json!({"items": hats, "next": null})))
}
