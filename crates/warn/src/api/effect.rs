//! What came of a process: effect analysis, timeline, summary.

use std::collections::BTreeMap;

use anlan_kernel::{Actor, Instant, Permission, RegionCode, Text};
use anlan_register::{callee_title, contacts, model::masked_name};
use anlan_store::{StoreError, Tx};
use anlan_web::{ApiError, ApiResult, Who, accounts};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    ProcessView, Room, RoundView,
    lists::{List, ListQuery, cursor, region_of},
    processes::read_process,
};
use crate::{
    effect::{
        Figures, Measured,
        measure::{self, Point, by, curve, minute_of, part_of},
        read, sheet,
        silence::{self, Silent},
        summary::{self, Facts, Summary},
        timeline::{self, Line},
    },
    pages::hazard,
    standing::speaking_of,
};

/// What an analysis is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct EffectQuery {
    /// The round; the newest one that started where none is named.
    pub round: Option<String>,
    /// The region whose parts are compared.
    pub region: Option<String>,
}

/// One row of a group.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Part {
    pub key: String,
    pub name: Text,
    /// What leads the list of calls to its people: `&region=440303001`.
    pub filter: String,
    #[serde(flatten)]
    pub figures: Figures,
}

/// The same calls, seen by region, by part of the audience, by channel.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Group {
    pub key: &'static str,
    pub title: Text,
    pub rows: Vec<Part>,
}

/// Somebody without contact several times in a row, as far as the reader may see it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SilentView {
    #[serde(flatten)]
    pub silent: Silent,
    pub name: String,
    pub organisation: String,
}

/// 叫应效能分析 of one round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EffectView {
    pub process: String,
    pub round: String,
    pub level: u8,
    pub started_at: Option<Instant>,
    pub title: Text,
    /// 数据截至.
    pub at: Instant,
    pub region: RegionCode,
    pub region_name: String,
    /// Where the whole is a part: as [`Part::filter`].
    pub filter: String,
    pub total: Figures,
    pub groups: Vec<Group>,
    pub curve: Vec<Point>,
    /// The minutes by whose end half and 95 % of those asked had answered or heard in full.
    pub minute_50: Option<i64>,
    pub minute_95: Option<i64>,
    /// Most calls at one moment.
    pub lines: usize,
    pub silent: Vec<SilentView>,
    /// How many stand on the whole list of the silent.
    pub silent_count: usize,
}

/// The analysis as JSON.
pub(super) async fn effect(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(query): Query<EffectQuery>,
) -> ApiResult<Json<EffectView>> {
    Ok(Json(read_effect(&room, &who, id, &query).await?.0))
}

/// The analysis as a sheet.
pub(crate) async fn sheet(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(query): Query<EffectQuery>,
) -> ApiResult<Response> {
    let (view, _) = read_effect(&room, &who, id, &query).await?;
    let bytes = sheet::xlsx(&view, who.lang)?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let name = format!("attachment; filename=\"effect-{}.xlsx\"", view.round);
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

/// See [`effect`].
pub(crate) async fn read_effect(
    room: &Room,
    who: &Who,
    id: String,
    query: &EffectQuery,
) -> ApiResult<(EffectView, ProcessView)> {
    let at = room.site.world.now();
    let process = read_process(room, who, id).await?;
    let round = chosen(&process, query).ok_or_else(ApiError::not_found)?.round.clone();
    let region = query.region.as_deref().filter(|it| !it.is_empty()).map(region_of).transpose()?;
    let (asked, named) =
        (region.clone().unwrap_or_else(|| process.process.region.clone()), who.may(Permission::SeePeople));
    let (id, rounds) = (round.id.clone(), process.rounds.iter().map(|it| it.round.id.clone()).collect::<Vec<_>>());
    let inside = region.clone();
    let (calls, spans, names, silent, count) = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let calls = read::measured(tx, &id)?;
            let mut silent = silence::read(tx, &rounds, inside.as_ref())?;
            let count = silent.len();
            silent.truncate(silence::SHOWN);
            let spans = read::spans(tx, &id, inside.as_ref())?;
            Ok((calls, spans, read::names(tx, &asked)?, silent_views(tx, silent, named)?, count))
        })
        .await?;
    let calls: Vec<Measured> = match &region {
        Some(region) => calls.into_iter().filter(|it| region.covers(&it.region)).collect(),
        None => calls,
    };
    let base = region.clone().unwrap_or_else(|| base_of(&process.process.region, &calls));
    let curve = round.started_at.map(|start| curve(&calls, start)).unwrap_or_default();
    let total = Figures::of(&calls, round.started_at);
    let all = usize::try_from(total.asked).unwrap_or(0);
    let name = |code: &RegionCode| names.get(code.as_str()).cloned().unwrap_or_else(|| code.to_string());
    let view = EffectView {
        process: process.process.id.clone(),
        level: round.level,
        started_at: round.started_at,
        title: Text::new(
            format!("叫应效能分析 · {}", round.cause),
            format!("Effect of the call-out · {}", round.cause),
        ),
        at,
        region_name: name(&base),
        filter: region.as_ref().map(|it| format!("&region={it}")).unwrap_or_default(),
        groups: groups(&calls, &base, round.started_at, region.as_ref(), &name),
        minute_50: minute_of(&curve, all, 50),
        minute_95: minute_of(&curve, all, 95),
        lines: measure::at_once(&spans),
        region: base,
        round: round.id,
        curve,
        total,
        silent,
        silent_count: count,
    };
    Ok((view, process))
}

fn chosen<'a>(process: &'a ProcessView, query: &EffectQuery) -> Option<&'a RoundView> {
    match query.round.as_deref().filter(|it| !it.is_empty()) {
        Some(id) => process.rounds.iter().find(|it| it.round.id == id),
        None => {
            let started = process.rounds.iter().find(|it| it.round.started_at.is_some() && it.counts.called > 0);
            started.or(process.rounds.first())
        }
    }
}

/// Of whom all lie in one street, the communities of that street are compared.
fn base_of(district: &RegionCode, calls: &[Measured]) -> RegionCode {
    let mut parts = calls.iter().filter_map(|it| part_of(district, &it.region));
    match parts.next() {
        Some(first) if parts.all(|it| it == first) => first,
        _ => district.clone(),
    }
}

fn groups(
    calls: &[Measured],
    base: &RegionCode,
    start: Option<Instant>,
    asked: Option<&RegionCode>,
    name: &dyn Fn(&RegionCode) -> String,
) -> Vec<Group> {
    let inside = asked.map(|it| format!("&region={it}")).unwrap_or_default();
    let regions = by(calls, start, |it| part_of(base, &it.region)).into_iter().map(|(code, figures)| {
        let own = code == *base;
        let (zh, en) = if own { ("本级", " itself") } else { ("", "") };
        Part {
            name: Text::new(format!("{}{zh}", name(&code)), format!("{}{en}", name(&code))),
            filter: format!("&region={code}{}", if own { "&exact=1" } else { "" }),
            key: code.to_string(),
            figures,
        }
    });
    let mut levels: Vec<Part> = by(calls, start, |it| Some(it.who.clone()))
        .into_iter()
        .map(|(key, figures)| Part { name: words(&WHO, &key), filter: format!("{inside}&who={key}"), key, figures })
        .collect();
    levels.sort_by_key(|it| WHO.iter().position(|known| known.0 == it.key));
    let mut channels: Vec<Part> = by(calls, start, |it| it.via.clone().filter(|_| it.is_reached()))
        .into_iter()
        .map(|(key, figures)| Part {
            name: words(&VIA, &key),
            filter: format!("{inside}&via={key}&state={REACHED}"),
            key,
            figures,
        })
        .collect();
    channels.sort_by_key(|it| VIA.iter().position(|known| known.0 == it.key));
    vec![
        Group { key: "region", title: Text::new("按区划", "By region"), rows: regions.collect() },
        Group { key: "level", title: Text::new("按层级", "By level"), rows: levels },
        Group { key: "channel", title: Text::new("按渠道（叫到的）", "By channel (reached)"), rows: channels },
    ]
}

/// States in which somebody who holds the duty knows.
pub(crate) const REACHED: &str = "answered,heard_in_full,recorded_by_colleague,reached_on_site";

/// Parts of the audience (层级).
const WHO: [(&str, &str, &str); 5] = [
    ("duty_room", "值班室", "duty rooms"),
    ("on_duty", "当班人员", "on duty"),
    ("district", "区级", "district"),
    ("street", "街道", "streets"),
    ("community", "社区", "communities"),
];
/// Ways by which a call ends.
const VIA: [(&str, &str, &str); 5] = [
    ("voice", "语音", "voice"),
    ("sms", "短信回复", "message reply"),
    ("page", "答复链接", "answer link"),
    ("desk", "值班台登记", "recorded at the desk"),
    ("ladder", "语音听完", "heard by the end of the ladder"),
];

fn words(table: &[(&str, &str, &str)], key: &str) -> Text {
    let known = table.iter().find(|it| it.0 == key);
    known.map_or_else(|| Text::new(key, key), |it| Text::new(it.1, it.2))
}

fn silent_views(tx: &mut Tx<'_>, silent: Vec<Silent>, named: bool) -> Result<Vec<SilentView>, StoreError> {
    let ids: Vec<String> = silent.iter().map(|it| it.callee.clone()).collect();
    let mut known = contacts(tx, &ids)?;
    let view = |silent: Silent| {
        let title = known.remove(&silent.callee).map(|it| it.title);
        let (name, organisation) = title.map_or_else(Default::default, |it| (it.name, it.organisation));
        let room = silent.callee.starts_with("room:");
        SilentView { name: if named || room { name } else { masked_name(&name) }, organisation, silent }
    };
    Ok(silent.into_iter().map(view).collect())
}

/// What a timeline is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct LineQuery {
    /// Kinds of lines, with commas.
    pub kind: Option<String>,
}

/// A page of the timeline, newest first.
pub(super) async fn timeline(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(query): Query<ListQuery>,
    Query(which): Query<LineQuery>,
) -> ApiResult<Json<List<LineView>>> {
    let process = read_process(&room, &who, id).await?;
    let lines = timeline::read(&room.site.world, &who.actor, &process).await?;
    Ok(Json(page_of(&room, &who, lines, &query, &which).await?))
}

/// A line and the names in it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LineView {
    #[serde(flatten)]
    pub line: Line,
    /// Whom it is about, masked without the permission to see people.
    pub name: Option<String>,
    /// Who acted, as people call them.
    pub who: Option<String>,
}

/// The lines of these kinds after the cursor, with names.
pub(crate) async fn page_of(
    room: &Room,
    who: &Who,
    lines: Vec<Line>,
    query: &ListQuery,
    which: &LineQuery,
) -> ApiResult<List<LineView>> {
    let (most, (before, last)) = (query.most()?, query.before()?);
    let kinds: Vec<&str> = which.kind.as_deref().unwrap_or_default().split(',').filter(|it| !it.is_empty()).collect();
    let wanted = |it: &Line| {
        (kinds.is_empty() || kinds.contains(&it.kind)) && (it.at.0 < before || (it.at.0 == before && it.id < last))
    };
    let lines: Vec<Line> = lines.into_iter().filter(wanted).take(most).collect();
    let next = lines.last().filter(|_| lines.len() == most).map(|it| cursor(it.at, &it.id));
    let accounts = account_names(room).await?;
    let named = who.may(Permission::SeePeople);
    let items = room
        .site
        .world
        .read(&who.actor, move |tx| lines.iter().map(|it| line_view(tx, it, &accounts, named)).collect())
        .await?;
    Ok(List { items, next, at: room.site.world.now() })
}

fn line_view(
    tx: &mut Tx<'_>,
    line: &Line,
    accounts: &BTreeMap<String, String>,
    named: bool,
) -> Result<LineView, StoreError> {
    let callee = |tx: &mut Tx<'_>, id: &str| -> Result<String, StoreError> {
        let name = callee_title(tx, id)?.map_or_else(|| id.to_owned(), |it| it.name);
        Ok(if named || id.starts_with("room:") { name } else { masked_name(&name) })
    };
    let name = line.callee.as_deref().map(|it| callee(tx, it)).transpose()?;
    let who = match line.by.as_deref() {
        Some(id) if id.starts_with("person:") || id.starts_with("room:") => Some(callee(tx, id)?),
        Some(id) => id.strip_prefix("user:").map(|it| accounts.get(it).cloned().unwrap_or_else(|| it.to_owned())),
        None => None,
    };
    Ok(LineView { line: line.clone(), name, who })
}

/// Names of accounts by log-in: who acted stands on every desk.
pub(crate) async fn account_names(room: &Room) -> Result<BTreeMap<String, String>, StoreError> {
    let accounts = accounts::list(&room.site.world, &Actor::system("names")).await?;
    Ok(accounts.into_iter().map(|it| (it.login, it.name)).collect())
}

/// The summary as JSON.
pub(super) async fn summary(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Summary>> {
    Ok(Json(read_summary(&room, &who, id).await?.0))
}

/// See [`summary`].
pub(crate) async fn read_summary(room: &Room, who: &Who, id: String) -> ApiResult<(Summary, ProcessView)> {
    let at = room.site.world.now();
    let view = read_process(room, who, id).await?;
    let lines = timeline::read(&room.site.world, &who.actor, &view).await?;
    let names = account_names(room).await?;
    let rounds: Vec<_> = view.rounds.iter().map(|it| (it.round.id.clone(), it.round.started_at)).collect();
    let district = view.process.region.clone();
    let id = view.process.id.clone();
    let (figures, regions, standing) = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let mut figures = BTreeMap::new();
            for (id, start) in &rounds {
                figures.insert(id.clone(), Figures::of(&read::measured(tx, id)?, *start));
            }
            Ok((figures, read::names(tx, &district)?, speaking_of(tx, &id)?))
        })
        .await?;
    let code = view.process.region.as_str();
    let facts = Facts {
        view: &view,
        hazard: hazard(&view.process.hazard, who.lang),
        district: regions.get(code).cloned().unwrap_or_else(|| code.to_owned()),
        lines: &lines,
        figures: &figures,
        standing: &standing,
        names: &names,
        at,
    };
    let written = summary::write(&facts, who.lang);
    Ok((written, view))
}
