//! A notice as the paper it is (A4), and the request to the warning centre made from the same facts.

use anlan_kernel::{Instant, Lang};
use anlan_web::{ApiError, ApiResult, Who, bare_page};
use axum::extract::{Path, Query, State};
use maud::{Markup, html};

use super::{
    super::{
        api::{NoticeView, Which, read_notice},
        draft::names,
        model::{Kind, Notice, Paper},
        send::{reason_title, short},
    },
    style,
};
use crate::{
    api::Room,
    pages::{parts::hazard, parts::invented},
};

/// The paper, as it is read, printed and signed. Its words are Chinese in every language of the screens.
pub(super) fn sheet(room: &Room, notice: &Notice, paper: &Paper) -> Markup {
    let content = &paper.content;
    let words = room.site.world_words(Lang::Zh);
    html! {
        article.sheet lang="zh-CN" {
            @if !words.is_empty() { p.sheet-mark { "【" (words) "】" } }
            p.sheet-head { (notice.hat) }
            p.sheet-number { (paper.number.as_deref().unwrap_or("（未编号，签发时给号）")) }
            h2.sheet-title { (content.title) @if paper.kind == Kind::Update || paper.kind == Kind::Correction { "（" (paper.kind.words().0) "）" } }
            @if !content.facts.signals.is_empty() {
                h3 { "一、信号情况（原文照录）" }
                @for it in &content.facts.signals {
                    p { (it.issuer) (short(it.issued_at)) "：" q { (it.text) } (invented(it.invented, Lang::Zh)) }
                }
            }
            @if !content.facts.measured.is_empty() {
                h3 { (numeral(content, 0)) "、监测实况" }
                @for it in &content.facts.measured {
                    p { (it.station) "：" (it.title.zh) "，监测" (["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ"][usize::from(it.grade.clamp(1, 4)) - 1]) "级，" (short(it.since)) "起。" }
                }
            }
            h3 { (numeral(content, 1)) "、影响区域和时段" }
            p { (names(&content.places)) "。" @if paper.kind != Kind::Lift { "有效至" (date(content.until)) "。" } }
            h3 { (numeral(content, 2)) "、风险研判" }
            @if !content.reason.is_empty() { p { (reason_title(paper.kind)) "：" (content.reason) "。" } }
            @for line in content.advice.lines() { p { (line) } }
            @if !content.measures.is_empty() {
                h3 { (numeral(content, 3)) "、防范措施" }
                @for (i, it) in content.measures.iter().enumerate() { p { (i + 1) ". " (it) "。" } }
            }
            p.sheet-sign { (notice.hat) br; (date(paper.issued_at.unwrap_or(paper.drafted_at))) }
            p.sheet-foot { "本单供本辖区应急成员单位和值班室使用。信号由发布单位发布，本单照录原文。" }
            @if !words.is_empty() { p.sheet-mark { "【" (words) "】" } }
        }
    }
}

/// The numeral of a section, counting only those that are there before it.
fn numeral(content: &super::super::model::Content, after_facts: usize) -> &'static str {
    let signals = usize::from(!content.facts.signals.is_empty());
    let measured = usize::from(!content.facts.measured.is_empty());
    let place = if after_facts == 0 { signals } else { signals + measured + after_facts - 1 };
    ["一", "二", "三", "四", "五"][place.min(4)]
}

/// `2023年9月2日8时00分`.
fn date(at: Instant) -> String {
    let wall = at.wall();
    let number = |range: std::ops::Range<usize>| wall[range].parse::<u32>().unwrap_or_default();
    format!("{}年{}月{}日{}时{}分", &wall[..4], number(5..7), number(8..10), number(11..13), &wall[14..16])
}

fn chosen(view: &NoticeView, which: Which) -> ApiResult<&Paper> {
    let found = match which.version {
        Some(version) => view.paper(version),
        None => view.newest().or_else(|| view.working()),
    };
    found.ok_or_else(ApiError::not_found)
}

/// The paper alone, for the printer.
pub(super) async fn print(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> ApiResult<Markup> {
    let view = read_notice(&room, &who, id).await?;
    let paper = chosen(&view, which)?;
    let body = html! {
        (style(&room.site))
        main.print {
            h1.unseen { (paper.content.title) }
            p.screen-only.small.soft { (who.lang.pick("用浏览器的打印功能打印（Ctrl+P），A4 纵向。", "Print with the browser (Ctrl+P), A4 portrait.")) }
            (sheet(&room, &view.notice, paper))
        }
    };
    Ok(bare_page(&room.site, who.lang, &paper.content.title, body))
}

/// 发布申请: what the warning centre (12379) is asked to issue, filled in from the same facts. We prepare it;
/// whether it is issued is decided elsewhere.
pub(super) async fn application(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> ApiResult<Markup> {
    let view = read_notice(&room, &who, id).await?;
    let paper = chosen(&view, which)?;
    let title = "预警信息发布申请表";
    let body = html! {
        (style(&room.site))
        main.print {
            h1.unseen { (title) }
            p.screen-only.small.soft { (who.lang.pick("由有权单位审批后送预警信息发布中心；本系统只备稿，不发布。", "To be approved by the authority entitled and sent to the warning centre; this system prepares and issues nothing.")) }
            (form(&room, &view.notice, paper, title))
        }
    };
    Ok(bare_page(&room.site, who.lang, title, body))
}

fn form(room: &Room, notice: &Notice, paper: &Paper, title: &str) -> Markup {
    let content = &paper.content;
    let words = room.site.world_words(Lang::Zh);
    let kind = hazard(&notice.hazard, Lang::Zh);
    let reference = paper.number.as_deref().map_or_else(String::new, |it| format!("（参见{it}）"));
    let rows = [
        ("申请单位", notice.hat.clone()),
        ("申请时间", date(room.site.world.now())),
        ("事件类别", format!("{kind}{reference}")),
        ("建议级别", "　　级（由有权单位核定）".to_owned()),
        ("影响区域", names(&content.places)),
        ("起止时间", format!("{} 至 {}", date(paper.issued_at.unwrap_or(paper.drafted_at)), date(content.until))),
        ("发布渠道", "□短信　□广播电视　□大喇叭　□网站及新媒体　□其他".to_owned()),
    ];
    html! {
        article.sheet lang="zh-CN" {
            @if !words.is_empty() { p.sheet-mark { "【" (words) "】" } }
            h2.sheet-title { (title) }
            table.form {
                @for (name, value) in rows { tr { th { (name) } td { (value) } } }
                tr { th { "拟发布内容" } td {
                    p { (content.advice) }
                    @for it in &content.measures { p { (it) "。" } }
                } }
                tr { th { "事实依据" } td {
                    @for it in &content.facts.signals { p { (it.issuer) (short(it.issued_at)) "：" q { (it.text) } (invented(it.invented, Lang::Zh)) } }
                    @for it in &content.facts.measured { p { (it.station) "：" (it.title.zh) "（" (short(it.since)) "起）" } }
                } }
                tr.signature { th { "申请单位负责人" } td { "签字（盖章）：　　　　　　　　　　　年　　月　　日　　时　　分" } }
                tr.signature { th { "审批单位意见" } td { "□同意　□不同意　　签字（盖章）：　　　　　年　　月　　日　　时　　分" } }
                tr.signature { th { "发布中心受理" } td { "受理人：　　　　　　　　受理时间：" } }
            }
            p.sheet-foot { "本表为发布申请备稿，不构成发布。预警由有权单位审批、预警信息发布中心（12379）发布。" }
            @if !words.is_empty() { p.sheet-mark { "【" (words) "】" } }
        }
    }
}
