//! Accounts, devices and tokens over HTTP; for the security administrator.

use std::sync::Arc;

use anlan_kernel::Permission;
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::{
    Access, ApiResult, Mounted, Routes, Site, Who,
    accounts::{self, Invitation, Invitee, NewAccount},
    devices, invitation, roles, second_factor, sessions, tokens,
};

const MANAGE: Access = Access::Needs(Permission::ManageAccounts);

#[derive(Deserialize)]
struct NewDevice {
    id: String,
    stations: Vec<String>,
}

#[derive(Deserialize)]
struct NewToken {
    name: String,
}

#[derive(Deserialize)]
struct NewPassword {
    password: String,
}

#[derive(Deserialize)]
struct Reason {
    reason: String,
}

/// Routes of the security administrator.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/api/v1/roles", MANAGE, "角色与权限表", "Roles and what they may", role_table)
        .get("/api/v1/accounts", MANAGE, "账号列表", "Accounts", account_list)
        .post("/api/v1/accounts", MANAGE, "建立账号", "Make an account", account_create)
        .post("/api/v1/accounts/{login}/disable", MANAGE, "停用账号", "Disable an account", account_disable)
        .post("/api/v1/accounts/{login}/unlock", MANAGE, "解除登录锁定", "Unlock an account", account_unlock)
        .post("/api/v1/accounts/{login}/password", MANAGE, "重设口令", "Set a password", account_password)
        .post("/api/v1/invitations", MANAGE, "建立账号并邀请", "Make an account and invite", invite)
        .post("/api/v1/accounts/{login}/invite", MANAGE, "重新邀请", "Invite again", invite_again)
        .get("/api/v1/accounts/{login}/sessions", MANAGE, "账号的登录窗口", "Sessions of an account", session_list)
        .post("/api/v1/accounts/{login}/sessions/end", MANAGE, "结束账号的所有窗口", "End all sessions", session_end)
        .post(
            "/api/v1/accounts/{login}/second-factor/remove",
            MANAGE,
            "停用账号的动态口令",
            "Take a second factor off",
            factor_remove,
        )
        .get("/api/v1/accounts/{login}/tokens", MANAGE, "账号的令牌", "Tokens of an account", token_list)
        .post("/api/v1/accounts/{login}/tokens", MANAGE, "发放令牌", "Issue a token", token_create)
        .post("/api/v1/tokens/{id}/revoke", MANAGE, "收回令牌", "Revoke a token", token_revoke)
        .get("/api/v1/devices", MANAGE, "设备列表", "Devices", device_list)
        .post("/api/v1/devices", MANAGE, "发放设备凭据", "Issue a device credential", device_create)
        .post("/api/v1/devices/{id}/disable", MANAGE, "停用设备", "Disable a device", device_disable)
        .finish(Arc::clone(site))
}

type Site_ = State<Arc<Site>>;

async fn role_table() -> Json<Json_> {
    let roles: Vec<Json_> = roles::ALL
        .iter()
        .map(|(key, zh, en)| json!({"key": key, "zh": zh, "en": en, "permissions": roles::permissions(key)}))
        .collect();
    Json(json!({"roles": roles}))
}

async fn account_list(State(site): Site_, who: Who) -> ApiResult<Json<Json_>> {
    Ok(Json(json!({"accounts": accounts::list(&site.world, &who.actor).await?})))
}

async fn account_create(
    State(site): Site_,
    who: Who,
    Json(new): Json<NewAccount>,
) -> ApiResult<(StatusCode, Json<Json_>)> {
    let login = new.login.clone();
    accounts::create(&site.world, &who.actor, new).await?;
    Ok((StatusCode::CREATED, Json(json!({"login": login}))))
}

async fn account_disable(State(site): Site_, who: Who, Path(login): Path<String>) -> ApiResult<StatusCode> {
    accounts::disable(&site.world, &who.actor, &login).await?;
    site.signed_out();
    Ok(StatusCode::NO_CONTENT)
}

async fn account_unlock(State(site): Site_, who: Who, Path(login): Path<String>) -> ApiResult<Json<Json_>> {
    Ok(Json(json!({"unlocked": accounts::unlock(&site.world, &who.actor, &login).await?})))
}

async fn account_password(
    State(site): Site_,
    who: Who,
    Path(login): Path<String>,
    Json(new): Json<NewPassword>,
) -> ApiResult<StatusCode> {
    accounts::set_password(&site.world, &who.actor, &login, &new.password).await?;
    site.signed_out();
    Ok(StatusCode::NO_CONTENT)
}

async fn invite(
    State(site): Site_,
    who: Who,
    uri: Uri,
    headers: HeaderMap,
    Json(new): Json<Invitee>,
) -> ApiResult<(StatusCode, Json<Json_>)> {
    let made = accounts::invite(&site.world, &who.actor, new).await?;
    Ok((StatusCode::CREATED, Json(invited(&site, &uri, &headers, &made))))
}

async fn invite_again(
    State(site): Site_,
    who: Who,
    uri: Uri,
    headers: HeaderMap,
    Path(login): Path<String>,
) -> ApiResult<Json<Json_>> {
    let made = invitation::again(&site.world, &who.actor, &login).await?;
    site.signed_out();
    Ok(Json(invited(&site, &uri, &headers, &made)))
}

fn invited(site: &Site, uri: &Uri, headers: &HeaderMap, made: &Invitation) -> Json_ {
    json!({"login": made.login, "link": invitation::link(site, uri, headers, &made.code), "until": made.until})
}

async fn session_list(State(site): Site_, who: Who, Path(login): Path<String>) -> ApiResult<Json<Json_>> {
    Ok(Json(json!({"sessions": sessions::list(&site.world, &who.actor, &login, None).await?})))
}

async fn session_end(State(site): Site_, who: Who, Path(login): Path<String>) -> ApiResult<Json<Json_>> {
    let ended = sessions::end_others(&site.world, &who.actor, &login, None).await?;
    site.signed_out();
    Ok(Json(json!({"ended": ended})))
}

async fn factor_remove(
    State(site): Site_,
    who: Who,
    Path(login): Path<String>,
    Json(given): Json<Reason>,
) -> ApiResult<StatusCode> {
    second_factor::remove_of(&site.world, &who.actor, &login, &given.reason).await?;
    site.signed_out();
    Ok(StatusCode::NO_CONTENT)
}

async fn token_list(State(site): Site_, who: Who, Path(login): Path<String>) -> ApiResult<Json<Json_>> {
    let found = tokens::list(&site.world, &who.actor, &login).await?;
    let shown: Vec<Json_> = found
        .into_iter()
        .map(|it| json!({"id": it.id, "name": it.name, "revoked": it.revoked, "made_at": it.made_at}))
        .collect();
    Ok(Json(json!({"tokens": shown})))
}

async fn token_create(
    State(site): Site_,
    who: Who,
    Path(login): Path<String>,
    Json(new): Json<NewToken>,
) -> ApiResult<(StatusCode, Json<Json_>)> {
    let token = tokens::create(&site.world, &who.actor, &login, &new.name).await?;
    Ok((StatusCode::CREATED, Json(json!({"token": token}))))
}

async fn token_revoke(State(site): Site_, who: Who, Path(id): Path<String>) -> ApiResult<StatusCode> {
    tokens::revoke(&site.world, &who.actor, &id).await?;
    site.signed_out();
    Ok(StatusCode::NO_CONTENT)
}

async fn device_list(State(site): Site_, who: Who) -> ApiResult<Json<Json_>> {
    let found = devices::list(&site.world, &who.actor).await?;
    let shown: Vec<Json_> = found
        .into_iter()
        .map(|it| json!({"id": it.id, "stations": it.stations, "disabled": it.disabled, "made_at": it.made_at}))
        .collect();
    Ok(Json(json!({"devices": shown})))
}

async fn device_create(
    State(site): Site_,
    who: Who,
    Json(new): Json<NewDevice>,
) -> ApiResult<(StatusCode, Json<Json_>)> {
    let secret = devices::create(&site.world, &who.actor, &new.id, new.stations).await?;
    Ok((StatusCode::CREATED, Json(json!({"id": new.id, "secret": secret}))))
}

async fn device_disable(State(site): Site_, who: Who, Path(id): Path<String>) -> ApiResult<StatusCode> {
    devices::disable(&site.world, &who.actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
