//! Rules: as written, with every version they had.

use anlan_kernel::{Instant, Lang, Problem};
use anlan_web::{ApiError, ApiResult, Who};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{ProblemView, Room, elsewhere, lists::ListQuery};
use crate::{model::RuleSet, service::RulesError, store};

/// One version without its text.
#[derive(Serialize)]
pub(super) struct VersionView {
    id: String,
    source: String,
    version: i64,
    set_by: String,
    active_from: Instant,
    active: bool,
}

/// One version with its text, and those before and after it.
#[derive(Serialize)]
pub(super) struct RulesView {
    #[serde(flatten)]
    version: VersionView,
    toml: String,
    history: Vec<VersionView>,
}

impl From<&RuleSet> for VersionView {
    fn from(set: &RuleSet) -> Self {
        Self {
            id: set.id.clone(),
            source: set.source.clone(),
            version: set.version,
            set_by: set.set_by.clone(),
            active_from: set.active_from,
            active: set.active,
        }
    }
}

/// What judges now, by source.
pub(super) async fn list(State(room): State<Room>, who: Who) -> ApiResult<Json<Value>> {
    let sets = room.site.world.read(&who.actor, store::rule_set_active).await?;
    let items: Vec<_> = sets.iter().map(VersionView::from).collect();
    Ok(Json(json!({"items": items, "next": null, "at": room.site.world.now()})))
}

/// Which version is wanted.
#[derive(Deserialize)]
pub(super) struct VersionQuery {
    version: Option<i64>,
}

/// The rules of a source: those that judge now, of `version`, or at `at`.
pub(super) async fn one(
    State(room): State<Room>,
    who: Who,
    Path(source): Path<String>,
    Query(wanted): Query<VersionQuery>,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<RulesView>> {
    let at = query.at()?;
    let sets = room.site.world.read(&who.actor, move |tx| store::rule_set_history(tx, &source)).await?;
    let found = match (wanted.version, at) {
        (Some(version), _) => sets.iter().find(|it| it.version == version),
        (None, Some(at)) => sets.iter().find(|it| it.active_from <= at),
        (None, None) => sets.iter().find(|it| it.active),
    };
    Ok(Json(view(found.ok_or_else(ApiError::not_found)?, &sets)))
}

fn view(set: &RuleSet, sets: &[RuleSet]) -> RulesView {
    RulesView { version: set.into(), toml: set.toml.clone(), history: sets.iter().map(VersionView::from).collect() }
}

/// Makes the body (TOML) the rules of a source from now on; nobody is alarmed about the past.
pub(super) async fn replace(
    State(room): State<Room>,
    who: Who,
    Path(source): Path<String>,
    body: Bytes,
) -> ApiResult<Response> {
    check_source(&source)?;
    let toml = match std::str::from_utf8(&body) {
        Ok(toml) => toml,
        Err(error) => return Ok(wrong(vec![not_utf8(error.valid_up_to())], who.lang)),
    };
    match room.monitor.set_rules(&who.actor, &source, toml).await {
        Ok(set) => {
            let sets = room.site.world.read(&who.actor, move |tx| store::rule_set_history(tx, &source)).await?;
            Ok(Json(view(&set, &sets)).into_response())
        }
        Err(RulesError::Wrong(problems)) => Ok(wrong(problems, who.lang)),
        Err(RulesError::Store(error)) => Err(elsewhere(error)),
    }
}

/// A source is named like a pack.
fn check_source(source: &str) -> Result<(), Problem> {
    let fine =
        (1..=64).contains(&source.len()) && source.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it));
    if fine {
        return Ok(());
    }
    Err(Problem::new(
        "bad_source",
        "规则来源应为 1 至 64 个字母、数字、横线或下划线",
        "a source of rules is named by 1 to 64 letters, digits, hyphens or underscores",
    )
    .field("source"))
}

fn not_utf8(byte: usize) -> Problem {
    Problem::new("not_utf8", "规则不是 UTF-8 文字", "the rules are not UTF-8").byte(byte)
}

/// Every problem at once; the place of the first one stands outside as well.
fn wrong(problems: Vec<Problem>, lang: Lang) -> Response {
    let mut body = Map::new();
    if let Some(first) = problems.first() {
        if let Ok(Value::Object(place)) = serde_json::to_value(&first.place) {
            body.extend(place);
        }
        body.insert("detail".into(), json!(first.sentence(lang)));
    }
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    body.insert("type".into(), json!("about:blank"));
    body.insert("title".into(), json!(lang.pick("规则有误", "The rules are wrong")));
    body.insert("status".into(), json!(status.as_u16()));
    body.insert("code".into(), json!("bad_rules"));
    body.insert("problems".into(), json!(ProblemView::all(problems, lang)));
    let kind = [(header::CONTENT_TYPE, "application/problem+json"), (header::CONTENT_LANGUAGE, lang.tag())];
    (status, kind, Value::Object(body).to_string()).into_response()
}
