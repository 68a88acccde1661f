//! Drop, columns, findings, take, progress, result, undo; and the list of what was imported.

use anlan_codecs::geo::Datum;
use anlan_kernel::{Lang, Problem};
use anlan_store::StoreError;
use anlan_web::{ApiResult, Who, asset, page};
use axum::{
    extract::{Form, Multipart, Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{
    Room,
    api::{self, clerk, find, missing, of_kind, open},
    drafts::{self, Choices, Waiting},
    findings::{Example, Findings},
    judge::Became,
    mend::is_reason,
    service::{blocking, kind_of},
    target::{Means, has, means, target},
};
use crate::{
    import::{columns_page, matching::Match},
    kinds::{Kind, Placing},
    records::{Batch, list::Reader},
};

/// Sorts of rows: what became of them, 中文, English, opened at once.
const SORTS: [(Became, &str, &str); 4] = [
    (Became::Refused, "需修改", "to mend"),
    (Became::New, "新增", "new"),
    (Became::Changed, "更改", "changed"),
    (Became::Same, "不变", "as it is"),
];

fn style(room: &Room) -> Markup {
    html! {
        link rel="stylesheet" href=(asset(&room.site, "start.css"));
        script type="module" src=(asset(&room.site, "start.js")) {}
        script type="module" src=(asset(&room.site, "transfer.js")) {}
    }
}

fn back(room: &Room, lang: Lang, kind: &Kind) -> Markup {
    html! { p.row {
        a href=(room.site.url(&format!("/register/{}", kind.id))) { "‹ " (kind.title.get(lang)) }
        a href=(room.site.url(&format!("/register/{}/imports", kind.id))) { (lang.pick("导入记录", "Imports")) }
    } }
}

pub(super) async fn show(State(room): State<Room>, who: Who, Path(kind): Path<String>) -> ApiResult<Markup> {
    let kind = kind_of(&room.register, &kind).map_err(missing)?;
    drop_page(&room, &who, &kind, None).await
}

async fn drop_page(room: &Room, who: &Who, kind: &Kind, wrong: Option<&str>) -> ApiResult<Markup> {
    let lang = who.lang;
    let (world, actor, id) = (room.site.world.clone(), who.actor.clone(), kind.id.clone());
    let waiting = blocking(move || drafts::of_kind(&world, &actor, &id)).await?;
    let title = format!("{} · {}", lang.pick("导入", "Import"), kind.title.get(lang));
    let own = format!("/register/{}/import", kind.id);
    let places = kind.place != Placing::None;
    let body = html! {
        (style(room))
        main.start {
            (back(room, lang, kind))
            h1 { (title) }
            p { (lang.pick(
                "把手头的表格原样拖进来：标题行、两行表头、合并单元格、多张工作表都可以。先核对，确认之前什么都不写入。",
                "Drop the sheet as it is: title lines, two rows of titles, merged cells and several sheets are fine. You look first; nothing is written before you say so.")) " "
                a href=(room.site.url(&format!("/register/{}/template.xlsx", kind.id))) download { (lang.pick("下载模板", "Download the template")) } }
            form.drop method="post" action=(room.site.url(&own)) enctype="multipart/form-data" data-drop {
                label for="file" {
                    b { (lang.pick("把文件拖到这里", "Drop the file here")) }
                    span.soft { @if places {
                        (lang.pick("或点这里选文件 · xlsx、csv、GeoJSON、Shapefile（zip）、KML/KMZ，64 MB 以内", "or click to choose a file · xlsx, csv, GeoJSON, shapefile (zip), KML or KMZ, up to 64 MB"))
                    } @else { (lang.pick("或点这里选文件 · xlsx、csv，64 MB 以内", "or click to choose a file · xlsx or csv, up to 64 MB")) } }
                }
                input id="file" type="file" name="file" accept=".xlsx,.xlsm,.csv,.geojson,.json,.zip,.kml,.kmz,.xls,.et" required;
                button.main type="submit" { (lang.pick("上传并核对", "Upload and look")) }
                progress max="100" value="0" hidden aria-label=(lang.pick("上传进度", "upload")) {}
                p role="alert" data-said { @if let Some(words) = wrong { span.wrong { (words) } } }
            }
            @if !waiting.is_empty() {
                p { (lang.pick("已拖入、还没导入的文件：", "Dropped and not taken yet: ")) }
                ul { @for it in &waiting { li {
                    a href=(room.site.url(&format!("{own}/{}", it.id))) { @if it.name.is_empty() { (lang.pick("继续核对", "go on")) } @else { (it.name) } }
                    " " span.small.soft { (&it.at.wall()[..16]) }
                } } }
            }
        }
    };
    Ok(page(&room.site, who, &title, body))
}

pub(super) async fn drop_file(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    form: Multipart,
) -> ApiResult<Response> {
    let kind = kind_of(&room.register, &kind).map_err(missing)?;
    let dropped = async {
        let (name, bytes) =
            crate::files::of_form(form).await.map_err(|it| StoreError::Refused(it.problem().clone()))?;
        room.desk.drop_file(&clerk(&who), &kind.id, bytes, &name, Choices::default()).await
    };
    match dropped.await {
        Ok(it) => Ok(Redirect::to(&room.site.url(&format!("/register/{}/import/{}", kind.id, it.id))).into_response()),
        Err(StoreError::Refused(problem)) => {
            let words = problem.sentence(who.lang);
            Ok((StatusCode::BAD_REQUEST, drop_page(&room, &who, &kind, Some(&words)).await?).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn one(
    State(room): State<Room>,
    who: Who,
    Path((kind, id)): Path<(String, String)>,
) -> ApiResult<Response> {
    let kind = kind_of(&room.register, &kind).map_err(missing)?;
    let waiting = open(&room, &who, &kind.id, &id).await?;
    if waiting.taken {
        return Ok(Redirect::to(&room.site.url(&format!("/imports/{id}"))).into_response());
    }
    let lang = who.lang;
    let title = format!("{} · {}", lang.pick("核对", "Before it is taken"), kind.title.get(lang));
    let own = room.site.url(&format!("/register/{}/import/{id}", kind.id));
    let body = html! {
        (style(&room))
        main.start {
            (back(&room, lang, &kind))
            h1 { (title) }
            p { b { (waiting.name) } }
            @if let Some(problem) = &waiting.failed {
                p.card.wrong role="alert" { (problem.sentence(lang)) }
            } @else if let Some(findings) = &waiting.findings {
                (columns(lang, &kind, &Reader::of(&who), &own, &waiting, findings))
                (found(lang, findings))
                (take_it(lang, &own, findings))
            } @else {
                (looking(&room, lang, &kind, &waiting))
            }
            form method="post" action=(format!("{own}/forget")) { button.quiet type="submit" { (lang.pick("放弃这个文件", "Throw this file away")) } }
        }
    };
    Ok(page(&room.site, &who, &title, body).into_response())
}

fn looking(room: &Room, lang: Lang, kind: &Kind, waiting: &Waiting) -> Markup {
    let poll = room.site.url(&format!("/api/v1/register/{}/import/{}", kind.id, waiting.id));
    let rows = room.desk.looked_at(&waiting.id).unwrap_or_default();
    html! {
        p.card role="status" data-poll=(poll) data-while="looking" data-count="looked" {
            (lang.pick("正在核对，已看 ", "Looking at it: ")) b.num data-counted { (rows) } (lang.pick(" 行…", " rows so far…"))
            " " a href="" { (lang.pick("刷新", "look again")) }
        }
    }
}

fn step(lang: Lang, number: &str, zh: &str, en: &str, more: &Markup, body: &Markup) -> Markup {
    html! { section.card.step { header { h2 { (number) " " (lang.pick(zh, en)) } span.more { (more) } } (body) } }
}

fn columns(lang: Lang, kind: &Kind, reader: &Reader, own: &str, waiting: &Waiting, findings: &Findings) -> Markup {
    let (seen, matching) = findings.seen();
    let known = matching.columns.iter().filter(|it| it.key.is_some()).count();
    let unknown: Vec<&str> = findings
        .columns
        .iter()
        .filter(|it| it.known.key.is_none() && !it.samples.is_empty())
        .map(|it| it.title.as_str())
        .filter(|it| !it.is_empty() && !is_reason(it))
        .collect();
    let more = html! { @match lang {
        Lang::Zh => { "表头在第 " (findings.titles_at) " 行 · 认出 " (known) " / " (seen.len()) " 列" },
        Lang::En => { "titles in row " (findings.titles_at) " · " (known) " of " (seen.len()) " columns known" },
    } };
    let shown = |known: &Match, sample: &str| {
        let field = known.key.as_deref().and_then(|it| means(kind, it)).and_then(|it| match it {
            Means::Field(at) => kind.fields.get(at),
            _ => None,
        });
        // What nobody knows yet may be personal too, where the kind holds such data.
        match field {
            Some(it) => it.personal.filter(|_| !reader.clear).map_or_else(|| short(sample), |it| it.masked(sample)),
            None if known.key.is_none() && kind.is_personal() && !reader.clear => "···".to_owned(),
            None => short(sample),
        }
    };
    let body = html! {
        @if findings.macros { p.soft { (lang.pick("文件里带有宏；宏不会运行，也不会保存。", "There are macros in the file; none is run or kept.")) } }
        @if !findings.wanting.is_empty() {
            p.wrong role="alert" { (lang.pick("没有找到必填的列：", "Required columns that were not found: "))
                (findings.wanting.iter().map(|it| it.get(lang)).collect::<Vec<_>>().join(lang.pick("、", ", ")))
                (lang.pick("。已有的记录仍可更新，新的记录会退回。", ". Records that stand there can be changed; new ones are refused.")) }
        }
        @if !unknown.is_empty() {
            p { (lang.pick("没认出、不导入的列：", "Columns that are not known and not taken in: ")) b { (unknown.join(lang.pick("、", ", "))) }
                (lang.pick("（可在下面选定，下次自动记得）", " (choose below; it is remembered)")) }
        }
        @if let Some(evidence) = &findings.datum.evidence { p.soft { (lang.pick("坐标系：", "Datum: ")) (evidence.get(lang)) } }
        form method="post" action=(own) data-auto {
            p.row {
                @if findings.sheets.len() > 1 { label { (lang.pick("工作表 ", "Sheet "))
                    select name="sheet" { @for (at, it) in findings.sheets.iter().enumerate() { option value=(at) selected[at == findings.sheet] { (it) } } } } }
                @if has(kind, Means::Datum) { (datum(lang, waiting, findings)) }
                label { input type="checkbox" name="blanks" value="1" checked[waiting.choices.blanks]; " "
                    (lang.pick("空白单元格清空原有内容", "empty cells empty what stood there")) }
                button type="submit" { (lang.pick("按此重新核对", "Look again")) }
            }
            details open[!findings.wanting.is_empty()] {
                summary { (lang.pick("各列识别为什么（可改）", "What each column is taken for (can be changed)")) }
                (columns_page::part(lang, &target(kind, reader), &seen, &matching, shown))
                button type="submit" { (lang.pick("按此重新核对", "Look again")) }
            }
        }
    };
    step(lang, "①", "列", "Columns", &more, &body)
}

fn datum(lang: Lang, waiting: &Waiting, findings: &Findings) -> Markup {
    let chosen = waiting.choices.datum.or(findings.datum.datum);
    html! {
        @if findings.datum.asked { span.wrong role="alert" { (lang.pick("不能确定坐标系，请选定 →", "The datum cannot be told: choose it →")) } }
        label { (lang.pick("坐标系 ", "Datum "))
            select name="datum" {
                option value="" { (lang.pick("自动判断", "told by the outlines")) }
                @for it in Datum::ALL { option value=(it.name()) selected[chosen == Some(it)] { (lang.pick(it.zh(), it.name())) } }
            }
        }
    }
}

fn short(text: &str) -> String {
    let short: String = text.chars().take(24).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

fn row_words(lang: Lang, row: usize) -> String {
    match lang {
        Lang::Zh => format!("第 {row} 行"),
        Lang::En => format!("row {row}"),
    }
}

fn found(lang: Lang, findings: &Findings) -> Markup {
    let it = &findings.counts;
    let of = |became: Became| match became {
        Became::New => it.new,
        Became::Changed => it.changed,
        Became::Same => it.same,
        Became::Refused => it.refused,
    };
    let more = html! { @match lang {
        Lang::Zh => { "共 " (it.rows) " 行 · 跳过 " (it.skipped) " 行" },
        Lang::En => { (it.rows) " rows · " (it.skipped) " left out" },
    } };
    let body = html! {
        div.tiles.counts { @for (became, zh, en) in SORTS {
            a.tile.bad[became == Became::Refused && of(became) > 0] href=(format!("#{en}")) data-opens=(en) { b { (of(became)) } span { (lang.pick(zh, en)) } }
        }
            a.tile href="#notes" data-opens="notes" { b { (it.notes) } span { (lang.pick("请留意", "to look at")) } }
        }
        @if it.refused > 0 { p { (lang.pick("需修改的行不会导入，其余照常导入；导入后可下载这些行（附原因），改好再拖进来。",
            "Rows to mend are not taken, all others are. After that you can download them with their reasons, mend and drop them again.")) } }
        @for (became, zh, en) in SORTS { @if of(became) > 0 {
            details id=(en) open[became == Became::Refused] {
                summary { (lang.pick(zh, en)) " · " (of(became)) }
                div.scroll.few tabindex="0" { table { tbody { @for it in findings.examples.iter().filter(|it| it.became == became) { (example(lang, it)) } } } }
                (cut(lang, of(became), findings.shown(became)))
            }
        } }
        (problems(lang, "notes", lang.pick("请留意", "To look at"), &findings.notes, it.notes))
        (problems(lang, "skipped", lang.pick("跳过的行", "Rows left out"), &findings.skipped, it.skipped))
    };
    step(lang, "②", "核对结果", "Findings", &more, &body)
}

fn example(lang: Lang, it: &Example) -> Markup {
    html! { tr {
        td.num { (row_words(lang, it.row)) }
        td { (it.title) }
        td {
            @for problem in &it.problems { div { @if let Some(field) = &problem.place.field { b { (field) } " " } (problem.message.get(lang)) } }
            @for change in &it.differences { div { b { (change.field) } " " s.soft { (blank(&change.before)) } " → " (blank(&change.after)) } }
        }
    } }
}

fn blank(text: &str) -> &str {
    if text.is_empty() { "—" } else { text }
}

fn cut(lang: Lang, all: usize, shown: usize) -> Markup {
    html! { @if all > shown { p.soft { @match lang {
        Lang::Zh => { "共 " (all) " 行，这里列出前 " (shown) " 行" },
        Lang::En => { (all) " in all, the first " (shown) " are shown" },
    } } } }
}

fn problems(lang: Lang, id: &str, words: &str, list: &[Problem], all: usize) -> Markup {
    html! { @if !list.is_empty() {
        details id=(id) {
            summary { (words) " · " (all) }
            div.scroll.few tabindex="0" { table { tbody { @for it in list {
                tr { td.num { @if let Some(row) = it.place.row { (row_words(lang, row)) } } td { (it.message.get(lang)) } }
            } } } }
            (cut(lang, all, list.len()))
        }
    } }
}

fn take_it(lang: Lang, own: &str, findings: &Findings) -> Markup {
    let it = &findings.counts;
    let good = it.new + it.changed + it.same;
    let body = html! {
        p { (lang.pick("到这里为止什么都没有写入。导入后可以整批撤销。", "Nothing has been written so far. What is taken can be undone as a whole.")) }
        form method="post" action=(format!("{own}/take")) {
            button.main.big type="submit" disabled[good == 0 || findings.datum.asked] { @match lang {
                Lang::Zh => { "导入：新增 " (it.new) "，更改 " (it.changed) },
                Lang::En => { "Take it: " (it.new) " new, " (it.changed) " changed" },
            } }
        }
    };
    step(lang, "③", "导入", "Take it", &html! {}, &body)
}

pub(super) async fn choose(
    State(room): State<Room>,
    who: Who,
    Path((kind, id)): Path<(String, String)>,
    Form(form): Form<Vec<(String, String)>>,
) -> ApiResult<Response> {
    open(&room, &who, &kind, &id).await?;
    let change = |choices: &mut Choices| {
        choices.blanks = form.iter().any(|it| it.0 == "blanks");
        let mut columns = Vec::new();
        for (name, value) in &form {
            let value = value.trim();
            match name.as_str() {
                "sheet" => choices.sheet = value.parse().ok(),
                "datum" => choices.datum = Datum::parse(value),
                _ => {
                    let Some(at) =
                        name.strip_prefix('c').and_then(|it| it.parse::<usize>().ok()).filter(|it| *it < 2_000)
                    else {
                        continue;
                    };
                    columns.resize(columns.len().max(at + 1), None);
                    columns[at] = Some(value.to_owned());
                }
            }
        }
        if !columns.is_empty() {
            choices.columns = columns;
        }
    };
    room.desk.choose(&clerk(&who), &id, change).await.map_err(missing)?;
    Ok(Redirect::to(&room.site.url(&format!("/register/{kind}/import/{id}"))).into_response())
}

pub(super) async fn take(
    State(room): State<Room>,
    who: Who,
    Path((kind, id)): Path<(String, String)>,
) -> ApiResult<Response> {
    api::begin(&room, &who, &kind, &id).await?;
    Ok(Redirect::to(&room.site.url(&format!("/imports/{id}"))).into_response())
}

pub(super) async fn forget(
    State(room): State<Room>,
    who: Who,
    Path((kind, id)): Path<(String, String)>,
) -> ApiResult<Response> {
    open(&room, &who, &kind, &id).await?;
    room.desk.forget(&clerk(&who), &id).await.map_err(missing)?;
    Ok(Redirect::to(&room.site.url(&format!("/register/{kind}/import"))).into_response())
}

pub(super) async fn undo(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    api::begin_undo(&room, &who, &id).await?;
    Ok(Redirect::to(&room.site.url(&format!("/imports/{id}"))).into_response())
}

fn state_words(lang: Lang, state: &str) -> &'static str {
    match state {
        "running" => lang.pick("正在导入", "being taken"),
        "undoing" => lang.pick("正在撤销", "being undone"),
        "undone" => lang.pick("已撤销", "undone"),
        _ => lang.pick("已导入", "taken"),
    }
}

fn undo_form(room: &Room, lang: Lang, batch: &Batch) -> Markup {
    html! { @if batch.state == "done" && batch.created + batch.changed > 0 {
        form method="post" action=(room.site.url(&format!("/imports/{}/undo", batch.id))) data-confirm=(lang.pick("撤销这次导入？新增的记录会删除，更改的记录恢复原样。", "Undo this import? New records are removed, changed ones stand as before.")) {
            button.quiet type="submit" { (lang.pick("撤销这次导入", "Undo this import")) }
        }
    } }
}

pub(super) async fn batch(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let seen = find(&room, &who, &id).await?;
    let (batch, lang) = (&seen.batch, who.lang);
    let title = lang.pick("导入结果", "What became of an import");
    let kind = room.register.catalog().kind(&batch.kind).cloned();
    let poll = room.site.url(&format!("/api/v1/imports/{id}"));
    let done = batch.created + batch.changed + batch.same + batch.refused;
    let active = matches!(batch.state.as_str(), "running" | "undoing");
    let body = html! {
        (style(&room))
        main.start {
            @if let Some(kind) = &kind { (back(&room, lang, kind)) }
            h1 { (title) }
            section.card {
                p { b { (batch.file) } " · " (state_words(lang, &batch.state)) " · " (batch.actor) " · " span.num { (&batch.began_at.wall()[..16]) } }
                @if active {
                    p role="status" data-poll=(poll) data-while=(batch.state) data-count="done" {
                        (state_words(lang, &batch.state)) "：" b.num data-counted { (done) } @if let Some(rows) = seen.rows { " / " (rows) }
                        " " a href="" { (lang.pick("刷新", "look again")) }
                        @if let Some(rows) = seen.rows { progress max=(rows) value=(done) data-bar {} }
                    }
                }
                div.tiles.counts { @for (count, zh, en) in [(batch.created, "新增", "new"), (batch.changed, "更改", "changed"), (batch.same, "不变", "as they were"), (batch.refused, "需修改", "to mend")] {
                    div.tile { b { (count) } span { (lang.pick(zh, en)) } }
                } }
                @if seen.mend { p { a.button.main download href=(room.site.url(&format!("/register/{}/import/{id}/mend.xlsx", batch.kind))) {
                    (lang.pick("下载需修改的行（附原因）", "Download the rows to mend, with their reasons")) } } }
                @if batch.state == "done" { p { a href=(room.site.url(&format!("/register/{}?batch={id}", batch.kind))) { (lang.pick("看这次导入的记录", "Records of this import")) } } }
                (undo_form(&room, lang, batch))
            }
            @if !seen.left.is_empty() {
                section.card {
                    h2 { (lang.pick("导入后又改过、保留下来的记录", "Records that were changed since and are left")) " · " (seen.left.len()) }
                    ul { @for it in seen.left.iter().take(200) { li { a href=(room.site.url(&format!("/records/{}", it.id))) { (it.id) } } } }
                }
            }
        }
    };
    Ok(page(&room.site, &who, title, body))
}

pub(super) async fn batches(State(room): State<Room>, who: Who, Path(kind): Path<String>) -> ApiResult<Markup> {
    let batches = of_kind(&room, &who, &kind).await?;
    let kind = kind_of(&room.register, &kind).map_err(missing)?;
    let lang = who.lang;
    let title = format!("{} · {}", lang.pick("导入记录", "Imports"), kind.title.get(lang));
    let heads = [
        ("时间", "When"),
        ("文件", "File"),
        ("谁", "Who"),
        ("状态", "State"),
        ("新增", "New"),
        ("更改", "Changed"),
        ("不变", "Same"),
        ("需修改", "To mend"),
        ("", ""),
    ];
    let body = html! {
        (style(&room))
        main.start {
            p.row {
                a href=(room.site.url(&format!("/register/{}", kind.id))) { "‹ " (kind.title.get(lang)) }
                a.button.main href=(room.site.url(&format!("/register/{}/import", kind.id))) { (lang.pick("导入", "Import")) }
            }
            h1 { (title) }
            @if batches.is_empty() { p.soft { (lang.pick("还没有导入过。", "Nothing was imported yet.")) } }
            @else { div.card.scroll tabindex="0" { table {
                thead { tr { @for (zh, en) in heads { th scope="col" { (lang.pick(zh, en)) } } } }
                tbody { @for it in &batches { tr {
                    td.num { a href=(room.site.url(&format!("/imports/{}", it.id))) { (&it.began_at.wall()[..16]) } }
                    td { (it.file) } td { (it.actor) } td { (state_words(lang, &it.state)) }
                    @for count in [it.created, it.changed, it.same, it.refused] { td.num { (count) } }
                    td { (undo_form(&room, lang, it)) }
                } } }
            } } }
        }
    };
    Ok(page(&room.site, &who, &title, body))
}
