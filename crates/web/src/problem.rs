//! Problems over HTTP: `application/problem+json`, or a page where a browser asks for one.

use anlan_kernel::{Lang, Problem};
use anlan_store::StoreError;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::html;
use serde_json::{Map, Value as Json, json};

use crate::{Site, Who, pages};

/// A problem with its status; the guard renders it in the caller's language.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    problem: Box<Problem>,
    all: Vec<Problem>,
    retry_after: Option<u64>,
}

/// What handlers answer.
pub type ApiResult<T> = Result<T, ApiError>;

/// Status, stable code, and words for what the kit itself refuses.
const PLAIN: &[(u16, &str, &str, &str)] = &[
    (400, "bad_request", "请求无法理解", "the request cannot be understood"),
    (401, "not_signed_in", "请先登录，或给出有效的令牌", "sign in, or give a valid token"),
    (403, "not_allowed", "当前账号没有这项权限", "this account may not do that"),
    (404, "not_found", "没有这个内容，或不在您的责任区内", "there is no such thing, or it lies outside your duty area"),
    (405, "method_not_allowed", "此地址不支持这种操作", "this address does not take that method"),
    (408, "too_slow", "请求传输太慢", "the request took too long to arrive"),
    (409, "conflict", "与现有内容冲突", "this conflicts with what exists"),
    (413, "too_large", "内容太大", "the body is too large"),
    (415, "bad_content_type", "不支持这种内容类型", "this content type is not understood"),
    (422, "bad_body", "内容的字段不对", "a field of the body is wrong"),
    (429, "too_many_requests", "请求过于频繁，请稍后再试", "too many requests, try again later"),
    (
        500,
        "store_failed",
        "系统暂时无法完成，请重试；仍不行请联系系统管理员",
        "this could not be done now; try again, then ask the system administrator",
    ),
    (503, "not_ready", "系统暂时不可用，请稍后再试", "not available now, try again later"),
];

/// Status titles in both languages.
const TITLES: &[(u16, &str, &str)] = &[
    (400, "请求有误", "Bad request"),
    (401, "未登录", "Not signed in"),
    (403, "不允许", "Not allowed"),
    (404, "找不到", "Not found"),
    (405, "不支持的操作", "Method not allowed"),
    (409, "有冲突", "Conflict"),
    (410, "已失效", "Gone"),
    (413, "内容太大", "Too large"),
    (415, "内容类型不对", "Unsupported content type"),
    (422, "内容有误", "Unprocessable content"),
    (429, "请稍后再试", "Too many requests"),
    (500, "系统出错", "Server error"),
    (503, "暂不可用", "Unavailable"),
];

impl ApiError {
    /// A problem with a status of its own.
    pub fn new(status: StatusCode, problem: Problem) -> Self {
        Self { status, problem: Box::new(problem), all: Vec::new(), retry_after: None }
    }

    /// Everything that is wrong with what was sent: 422, the first one by itself and all of them in `problems`.
    pub fn of_problems(problems: Vec<Problem>) -> Self {
        let first = problems.first().cloned();
        let this = Self::of(StatusCode::UNPROCESSABLE_ENTITY);
        Self { problem: first.map_or(this.problem, Box::new), all: problems, ..this }
    }

    /// There is no such thing, or not for this caller.
    pub fn not_found() -> Self {
        Self::of(StatusCode::NOT_FOUND)
    }

    /// The usual problem of a status.
    pub fn of(status: StatusCode) -> Self {
        let found = PLAIN.iter().find(|it| it.0 == status.as_u16());
        let (_, code, zh, en) = found.unwrap_or(if status.is_server_error() { &PLAIN[11] } else { &PLAIN[0] });
        Self::new(status, Problem::new(*code, *zh, *en))
    }

    /// Seconds after which trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Seconds after which trying again makes sense, where that is known.
    pub fn seconds(&self) -> Option<u64> {
        self.retry_after
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    fn body(&self, lang: Lang) -> Json {
        let mut body = said(&self.problem, lang);
        if !self.all.is_empty() {
            let all: Vec<Json> = self.all.iter().map(|it| Json::Object(said(it, lang))).collect();
            body.insert("problems".into(), json!(all));
        }
        body.insert("type".into(), json!("about:blank"));
        body.insert("title".into(), json!(self.title(lang)));
        body.insert("status".into(), json!(self.status.as_u16()));
        Json::Object(body)
    }

    fn title(&self, lang: Lang) -> String {
        TITLES.iter().find(|it| it.0 == self.status.as_u16()).map_or_else(
            || self.status.canonical_reason().unwrap_or("Problem").to_owned(),
            |(_, zh, en)| lang.pick(zh, en).to_owned(),
        )
    }

    pub(crate) fn to_json(&self, lang: Lang) -> Response {
        self.to_json_with(lang, None)
    }

    /// As [`ApiError::to_json`], with the framework's own words where they tell more.
    pub(crate) fn to_json_with(&self, lang: Lang, technical: Option<&str>) -> Response {
        let mut body = self.body(lang);
        if let Some(words) = technical {
            body["detail"] = json!(format!("{}: {words}", self.problem.message.get(lang)));
        }
        let body = body.to_string();
        let mut response = (
            self.status,
            [(header::CONTENT_TYPE, "application/problem+json"), (header::CONTENT_LANGUAGE, lang.tag())],
            body,
        )
            .into_response();
        self.add_headers(&mut response);
        response
    }

    /// The refusal as a page: in the frame of whoever is logged in, with the way back to what they were doing.
    pub(crate) fn to_page(&self, site: &Site, who: &Who, came_from: Option<&str>) -> Response {
        let (lang, title) = (who.lang, self.title(who.lang));
        let body = html! {
            main.narrow {
                h1 { (title) }
                p.said { (self.in_words(lang)) }
                p.soft.small { (site.world.now().clock()) " · " (self.problem.code) " · " (self.status.as_u16()) }
                div.row {
                    @if let Some(it) = came_from { a.button.main href=(it) data-back { (lang.pick("返回上一页", "Back to the page before")) } }
                    a.button href=(site.url("/")) { (lang.pick("回到首页", "Back to the first page")) }
                }
            }
        };
        let page = if who.has_account() {
            pages::page(site, who, &title, body)
        } else {
            pages::bare_page(site, lang, &title, body)
        };
        let mut response = (self.status, page).into_response();
        self.add_headers(&mut response);
        response
    }

    /// As a person reads it: words name the field, its key is for programs.
    fn in_words(&self, lang: Lang) -> String {
        let mut problem = (*self.problem).clone();
        problem.place.field = None;
        problem.sentence(lang)
    }

    fn add_headers(&self, response: &mut Response) {
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"anlan\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
    }
}

/// Place, code and words of a problem.
fn said(problem: &Problem, lang: Lang) -> Map<String, Json> {
    let mut body = Map::new();
    if let Ok(Json::Object(place)) = serde_json::to_value(&problem.place) {
        body.extend(place);
    }
    body.insert("code".into(), json!(problem.code));
    body.insert("detail".into(), json!(problem.message.get(lang)));
    body
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        let code = problem.code.as_str();
        let status = if code.starts_with("no_such_") || code.starts_with("bad_link") {
            StatusCode::NOT_FOUND
        } else if code.starts_with("bad_") {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::CONFLICT
        };
        Self::new(status, problem)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(problem) => problem.into(),
            StoreError::OutOfScope { .. } => Self::not_found(),
            StoreError::Stale(_) => Self::new(
                StatusCode::CONFLICT,
                Problem::new(
                    "stale",
                    "别人刚刚改过这条记录，请刷新后再试",
                    "somebody else changed this record; reload it and try again",
                ),
            ),
            StoreError::Exists(_) => {
                Self::new(StatusCode::CONFLICT, Problem::new("exists", "这条记录已经存在", "the record exists already"))
            }
            error => {
                tracing::error!(%error, "a request failed in the store");
                Self::of(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.to_json(Lang::default());
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_error_becomes_the_status_a_caller_can_act_on() {
        let refused = |code: &str| StoreError::Refused(Problem::new(code, "不", "no"));
        for (error, status, code) in [
            (refused("no_such_call"), 404, "no_such_call"),
            (refused("bad_link"), 404, "bad_link"),
            (refused("bad_unit"), 400, "bad_unit"),
            (refused("round_ended"), 409, "round_ended"),
            (StoreError::OutOfScope { actor: "user:x".into(), region: "44".into() }, 404, "not_found"),
            (StoreError::Stale("call".into()), 409, "stale"),
            (StoreError::Exists("call".into()), 409, "exists"),
            (StoreError::Engine("disk".into()), 500, "store_failed"),
        ] {
            let error = ApiError::from(error);
            assert_eq!((error.status().as_u16(), error.problem().code.as_str()), (status, code));
        }
    }

    #[test]
    fn the_body_carries_place_and_words_of_one_language() {
        let error = ApiError::from(Problem::new("bad_unit", "单位不认识", "unknown unit").index(3).field("unit"));
        assert_eq!(
            error.body(Lang::En),
            json!({"type": "about:blank", "title": "Bad request", "status": 400, "code": "bad_unit",
                   "detail": "unknown unit", "index": 3, "field": "unit"})
        );
        assert_eq!(error.body(Lang::Zh)["detail"], "单位不认识");
    }
}
