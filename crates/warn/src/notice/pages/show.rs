//! One notice: the draft with its editor, the paper, who got it, and how it came about.

use anlan_kernel::{Lang, Permission};
use anlan_register::{Region, Who as Part, leader_names};
use anlan_store::params;
use anlan_web::{ApiResult, Who, page};
use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    super::{
        api::{NoticeView, Recipients, read_notice, read_recipients},
        ask::SIGNERS,
        diff::{Line, compare, lines},
        draft,
        model::{Kind, Paper, Standing},
        send::{STATES, short},
    },
    kind, moment,
    paper::sheet,
    sign::{self, to_sign},
    standing, style,
};
use crate::{
    api::{Room, plays_of_notice},
    effect::evidence::reason_words,
    pages::parts::{hazard, plays, to},
    service::everywhere,
};

/// Kinds of recipients a paper can go to.
const PARTS: [(Part, &str, &str, &str); 5] = [
    (Part::DutyRoom, "duty_room", "值班室（成员单位、街道）", "duty rooms"),
    (Part::OnDuty, "on_duty", "当班人员", "officers on duty"),
    (Part::District, "district", "区级责任人", "district posts"),
    (Part::Street, "street", "街道责任人", "street posts"),
    (Part::Community, "community", "社区责任人", "community posts"),
];

/// What the editor offers.
struct Choices {
    regions: Vec<Region>,
    hats: Vec<String>,
    /// Who may have said yes on the telephone.
    leaders: Vec<String>,
}

/// Recipients on one page.
const PAGE: i64 = 50;

/// Which of the recipients are shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Listed {
    /// One of [`STATES`]; all where it is empty.
    #[serde(default)]
    told: String,
    /// From 1.
    #[serde(default)]
    page: String,
}

impl Listed {
    fn page(&self) -> i64 {
        self.page.parse().unwrap_or(1).clamp(1, 10_000)
    }
}

/// The notice.
pub(super) async fn show(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(listed): Query<Listed>,
) -> ApiResult<Markup> {
    let view = read_notice(&room, &who, id).await?;
    let told = match view.newest() {
        Some(paper) => {
            let after = (listed.page() - 1) * PAGE;
            read_recipients(&room, &who, paper, &listed.told, PAGE, after).await?
        }
        None => Recipients::default(),
    };
    let choices = choices(&room, &who, &view).await?;
    let title = view.notice.title.clone();
    let list = recipients(&room, who.lang, &view, &told, &listed);
    let heard = plays_of_notice(&room, &who, &view.notice.id).await?;
    let list = html! { (list) (plays(&room.site, who.lang, &heard)) };
    Ok(page(&room.site, &who, &title, body(&room, &who, &view, list, &choices)))
}

async fn choices(room: &Room, who: &Who, view: &NoticeView) -> ApiResult<Choices> {
    let (district, own) = (view.notice.region.clone(), who.actor.hat.clone());
    let named = who.may(Permission::SeePeople);
    let reader = everywhere(&who.actor);
    let read = room.site.world.read(&reader, move |tx| {
        let regions = "LENGTH(code) <= 9 AND code >= $1 AND code < $2";
        let regions = tx.find::<Region>(regions, "ORDER BY code", params![district.as_str(), district.until()])?;
        let leaders = if named { leader_names(tx, &district, SIGNERS)? } else { Vec::new() };
        Ok(Choices { regions, hats: draft::hats(tx, own.as_deref(), &district)?, leaders })
    });
    Ok(read.await?)
}

fn body(room: &Room, who: &Who, view: &NoticeView, list: Markup, choices: &Choices) -> Markup {
    let (lang, site, notice) = (who.lang, &room.site, &view.notice);
    let drafts = who.may(Permission::DraftNotice) && who.actor.scope.covers(&notice.region);
    let shown = view.working().or_else(|| view.newest());
    html! {
        (style(site))
        main {
            h1 { (notice.title) " " (standing(notice.standing, lang)) }
            @if let (Some(draft), Some(newest)) = (view.working(), view.newest()) {
                // What is in force and what is being written must not be taken for one another.
                p.note { b { (lang.pick("下面是第 ", "Below stands version ")) (draft.version) (lang.pick(" 版草稿，尚未签发。", ", a draft nobody signed. ")) } " "
                    (lang.pick("现行的是第 ", "In force is version ")) (newest.version) (lang.pick(" 版", "")) " "
                    b { (newest.number.as_deref().unwrap_or_default()) } " "
                    a href=(format!("{}/print?version={}", to(site, "notices", &notice.id), newest.version)) { (lang.pick("看现行文本 ›", "its text ›")) } }
            }
            p.soft {
                a href=(to(site, "processes", &notice.process)) { (hazard(&notice.hazard, lang)) (lang.pick("过程", " process")) } " · " (notice.hat)
                @if let Some(it) = &notice.number { " · " b { (it) } }
            }
            div.notice-columns {
                section {
                    @if let Some(paper) = shown {
                        p.row.screen-only {
                            span.tag { (kind(paper.kind, lang)) " " (lang.pick("第", "version ")) (paper.version) (lang.pick("版", "")) }
                            a.button href=(format!("{}/print?version={}", to(site, "notices", &notice.id), paper.version)) { (lang.pick("打印", "Print")) }
                            a.button href=(format!("{}/application?version={}", to(site, "notices", &notice.id), paper.version)) { (lang.pick("发布申请", "Request to the warning centre")) }
                            a.button href=(format!("{}.cap?version={}", site.url(&format!("/api/v1/notices/{}", notice.id)), paper.version)) { "CAP" }
                        }
                        (sheet(room, notice, paper))
                    }
                }
                section {
                    (signing(room, who, view))
                    @if drafts { (drafting(room, who, view, choices)) }
                    (list)
                    (history(room, who, view))
                    @if notice.issued > 0 && who.may(Permission::SignNotice) { div.card { header { h2 { (lang.pick("对外公开", "Public")) } } (sign::public(room, who, view)) } }
                }
            }
        }
    }
}

fn signing(room: &Room, who: &Who, view: &NoticeView) -> Markup {
    let lang = who.lang;
    let waits = view.papers.iter().find(|it| it.unsigned());
    html! {
        @if let Some(it) = waits {
            p.wrong[it.overdue].note[!it.overdue] {
                (it.number.as_deref().unwrap_or_default()) " "
                (lang.pick("已按电话口头同意发出，待补签；期限 ", "went out on a verbal yes and waits for its signature, due "))
                @if let Some(due) = it.signature_due { (short(due)) }
                @if it.overdue { b { (lang.pick("，已超过 24 小时", ", which has passed")) } }
                @if let Some(why) = &it.refused { br; (lang.pick("签批人未同意：", "the signer did not agree: ")) (why) }
            }
        }
        @if let Some(it) = view.working().filter(|it| it.refused.is_some()) {
            p.wrong { (lang.pick("退回：", "Sent back: ")) (it.refused.as_deref().unwrap_or_default()) " "
                (view.name(it.refused_by.as_deref().unwrap_or_default())) }
        }
        @if who.may(Permission::SignNotice) {
            @if let Some(paper) = to_sign(view, who) {
                div.card data-alarm=(paper.id) { header { h2 { (lang.pick("等您签", "Waits for you")) } } div.padded { (sign::buttons(room, who, view, paper)) } }
            }
        }
    }
}

fn drafting(room: &Room, who: &Who, view: &NoticeView, choices: &Choices) -> Markup {
    let (lang, here) = (who.lang, to(&room.site, "notices", &view.notice.id));
    html! {
        @match view.working() {
            Some(paper) => {
                (editor(room, who, view, paper, choices))
                (verbal(lang, &here, view, &choices.leaders))
            },
            None => (next(lang, &here, view)),
        }
    }
}

fn editor(room: &Room, who: &Who, view: &NoticeView, paper: &Paper, choices: &Choices) -> Markup {
    let (lang, here, content) = (who.lang, to(&room.site, "notices", &view.notice.id), &paper.content);
    let first = paper.kind == Kind::First;
    let lifting = paper.kind == Kind::Lift;
    let chosen = |region: &Region| content.places.iter().any(|it| it.code == region.code);
    let finer = content.places.iter().filter(|it| !choices.regions.iter().any(|region| region.code == it.code));
    html! {
        form.card method="post" action=(format!("{here}/edit")) {
            header { h2 { (lang.pick("稿件", "Draft")) }
                span.small.soft { (if paper.submitted_at.is_some() { lang.pick("已送签；修改后须重新送签", "submitted; a change needs submitting again") } else { lang.pick("信号与实况由系统照录，不必填写", "signals and measurements are put in by the program") }) } }
            input type="hidden" name="revision" value=(view.notice.revision);
            label { (lang.pick("标题", "Title")) input name="title" value=(content.title) maxlength="100" required; }
            @if first && choices.hats.len() > 1 {
                label { (lang.pick("牌子", "Issued under")) select name="hat" {
                    @for it in &choices.hats { option selected[*it == view.notice.hat] { (it) } } } }
            }
            @if !first { label { (lang.pick("更新、更正或解除的原因", "Why")) input name="reason" value=(content.reason) maxlength="500" data-key="F3"; } }
            label { (lang.pick("风险研判", "Assessment")) " " kbd { "F2" } textarea name="advice" rows="3" maxlength="2000" data-key="F2" { (content.advice) } }
            @if !lifting {
                label { (lang.pick("防范措施，每行一条", "What to do, one a line")) textarea name="measures" rows="8" { (content.measures.join("\n")) } }
                label { (lang.pick("有效至", "Until")) input type="datetime-local" name="until" value=(&content.until.wall().replace(' ', "T")[..16]); }
                fieldset { legend { (lang.pick("影响区域", "Areas")) }
                    @for it in &choices.regions { label.check { input type="checkbox" name="areas" value=(it.code) checked[chosen(it)]; (it.name) } }
                    @for it in finer { label.check { input type="checkbox" name="areas" value=(it.code) checked; (it.name) } } }
            }
            @if first {
                fieldset { legend { (lang.pick("发给（首发后固定）", "Goes to (fixed with the first paper)")) }
                    @for (part, name, zh, en) in PARTS { label.check { input type="checkbox" name="audience" value=(name) checked[content.audience.contains(&part)]; (lang.pick(zh, en)) } } }
            }
            p.row {
                button type="submit" { (lang.pick("保存并取最新事实", "Save with the newest facts")) }
                @if paper.submitted_at.is_none() {
                    button.main type="submit" name="then" value="submit" data-key="F8" { (lang.pick("送签", "Submit")) } kbd { "F8" }
                }
            }
        }
        form.row method="post" action=(format!("{here}/withdraw")) data-confirm=(lang.pick("确认撤稿？", "Withdraw this draft?")) {
            button.danger type="submit" { (lang.pick("撤稿", "Withdraw")) }
        }
    }
}

fn verbal(lang: Lang, here: &str, view: &NoticeView, leaders: &[String]) -> Markup {
    html! {
        details.card {
            summary { (lang.pick("电话口头同意（立即发出，24 小时内补签）", "Verbal yes by telephone: it goes out at once, to be signed within 24 hours")) }
            form method="post" action=(format!("{here}/verbal")) data-confirm=(lang.pick("确认已得到口头同意并立即发出？", "Was yes said, and shall it go out at once?")) {
                input type="hidden" name="revision" value=(view.notice.revision);
                label { (lang.pick("谁同意的（姓名、职务）", "Who said yes")) input name="said_by" list="leaders" maxlength="100" required autocomplete="off"; }
                datalist id="leaders" { @for it in leaders { option value=(it) {} } }
                label { (lang.pick("对方号码", "Their number")) input name="said_from" inputmode="tel" maxlength="30" required; }
                p { button.danger type="submit" { (lang.pick("登记并发出", "Record and send")) } }
            }
        }
    }
}

fn next(lang: Lang, here: &str, view: &NoticeView) -> Markup {
    let kinds: &[(Kind, &str, &str)] = match view.notice.standing {
        Standing::InForce => &[
            (Kind::Update, "起草更新", "Begin an update"),
            (Kind::Correction, "起草更正", "Begin a correction"),
            (Kind::Lift, "起草解除", "Begin a lifting"),
        ],
        Standing::Lifted => &[(Kind::Correction, "起草更正", "Begin a correction")],
        Standing::Unissued | Standing::Withdrawn => &[],
    };
    html! {
        @if !kinds.is_empty() {
            form.card method="post" action=(format!("{here}/begin")) {
                header { h2 { (lang.pick("下一版", "Next")) } span.small.soft { (lang.pick("发给同一份名单", "goes to the same list")) } }
                label { (lang.pick("原因", "Why")) input name="reason" maxlength="500"; }
                p.row { @for (kind, zh, en) in kinds { button type="submit" name="kind" value=(kind.name()) { (lang.pick(zh, en)) } } }
            }
        }
    }
}

fn recipients(room: &Room, lang: Lang, view: &NoticeView, told: &Recipients, listed: &Listed) -> Markup {
    let here = |state: &str, page: i64| {
        let state = if state.is_empty() { String::new() } else { format!("&told={state}") };
        format!("{}?page={page}{state}#recipients", to(&room.site, "notices", &view.notice.id))
    };
    let all: i64 = told.counts.values().sum();
    let found = if listed.told.is_empty() { all } else { told.counts.get(listed.told.as_str()).copied().unwrap_or(0) };
    let (shown, pages) = (listed.page(), (found + PAGE - 1) / PAGE);
    let current = |state: &str| (listed.told == state).then_some("true");
    html! {
        @if view.newest().is_some() {
            div.card.scroll id="recipients" data-live="outbox. receipts. notice." {
                header { h2 { (lang.pick("发送名单", "Recipients")) } a.soft.small.num href=(here("", 1)) { (all) } }
                p.row { @for (state, zh, en) in STATES { @if let Some(count) = told.counts.get(state) {
                    a href=(here(state, 1)) aria-current=[current(state)] { (lang.pick(zh, en)) " " b.num { (count) } } } } }
                table {
                    @for it in &told.items {
                        tr {
                            td { (it.name) @if it.recipient.since > 1 { " " span.tag { (lang.pick("新增", "added")) } } }
                            td { span.bad[it.state == "failed"] { (STATES.iter().find(|one| one.0 == it.state).map_or(it.state, |one| lang.pick(one.1, one.2))) }
                                @if let Some(at) = it.sent_at { " " span.small.soft { (moment(at)) } }
                                @if let Some(why) = &it.why { " " span.small.soft { (reason_words(why).get(lang)) } } }
                        }
                    }
                }
                @if pages > 1 {
                    p.row {
                        @if shown > 1 { a href=(here(&listed.told, shown - 1)) { (lang.pick("上一页", "previous")) } }
                        span.soft.num { (shown) " / " (pages) }
                        @if shown < pages { a href=(here(&listed.told, shown + 1)) { (lang.pick("下一页", "next page")) } }
                    }
                }
            }
        }
    }
}

fn history(room: &Room, who: &Who, view: &NoticeView) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    html! {
        div.card id="history" data-live="notice." {
            header { h2 { (lang.pick("各版与差别", "Versions and differences")) } }
            @for (i, it) in view.papers.iter().enumerate().rev() {
                details.padded {
                    summary {
                        (lang.pick("第", "version ")) (it.version) (lang.pick("版 ", " ")) (kind(it.kind, lang)) " " (it.number.as_deref().unwrap_or_default()) " "
                        span.small.soft { (state(it, lang)) }
                    }
                    p.small.soft { (story(view, it, lang)) " · " a href=(format!("{}/print?version={}", to(site, "notices", &it.notice), it.version)) { (lang.pick("打印", "print")) } }
                    @if i > 0 { (difference(&view.papers[i - 1], it)) }
                }
            }
        }
    }
}

fn state(paper: &Paper, lang: Lang) -> &'static str {
    match (paper.issued_at, paper.signed_at, paper.submitted_at) {
        (Some(_), Some(_), _) => lang.pick("已签发", "signed"),
        (Some(_), None, _) => lang.pick("口头同意，待补签", "verbal yes, to be signed"),
        (None, _, Some(_)) => lang.pick("待签发", "to be signed"),
        (None, ..) => lang.pick("起草中", "being drafted"),
    }
}

fn story(view: &NoticeView, paper: &Paper, lang: Lang) -> Markup {
    let drafters = paper.drafters.iter().map(|it| view.name(it)).collect::<Vec<_>>().join("、");
    html! {
        (lang.pick("拟稿 ", "drafted by ")) (drafters) " " (moment(paper.drafted_at))
        @if let Some(by) = &paper.said_by {
            " · " (lang.pick("口头同意 ", "verbal yes of ")) (by) " " (paper.said_from.as_deref().unwrap_or_default())
            @if let Some(at) = paper.said_at { " " (moment(at)) }
            " · " (lang.pick("登记 ", "recorded by ")) (view.name(paper.heard_by.as_deref().unwrap_or_default()))
        }
        @if let (Some(by), Some(at)) = (&paper.signed_by, paper.signed_at) { " · " (lang.pick("签发 ", "signed by ")) (view.name(by)) " " (moment(at)) }
    }
}

fn difference(old: &Paper, new: &Paper) -> Markup {
    html! {
        div.difference lang="zh-CN" {
            @for it in compare(&lines(old), &lines(new)) {
                @match it {
                    Line::Same(_) => {},
                    Line::Gone(text) => p { del { (text) } },
                    Line::New(text) => p { ins { (text) } },
                }
            }
        }
    }
}
