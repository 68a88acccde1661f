//! The page of all answers, by kind.

use std::sync::Arc;

use anlan_kernel::Lang;
use anlan_store::{StoreError, Tx};
use anlan_web::{ApiResult, Site, Who, page, percent};
use axum::extract::{Query, State};
use maud::{Markup, html};

use super::{
    COUNTED, Count, Hit,
    api::{Answer, FindQuery, Question, dressed, kind_name},
    counts, search,
};

/// Hits of a kind among others.
const FEW: usize = 8;
/// Hits of the one kind that was asked for.
const MANY: usize = 100;

/// What was found of one kind.
struct Group {
    count: Count,
    answers: Vec<Answer>,
}

pub(super) async fn page_of_answers(
    State(site): State<Arc<Site>>,
    who: Who,
    Query(query): Query<FindQuery>,
) -> ApiResult<Markup> {
    let question = Question::of(&who, &query)?;
    let (text, lang) = (question.text.clone(), who.lang);
    let one = query.kinds.as_deref().is_some_and(|it| !it.is_empty() && !it.contains(','));
    let shown = Arc::clone(&site);
    let read = move |tx: &mut Tx<'_>| groups(tx, &shown, lang, &question, if one { MANY } else { FEW });
    let groups = site.world.read(&who.actor, read).await?;
    let title = lang.pick("查找", "Find");
    let body = html! { main {
        h1 { (title) }
        form.row method="get" action=(site.url("/find")) role="search" {
            input type="search" name="q" value=(text) maxlength="64" autofocus[text.is_empty()]
                aria-label=(lang.pick("查找", "Find"));
            button { (title) }
        }
        @if text.trim().is_empty() {
            p.soft { (lang.pick(
                "可查名称、拼音或首字母（打鼓岭、daguling、dgl）、号码后四位、信用代码、车牌、地址；几个词用空格隔开，须全部符合。",
                "Names, their spelling or initials (打鼓岭, daguling, dgl), the last four digits of a number, credit codes, plates, \
                 addresses; of several words between blanks all have to be there.")) }
        } @else if groups.is_empty() {
            p role="status" { (lang.pick("责任区内没有找到", "Nothing found in your duty areas")) }
        }
        @for group in &groups { (card(&site, lang, &text, group, one)) }
    } };
    Ok(page(&site, &who, title, body))
}

/// The kind of the nearest hit first.
fn groups(
    tx: &mut Tx<'_>,
    site: &Site,
    lang: Lang,
    question: &Question,
    most: usize,
) -> Result<Vec<Group>, StoreError> {
    let mut groups = Vec::new();
    for count in question.ask(None, most, |ask| counts(tx, ask))? {
        let hits: Vec<Hit> = question.ask(Some(&[count.kind.as_str()]), most, |ask| search(tx, ask))?;
        if let Some(nearest) = hits.first().map(|it| it.why) {
            groups.push((nearest, Group { count, answers: dressed(tx, site, lang, question, hits)? }));
        }
    }
    groups.sort_by(|a, b| (a.0, &a.1.count.kind).cmp(&(b.0, &b.1.count.kind)));
    Ok(groups.into_iter().map(|it| it.1).collect())
}

fn card(site: &Site, lang: Lang, text: &str, group: &Group, one: bool) -> Markup {
    let Count { kind, count } = &group.count;
    let more = *count > group.answers.len();
    html! { section.card aria-label=(kind_name(site, kind, lang)) {
        header {
            h2 { (kind_name(site, kind, lang)) }
            span.num { (count) @if *count >= COUNTED { "+" } }
            @if more && !one {
                a.more href={ (site.url("/find")) "?q=" (percent(text)) "&kinds=" (percent(kind)) } { (lang.pick("全部", "All")) }
            } @else if more {
                span.more.soft { (lang.pick("只列最相近的，请加词缩小范围", "The nearest are listed; add a word to narrow it down")) }
            }
        }
        table { tbody { @for it in &group.answers {
            tr {
                td { a href=(it.url) { (it.hit.title) } }
                td.soft { (it.hit.detail) }
                td.num { (it.hit.region) }
            }
        } } }
    } }
}
