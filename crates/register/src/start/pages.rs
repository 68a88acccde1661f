//! The first page after install: drop, columns, findings, the roster at a glance, take it, ring once.

use std::sync::Arc;

use anlan_kernel::{Lang, Problem};
use anlan_store::StoreError;
use anlan_web::{ApiError, ApiResult, Site, Who, asset, page, percent};
use axum::{
    extract::{Form, Multipart, Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{
    api::missing,
    glance::Note,
    service::{self, Work},
    target::target,
};
use crate::{
    import::{
        columns_page,
        matching::{Looks, Match},
    },
    phone,
};

/// Rows shown of a list; the sheet of rows to mend has all.
const SHOWN: usize = 200;

/// An empty register begins with its roster; any other keeper goes to the desk.
pub(super) async fn first(State(site): State<Arc<Site>>, who: Who) -> ApiResult<Response> {
    let to = if service::is_new(&site.world, &who.actor).await? { "/start" } else { "/" };
    Ok(Redirect::to(&site.url(to)).into_response())
}

pub(super) async fn show(State(site): State<Arc<Site>>, who: Who) -> ApiResult<Markup> {
    drop_page(&site, &who, None).await
}

async fn drop_page(site: &Site, who: &Who, wrong: Option<&str>) -> ApiResult<Markup> {
    let lang = who.lang;
    let (is_new, waits) =
        (service::is_new(&site.world, &who.actor).await?, service::last(&site.world, &who.actor).await?);
    let title = lang.pick("导入名册", "Import a roster");
    let body = html! {
        (style(site))
        main.start {
            h1 { @if is_new { (lang.pick("开始使用：拖进一张责任人名册", "Begin: drop the roster of responsible persons")) } @else { (title) } }
            p { (lang.pick(
                "把手头的 Excel 原样拖进来，不用改格式：标题行、两行表头、合并单元格、多张工作表都可以。先核对，确认之前什么都不写入。",
                "Drop the sheet as it is: title lines, two rows of titles, merged cells and several sheets are fine. You look first; nothing is written before you say so.")) }
            form.drop method="post" action=(site.url("/start")) enctype="multipart/form-data" data-drop {
                label for="file" {
                    b { (lang.pick("把表格拖到这里", "Drop the sheet here")) }
                    span.soft { (lang.pick("或点这里选文件 · .xlsx .xlsm .csv，64 MB 以内", "or click to choose a file · .xlsx .xlsm .csv, up to 64 MB")) }
                }
                input id="file" type="file" name="file" accept=".xlsx,.xlsm,.csv,.xls,.et" required;
                button.main type="submit" { (lang.pick("上传并核对", "Upload and look")) }
                progress max="100" value="0" hidden aria-label=(lang.pick("上传进度", "upload")) {}
                p role="alert" data-said { @if let Some(words) = wrong { span.wrong { (words) } } }
            }
            @if let Some((id, name)) = waits {
                p { (lang.pick("上次拖入、还没导入的表：", "Dropped before and not taken yet: "))
                    a href=(site.url(&format!("/start/{id}"))) { @if name.is_empty() { (lang.pick("继续核对", "go on")) } @else { (name) } } }
            }
        }
    };
    Ok(page(site, who, title, body))
}

pub(super) async fn drop_file(State(site): State<Arc<Site>>, who: Who, form: Multipart) -> ApiResult<Response> {
    match read_form(&site, &who, form).await {
        Ok(id) => Ok(Redirect::to(&site.url(&format!("/start/{id}"))).into_response()),
        Err(StoreError::Refused(problem)) => {
            let words = problem.sentence(who.lang);
            Ok((StatusCode::BAD_REQUEST, drop_page(&site, &who, Some(&words)).await?).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

async fn read_form(site: &Site, who: &Who, mut form: Multipart) -> Result<String, StoreError> {
    let broken = |_| {
        let (zh, en) = (
            "上传中断，或文件超过 64 MB，请再试一次",
            "the upload broke off, or the file is larger than 64 MB; try again",
        );
        StoreError::Refused(Problem::new("bad_upload", zh, en))
    };
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if field.name() == Some("file") {
            let name = field.file_name().unwrap_or_default().to_owned();
            let bytes = field.bytes().await.map_err(broken)?;
            return service::drop_file(&site.world, &who.actor, bytes.to_vec(), &name).await;
        }
    }
    Err(StoreError::Refused(Problem::new("bad_body", "请先选一个文件", "choose a file first")))
}

pub(super) async fn one(State(site): State<Arc<Site>>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let work = service::open(&site.world, &who.actor, &id).await.map_err(missing)?;
    let title = who.lang.pick("核对名册", "A roster before it is taken");
    let body = html! {
        (style(&site))
        main.start {
            h1 { (title) " · " (work.name) }
            @match &work.done {
                Some(_) => (done(&site, who.lang, &work)),
                None => (steps(&site, who.lang, &work)),
            }
        }
    };
    Ok(page(&site, &who, title, body))
}

pub(super) async fn choose(
    State(site): State<Arc<Site>>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> ApiResult<Response> {
    service::choose(&site.world, &who.actor, &id, |choices| {
        for (name, value) in form {
            let value = value.trim().to_owned();
            if let Some(column) =
                name.strip_prefix('c').and_then(|it| it.parse::<usize>().ok()).filter(|it| *it < 1_000)
            {
                let columns = &mut choices.columns;
                columns.resize(columns.len().max(column + 1), None);
                columns[column] = Some(value);
            } else if let Some(place) = name.strip_prefix("place:") {
                if value.is_empty() {
                    choices.places.remove(place);
                } else {
                    choices.places.insert(place.to_owned(), value);
                }
            } else {
                match name.as_str() {
                    "sheet" => choices.sheet = value.parse().ok(),
                    "district" => choices.district = Some(value),
                    "duty" => choices.duty = Some(value),
                    "area_code" => {
                        choices.area_code = Some(value.chars().filter(char::is_ascii_digit).take(4).collect())
                    }
                    _ => {}
                }
            }
        }
    })
    .await
    .map_err(missing)?;
    Ok(Redirect::to(&site.url(&format!("/start/{id}"))).into_response())
}

pub(super) async fn take(State(site): State<Arc<Site>>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    service::take(&site.world, &who.actor, &id).await.map_err(missing)?;
    Ok(Redirect::to(&site.url(&format!("/start/{id}"))).into_response())
}

pub(super) async fn forget(State(site): State<Arc<Site>>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    service::forget(&site.world, &who.actor, &id).await.map_err(missing)?;
    Ok(Redirect::to(&site.url("/start")).into_response())
}

pub(super) async fn mend(State(site): State<Arc<Site>>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    let made = service::to_mend(&site.world, &who.actor, &id, who.lang).await.map_err(missing)?;
    let (name, bytes) = made.ok_or_else(ApiError::not_found)?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet".to_owned();
    let disposition = format!("attachment; filename=\"mend.xlsx\"; filename*=UTF-8''{}", percent(&name));
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response())
}

fn style(site: &Site) -> Markup {
    html! {
        link rel="stylesheet" href=(asset(site, "start.css"));
        script type="module" src=(asset(site, "start.js")) {}
    }
}

fn address(site: &Site, work: &Work, rest: &str) -> String {
    site.url(&format!("/start/{}{rest}", work.id))
}

fn steps(site: &Site, lang: Lang, work: &Work) -> Markup {
    html! {
        (columns(site, lang, work))
        @if work.heads.is_some() && work.wanting.is_empty() && work.district.code.is_some() {
            (findings(site, lang, work))
            (glance(lang, work))
            (take_it(site, lang, work))
        }
        form method="post" action=(address(site, work, "/forget")) {
            button.quiet type="submit" { (lang.pick("放弃这张表", "Throw this sheet away")) }
        }
    }
}

fn step(lang: Lang, number: &str, zh: &str, en: &str, more: &Markup, body: &Markup) -> Markup {
    html! { section.card.step { header { h2 { (number) " " (lang.pick(zh, en)) } span.more { (more) } } (body) } }
}

fn columns(site: &Site, lang: Lang, work: &Work) -> Markup {
    let empty = Vec::new();
    let seen = work.heads.as_ref().map_or(&empty, |it| &it.columns);
    let known = work.matching.columns.iter().filter(|it| it.key.is_some()).count();
    let more = html! {
        @if let Some(heads) = &work.heads {
            @match lang {
                Lang::Zh => { "表头在第 " (heads.row) " 行 · 认出 " (known) " / " (seen.len()) " 列" },
                Lang::En => { "titles in row " (heads.row) " · " (known) " of " (seen.len()) " columns known" },
            }
        }
    };
    let open = work.heads.is_none() || !work.wanting.is_empty();
    let body = html! {
        @if work.macros { p.soft { (lang.pick("文件里带有宏；宏不会运行，也不会保存。", "There are macros in the file; none is run or kept.")) } }
        @if work.heads.is_none() {
            p.wrong role="alert" { (lang.pick("没找到表头：前 15 行里没有认识的列名（如 姓名、手机、社区）。请换一张工作表，或检查表格。",
                "No titles were found in the first 15 rows (such as 姓名, 手机, 社区). Choose another sheet, or look at the file.")) }
        }
        @if !work.wanting.is_empty() {
            p.wrong role="alert" { (lang.pick("还不知道哪一列是责任人姓名，请在下面选定。", "It is not known which column holds the names; choose it below.")) }
        }
        @if let Some(problem) = &work.district.problem { p.wrong role="alert" { (problem.message.get(lang)) } }
        form method="post" action=(address(site, work, "")) data-auto {
            p.row {
                @if work.sheets.len() > 1 { label { (lang.pick("工作表 ", "Sheet "))
                    select name="sheet" { @for (at, it) in work.sheets.iter().enumerate() {
                        option value=(at) selected[at == work.sheet] { (it.name) " · " (it.rows) (lang.pick(" 行", " rows")) } } } } }
                label { (lang.pick("区（县） ", "District "))
                    @if work.district.offered.is_empty() {
                        input name="district" value=(work.district.name) autocomplete="off" placeholder=(lang.pick("名称或 6 位代码", "name or 6 digits"));
                    } @else {
                        select name="district" { option value="" { "—" } @for (code, name) in &work.district.offered { option value=(code) { (name) } } }
                    }
                }
                label { (lang.pick("没写职责的算作 ", "Who has no duty is ")) input name="duty" value=(work.duty) autocomplete="off"; }
                label { (lang.pick("座机缺区号时补 ", "Area code to add ")) input.short name="area_code" value=(work.area_code) inputmode="numeric" maxlength="4" autocomplete="off" placeholder="0755"; }
                button type="submit" { (lang.pick("按此重新核对", "Look again")) }
            }
            @if !seen.is_empty() {
                details open[open] {
                    summary { (lang.pick("各列识别为什么（可改，改过的下次自动记得）", "What each column is taken for (can be changed, and is remembered)")) }
                    (columns_page::part(lang, target(), seen, &work.matching, shown))
                    button type="submit" { (lang.pick("按此重新核对", "Look again")) }
                }
            }
        }
    };
    step(lang, "①", "列已识别", "Columns", &more, &body)
}

/// A sample fit to be seen: numbers are masked.
fn shown(known: &Match, sample: &str) -> String {
    let is_phone = known.key.as_deref().and_then(|it| target().known(it)).is_some_and(|it| it.looks == Looks::Phone);
    let digits = sample.chars().filter(char::is_ascii_digit).count();
    if is_phone || (digits >= 7 && phone::is_written(sample)) {
        return phone::split(sample).iter().map(|it| phone::masked(it)).collect::<Vec<_>>().join("、");
    }
    let short: String = sample.chars().take(24).collect();
    if short.len() < sample.len() { format!("{short}…") } else { short }
}

fn findings(site: &Site, lang: Lang, work: &Work) -> Markup {
    let more = html! {
        @match lang {
            Lang::Zh => { (work.problems.len()) " 行需修改 · 跳过 " (work.skipped.len()) " 行" },
            Lang::En => { (work.problems.len()) " rows to mend · " (work.skipped.len()) " left out" },
        }
    };
    let body = html! {
        @if work.problems.is_empty() { p { (lang.pick("没有要修改的行。", "No row needs mending.")) } }
        @else {
            p.row {
                span { (lang.pick("这些行不会导入，其余照常导入；改好后把下载的表再拖进来即可。", "These rows are not taken, all others are. Mend the sheet you download, and drop it again.")) }
                a.button download href=(address(site, work, "/mend.xlsx")) { (lang.pick("下载需修改的行", "Download the rows to mend")) }
            }
            @if !work.unclear.is_empty() { (unclear(site, lang, work)) }
            div.scroll.few tabindex="0" { table { tbody { @for it in work.problems.iter().take(SHOWN) {
                tr { td.num { @if let Some(row) = it.place.row { (row_words(lang, row)) } } td { (it.place.field.as_deref().unwrap_or_default()) } td { (it.message.get(lang)) } }
            } } } }
            (cut(lang, work.problems.len()))
        }
        @if !work.skipped.is_empty() {
            details { summary { (lang.pick("跳过的行", "Rows left out")) }
                table { tbody { @for it in work.skipped.iter().take(SHOWN) { tr { td.num { (row_words(lang, it.row)) } td { (it.why.get(lang)) } } } } }
            }
        }
    };
    step(lang, "②", "发现的问题", "Findings", &more, &body)
}

fn row_words(lang: Lang, row: usize) -> String {
    match lang {
        Lang::Zh => format!("第 {row} 行"),
        Lang::En => format!("row {row}"),
    }
}

fn cut(lang: Lang, all: usize) -> Markup {
    html! { @if all > SHOWN { p.soft { @match lang {
        Lang::Zh => { "共 " (all) " 条，这里列出前 " (SHOWN) " 条" },
        Lang::En => { (all) " in all, the first " (SHOWN) " are shown" },
    } } } }
}

fn unclear(site: &Site, lang: Lang, work: &Work) -> Markup {
    html! {
        form.unclear method="post" action=(address(site, work, "")) {
            h3 { (lang.pick("对不上的地名", "Names of places that are not clear")) }
            @for (it, rows) in work.unclear.iter().take(SHOWN) {
                p.row {
                    label { (it.name) " " span.soft { "（" (rows) (lang.pick(" 行）", " rows)")) } " "
                        select name={ "place:" (it.name) } {
                            option value="" { (lang.pick("请选定…", "choose…")) }
                            @if !it.several { option value="new" { (lang.pick("新建这个地方", "make this place")) } }
                            @for (code, name) in &it.choices { option value=(code) { (name) } }
                        }
                    }
                }
            }
            button type="submit" { (lang.pick("按选定的重新核对", "Look again")) }
        }
    }
}

/// The lists of a glance: key, 中文, English.
const LISTS: [(&str, &str, &str); 6] = [
    ("no_number", "没有号码", "no number"),
    ("bad_number", "号码不能拨打", "numbers that cannot be dialled"),
    ("shared_number", "一号多人", "one number for several"),
    ("no_deputy", "主责没有副职", "leads without a deputy"),
    ("nobody", "无人负责的街道、社区", "streets and communities without anybody"),
    ("number_changed", "号码更改", "numbers that change"),
];

fn glance(lang: Lang, work: &Work) -> Markup {
    let it = &work.glance;
    let tiles = [
        (it.people, "人", "people"),
        (it.posts, "岗位", "posts"),
        (it.streets, "街道（镇）", "streets"),
        (it.communities, "社区（村）", "communities"),
        (it.units, "单位", "organisations"),
    ];
    let of = |key: &str| it.notes.get(key).map_or(0, Vec::len);
    let more = html! {
        @if let Some([new, changed, same]) = it.counted {
            @match lang {
                Lang::Zh => { "新增 " (new) " · 更改 " (changed) " · 不变 " (same) },
                Lang::En => { (new) " new · " (changed) " changed · " (same) " as they are" },
            }
        }
    };
    let body = html! {
        div.tiles.counts { @for (count, zh, en) in tiles { div.tile { b { (count) } span { (lang.pick(zh, en)) } } } }
        div.tiles { @for (key, zh, en) in LISTS.iter().filter(|it| it.0 != "number_changed" || of(it.0) > 0) {
            a.tile.bad[of(key) > 0] href={ "#" (key) } data-opens=(key) { b { (of(key)) } span { (lang.pick(zh, en)) } }
        } }
        @if it.missing > 0 { p.soft { @match lang {
            Lang::Zh => { "名册里这些单位原有的 " (it.missing) " 个岗位不在表中，仍保留。" },
            Lang::En => { (it.missing) " posts of these organisations stand in no row; they stay." },
        } } }
        @for (key, zh, en) in LISTS { @if let Some(notes) = it.notes.get(key) { (list(lang, key, lang.pick(zh, en), notes)) } }
    };
    step(lang, "③", "名册概览", "The roster at a glance", &more, &body)
}

fn list(lang: Lang, key: &str, words: &str, notes: &[Note]) -> Markup {
    html! {
        details id=(key) {
            summary { (words) " · " (notes.len()) }
            table { tbody { @for it in notes.iter().take(SHOWN) {
                tr { td.num { @if let Some(row) = it.row { (row_words(lang, row)) } } td { (it.who) } td { (it.place) } td { (it.problem.message.get(lang)) } }
            } } }
            (cut(lang, notes.len()))
        }
    }
}

fn take_it(site: &Site, lang: Lang, work: &Work) -> Markup {
    let it = &work.glance;
    let body = html! {
        p { (lang.pick("到这里为止什么都没有写入。", "Nothing has been written so far."))
            @if it.new_regions + it.new_units > 0 { @match lang {
                Lang::Zh => { " 同时建立 " (it.new_regions) " 个区划、" (it.new_units) " 个单位。" },
                Lang::En => { " " (it.new_regions) " regions and " (it.new_units) " organisations are made with it." },
            } }
        }
        form method="post" action=(address(site, work, "/take")) {
            button.main.big type="submit" disabled[!work.can_be_taken()] { @match lang {
                Lang::Zh => { "导入：" (it.people) " 人，" (it.posts) " 个岗位" },
                Lang::En => { "Take " (it.people) " people with " (it.posts) " posts" },
            } }
        }
        p.soft { (lang.pick("⑤ 导入后即可试拨一次。", "⑤ After that you can ring once for a test.")) }
    };
    step(lang, "④", "导入", "Take it", &html! {}, &body)
}

fn done(site: &Site, lang: Lang, work: &Work) -> Markup {
    let Some(it) = &work.done else { return html! {} };
    let body = html! {
        p { @match lang {
            Lang::Zh => { (it.people) " 人、" (it.posts) " 个岗位已在名册中（新增 " (it.counted[0]) "，更改 " (it.counted[1]) "，不变 " (it.counted[2]) "）。"
                @if it.left > 0 { "还有 " (it.left) " 行没有导入，改好后再拖进来。" } },
            Lang::En => { (it.people) " people with " (it.posts) " posts stand in the register (" (it.counted[0]) " new, " (it.counted[1]) " changed, " (it.counted[2]) " as they were). "
                @if it.left > 0 { (it.left) " rows were not taken; mend and drop them again." } },
        } }
        p.row {
            a href=(site.url("/people")) { (lang.pick("看责任人", "People")) }
            a href=(site.url("/people/check")) { (lang.pick("号码核查", "Number check")) }
            a href=(site.url("/start")) { (lang.pick("再导入一张", "Another sheet")) }
        }
    };
    let ring = html! {
        p { (lang.pick("选几个人（先选自己）打一个测试电话，看名册和通道是否真的通。开头结尾都会说明是【演练】测试。",
            "Ring a few people (yourself first) to see that roster and channel work. The call says first and last that it is a test.")) }
        a.main.button href=(site.url("/tests/new")) { (lang.pick("试拨一次", "Ring once for a test")) }
    };
    html! {
        (step(lang, "✓", "已导入", "Taken", &html! {}, &body))
        (step(lang, "⑤", "试拨一次", "A test round", &html! {}, &ring))
    }
}
