//! 通道: gateways, and what did not leave.

use anlan_web::{ApiResult, Who, page};
use axum::{
    extract::{Path, Query, State},
    response::Redirect,
};
use maud::{Markup, html};

use super::parts::{clock, to};
use crate::api::{GatewayView, ListQuery, Room, SendingView, read_failed, read_gateways};

/// Gateways and failed sendings.
pub(super) async fn show(State(room): State<Room>, who: Who, Query(query): Query<ListQuery>) -> ApiResult<Markup> {
    let gateways = read_gateways(&room, &who).await?;
    let failed = read_failed(&room, &who, &query).await?;
    let title = who.lang.pick("通道", "Channels");
    Ok(page(&room.site, &who, title, body(&room, &who, &gateways, &failed.items, failed.next.as_deref())))
}

fn body(room: &Room, who: &Who, gateways: &[GatewayView], failed: &[SendingView], next: Option<&str>) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    let cap = |rate: f64| if rate > 0.0 { format!("{rate}/s") } else { lang.pick("不限", "no cap").to_owned() };
    html! {
        main {
            div.card.scroll {
                header { h2 { (lang.pick("短信 / 语音通道", "Gateways")) } }
                table {
                    @for it in gateways {
                        tr {
                            td { b { (it.gateway.id) } @if !it.gateway.enabled { " " span.tag { (lang.pick("停用", "off")) } } }
                            td { (it.gateway.url) br; span.small.soft { (lang.pick("回执地址 ", "receipts to ")) (it.receipts) } }
                            td { (lang.pick("速率 ", "rate ")) (cap(it.gateway.rate)) " · " (lang.pick("每街道 ", "per street ")) (cap(it.gateway.area_rate)) }
                        }
                    }
                }
                @if gateways.is_empty() { p.bad { (lang.pick("还没有通道，叫应发不出去", "there is no gateway: nobody can be called")) } }
            }
            div.card.scroll id="failed" data-live="outbox. sending." {
                header { h2 { (lang.pick("发送失败", "Failed sendings")) } span.soft.small.num { (failed.len()) } }
                table {
                    @for it in failed {
                        tr {
                            td { (it.id) br; span.small.soft { (it.channel) " · " (it.kind) } }
                            td { (it.state.name()) @if it.repeat { " " span.tag { (lang.pick("重复发送", "sent again")) } }
                                " " (it.outcome.as_ref().and_then(|it| it["code"].as_str()).unwrap_or_default()) }
                            td.num { (it.tries) } td.num { (clock(it.due_at)) }
                            td {
                                @if matches!(it.state, anlan_store::Sending::Failed | anlan_store::Sending::Refused) {
                                    form method="post" action=(format!("{}/again", to(site, "sendings", &it.id))) {
                                        button type="submit" { (lang.pick("再发一次", "Send again")) }
                                    }
                                }
                            }
                        }
                    }
                }
                @if failed.is_empty() { p.soft { (lang.pick("无", "none")) } }
                @if let Some(next) = next {
                    p { a href=(site.url(&format!("/channels?cursor={}", crate::courier::percent(next)))) { (lang.pick("下一页", "next page")) } }
                }
            }
        }
    }
}

/// 再发一次.
pub(super) async fn again(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.warn.send_again(&who.actor, &id).await?;
    Ok(Redirect::to(&room.site.url("/channels")))
}
