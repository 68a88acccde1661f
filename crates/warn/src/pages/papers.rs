//! Papers of a process: 过程总结 and 尽职证据包, to be read and printed.

use anlan_kernel::Lang;
use anlan_web::{ApiResult, Site, Who, page};
use axum::extract::{Path, State};
use maud::{Markup, html};

use super::parts::to;
use crate::{
    api::{Room, read_evidence, read_summary},
    effect::{
        evidence::{Evidence, Item, Part},
        prose::Piece,
        summary::Summary,
    },
};

/// 过程总结.
pub(super) async fn summary(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let (written, view) = read_summary(&room, &who, id).await?;
    let back = to(&room.site, "processes", &view.process.id);
    Ok(page(&room.site, &who, &written.title, summary_body(&room.site, who.lang, &written, &back)))
}

fn summary_body(site: &Site, lang: Lang, it: &Summary, back: &str) -> Markup {
    html! {
        main.paper {
            (tools(lang, back))
            h1 { (it.title) }
            p.cut { (site.speaker) " · " (lang.pick("数据截至 ", "as of ")) time datetime=(it.as_of.to_rfc3339()) { (it.as_of.wall()) } }
            @for paragraph in &it.paragraphs {
                h2 { (paragraph.head) }
                p { @for piece in &paragraph.pieces { (shown(site, piece)) } }
            }
            p.small.soft { (match lang {
                Lang::Zh => format!("本总结由系统依据操作日志第 {} 条及以前的记录生成；每个数字均可点开其名单，未经人工填写。", it.position),
                Lang::En => format!("Written by the program from the journal up to entry {}; every figure opens its list, none was typed.", it.position),
            }) }
        }
    }
}

fn shown(site: &Site, piece: &Piece) -> Markup {
    match piece {
        Piece::Words(words) => html! { (words) },
        Piece::Figure { value, opens } => html! { a.figure href=(site.url(opens)) { (value) } },
    }
}

fn tools(lang: Lang, back: &str) -> Markup {
    html! {
        div.row.tools {
            a href=(back) { (lang.pick("回到过程", "Back to the process")) }
            button type="button" data-print { (lang.pick("打印", "Print")) }
        }
    }
}

/// 尽职证据包.
pub(super) async fn evidence(
    State(room): State<Room>,
    who: Who,
    Path((process, person)): Path<(String, String)>,
) -> ApiResult<Markup> {
    let found = read_evidence(&room, &who, process, person).await?;
    let back = to(&room.site, "processes", &found.process);
    Ok(page(&room.site, &who, found.title.get(who.lang), evidence_body(&room.site, who.lang, &found, &back)))
}

fn evidence_body(site: &Site, lang: Lang, it: &Evidence, back: &str) -> Markup {
    let parts = [
        (Part::Received, lang.pick("一、我收到的", "1. What I received")),
        (Part::Did, lang.pick("二、我做的", "2. What I did")),
        (Part::Told, lang.pick("三、我告知的", "3. Whom I told")),
    ];
    html! {
        main.paper {
            (tools(lang, back))
            h1 { (it.title.get(lang)) }
            p.cut { b { (it.name) } " " (it.unit) " · " (lang.pick("数据截至 ", "as of ")) time datetime=(it.at.to_rfc3339()) { (it.at.wall()) } }
            @for (part, words) in parts {
                h2 { (words) }
                @let items: Vec<_> = it.items.iter().filter(|it| it.part == part).collect();
                @if items.is_empty() { p.soft { (lang.pick("本过程中没有记录。", "Nothing is recorded in this process.")) } }
                @else {
                    div.scroll tabindex="0" { table.proofs {
                        thead { tr {
                            th { (lang.pick("时间", "Time")) } th { (lang.pick("事项", "What")) }
                            th.num { (lang.pick("日志序号", "Entry")) } th { (lang.pick("摘要值", "Digest")) }
                        } }
                        tbody { @for item in items { (proved(item, lang)) } }
                    } }
                }
            }
            (signed(site, lang, it))
        }
    }
}

fn proved(item: &Item, lang: Lang) -> Markup {
    html! {
        tr {
            td.num { (item.at.wall()) }
            td { (item.words.get(lang)) }
            td.num { @if let Some(it) = &item.proof { (it.position) } @else { "—" } }
            td { @if let Some(it) = &item.proof { code.digest { (it.hash) } } }
        }
    }
}

fn signed(site: &Site, lang: Lang, it: &Evidence) -> Markup {
    html! {
        h2 { (lang.pick("四、如何核验", "4. How to verify")) }
        p { (lang.pick(
            "摘要值是操作日志该条的 SHA-256 链值，前后相扣；下列签封覆盖上述全部条目。将签封一行存为文件，运行 anlan verify --head 文件，即可查出任何改动、缺失或截断。",
            "A digest is the SHA-256 chain value of that journal entry. The signed head below covers every entry named. Save its line as a file and run anlan verify --head FILE: any change, gap or cut is found.",
        )) }
        @if let Some(head) = &it.head {
            pre.head { (serde_json::to_string(head).unwrap_or_default()) }
        } @else { p.soft { (lang.pick("尚无已封存的条目。", "Nothing is sealed yet.")) } }
        p.small.soft { (site.speaker) " · " (lang.pick(
            "本记录只陈述发生了什么；他人姓名隐去；本次查看已记入操作日志。",
            "This record says what happened; names of others are masked; this look stands in the journal.",
        )) }
    }
}
