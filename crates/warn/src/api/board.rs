//! What the page of a round shows: tiles per community, the filtered list, lists for superiors, requests
//! for help, transfer figures. Every count comes from one grouped statement over an index, so that tiles
//! and totals are of the same moment and add up.

use std::collections::BTreeMap;

use anlan_kernel::{Permission, Problem, RegionCode, Tier};
use anlan_register::{CalleeTitle, Region, contacts, model::masked_name, phone, search};
use anlan_store::{StoreError, Tx, Value, params};
use anlan_web::{ApiResult, Who, accounts::name_of};
use serde::Deserialize;

use super::{
    CallView, HelpView, Room, RoundView, Transfers,
    calls::{Figure, states_of},
    help::help_view,
    lists::region_of,
    read_round, read_transfers,
    rounds::Counts,
};
use crate::model::{Call, CallState, Escalation, Help};

/// People on one page of the list.
pub(crate) const PAGE: i64 = 50;
/// People of an export or a door list.
const ALL: i64 = 20_000;

/// Those whom somebody has to look for.
pub(crate) const UNREACHED: &str = "not_reached,escalated,no_contact";

/// Parts of the audience, as `who=` names them, with their words.
pub(crate) const WHO: [(&str, &str, &str); 5] = [
    ("duty_room", "值班室", "duty rooms"),
    ("on_duty", "当班人员", "on duty"),
    ("district", "区级", "district"),
    ("street", "街道", "streets"),
    ("community", "社区", "communities"),
];

/// Orders of the list, as `sort=` names them, with their words and SQL.
pub(crate) const SORTS: [(&str, &str, &str, &str); 4] = [
    ("need", "先找未叫通", "unreached first", NEED),
    ("place", "按责任区", "by place", "region, rank, id"),
    ("last", "最近有结果", "latest first", "COALESCE(final_at, 0) DESC, id"),
    ("tries", "拨打次数", "most attempts", "attempts DESC, id"),
];

const NEED: &str = "CASE state WHEN 'escalated' THEN 0 WHEN 'not_reached' THEN 1 WHEN 'no_contact' THEN 2
                    WHEN 'calling' THEN 3 ELSE 4 END, region, rank, id";

/// What is looked for on the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct BoardQuery {
    /// States, with commas.
    #[serde(default)]
    pub state: String,
    /// A street or community.
    #[serde(default)]
    pub region: String,
    /// Part of the audience.
    #[serde(default)]
    pub who: String,
    /// What a figure of the effect analysis counts.
    #[serde(flatten)]
    pub figure: Figure,
    /// Letters of a name, or the last digits of a number.
    #[serde(default)]
    pub q: String,
    /// Order.
    #[serde(default)]
    pub sort: String,
    /// From 1.
    #[serde(default)]
    pub page: String,
}

impl BoardQuery {
    /// The page asked for, from 1.
    pub fn page(&self) -> i64 {
        self.page.parse().unwrap_or(1).clamp(1, 10_000)
    }

    /// The order asked for, or the first.
    pub fn order(&self) -> (&'static str, &'static str, &'static str, &'static str) {
        SORTS.into_iter().find(|it| it.0 == self.sort).unwrap_or(SORTS[0])
    }
}

/// A place with its calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tile {
    pub region: Option<RegionCode>,
    pub name: String,
    pub counts: Counts,
}

/// A street with its communities; the first row is the district's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub street: Tile,
    pub tiles: Vec<Tile>,
}

/// A list for a superior, with names of places and people.
pub(crate) struct ListView {
    pub list: Escalation,
    pub unit: String,
    /// Still without a final state.
    pub open: i64,
    /// Ever on it.
    pub people: i64,
    /// Name of whoever is being called or accepted.
    pub superior: Option<String>,
}

/// Everything the page shows.
pub(crate) struct Board {
    pub round: RoundView,
    pub rows: Vec<Row>,
    pub calls: Vec<CallView>,
    /// How many the filter finds.
    pub found: i64,
    pub place: Option<String>,
    pub lists: Vec<ListView>,
    pub help: Vec<HelpView>,
    pub transfers: Transfers,
    /// Names of the accounts that acted, by id.
    pub names: BTreeMap<String, String>,
}

impl Board {
    /// The name of an account; the account itself where there is none.
    pub fn name<'a>(&'a self, account: &'a str) -> &'a str {
        self.names.get(account).map_or_else(|| account.trim_start_matches("user:"), String::as_str)
    }
}

/// Reads the page.
pub(crate) async fn read_board(room: &Room, who: &Who, id: &str, query: &BoardQuery) -> ApiResult<Board> {
    let round = read_round(room, who, id.to_owned(), None).await?;
    let transfers = read_transfers(room, who, round.round.process.clone()).await?;
    let wanted = wanted(query)?;
    let (id, query, named) = (id.to_owned(), query.clone(), who.may(Permission::SeePeople));
    let decided_by = round.round.decided_by.clone();
    let read = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let names = names(tx)?;
            let (counts, rows) = tiles(tx, &id, &names)?;
            let (calls, found) = calls(tx, &id, &query, &wanted, named, PAGE, (query.page() - 1) * PAGE)?;
            let place = names.get(query.region.as_str()).cloned();
            let (lists, help) = (lists(tx, &id, &names, named)?, help(tx, &id, named)?);
            let acted = help.iter().filter_map(|it| it.help.taken_by.clone()).chain(decided_by.clone());
            let recorded = calls.iter().filter_map(|it| it.call.by_whom.clone()).filter(|it| it.starts_with("user:"));
            let mut names = BTreeMap::new();
            for it in acted.chain(recorded) {
                let name = name_of(tx, &it)?;
                names.insert(it, name);
            }
            Ok((counts, rows, calls, found, place, lists, help, names))
        })
        .await?;
    let (counts, rows, calls, found, place, lists, help, names) = read;
    let round = RoundView { counts, ..round };
    Ok(Board { round, rows, calls, found, place, lists, help, transfers, names })
}

/// Everybody the filter finds, in its order.
pub(crate) async fn read_all(room: &Room, who: &Who, id: &str, query: &BoardQuery) -> ApiResult<Vec<CallView>> {
    read_round(room, who, id.to_owned(), None).await?;
    let wanted = wanted(query)?;
    let (id, query, named) = (id.to_owned(), query.clone(), who.may(Permission::SeePeople));
    let read = move |tx: &mut Tx<'_>| Ok(calls(tx, &id, &query, &wanted, named, ALL, 0)?.0);
    Ok(room.site.world.read(&who.actor, read).await?)
}

/// Names of all regions; public words.
fn names(tx: &mut Tx<'_>) -> Result<BTreeMap<String, String>, StoreError> {
    let regions: Vec<Region> = tx.find("1 = 1", "", &[])?;
    Ok(regions.into_iter().map(|it| (it.code.to_string(), it.name)).collect())
}

fn tiles(tx: &mut Tx<'_>, round: &str, names: &BTreeMap<String, String>) -> Result<(Counts, Vec<Row>), StoreError> {
    let sql = "SELECT region, state, COUNT(*) FROM call WHERE round = $1 AND {scope:region}
                GROUP BY region, state ORDER BY region";
    let name = |code: &RegionCode| names.get(code.as_str()).cloned().unwrap_or_else(|| code.to_string());
    let mut sum = Counts::none();
    let mut rows: BTreeMap<Option<RegionCode>, Row> = BTreeMap::new();
    for row in tx.query(sql, params![round])? {
        let code = RegionCode::parse(&row.text(0)?).map_err(|it| StoreError::Shape(it.to_string()))?;
        let (state, count) = (row.text(1)?, row.int(2)?);
        sum.add(&state, count);
        let street = code.street();
        let of = rows.entry(street.clone()).or_insert_with(|| Row {
            street: Tile {
                name: street.as_ref().map_or_else(String::new, name),
                region: street,
                counts: Counts::none(),
            },
            tiles: Vec::new(),
        });
        of.street.counts.add(&state, count);
        if of.tiles.last().is_none_or(|it| it.region.as_ref() != Some(&code)) {
            of.tiles.push(Tile { name: name(&code), region: Some(code.clone()), counts: Counts::none() });
        }
        if let Some(tile) = of.tiles.last_mut() {
            tile.counts.add(&state, count);
        }
    }
    Ok((sum, rows.into_values().collect()))
}

/// The states and the region of a query, or what is wrong with them.
struct Wanted {
    states: Vec<CallState>,
    region: Option<RegionCode>,
    figure: Vec<(String, Value)>,
}

fn wanted(query: &BoardQuery) -> Result<Wanted, Problem> {
    let region = if query.region.is_empty() { None } else { Some(region_of(&query.region)?) };
    if !query.who.is_empty() && !WHO.iter().any(|it| it.0 == query.who) {
        let all: Vec<_> = WHO.iter().map(|it| it.0).collect();
        let (zh, en) = (format!("“{}”不是叫应对象", query.who), format!("who is one of {}", all.join(", ")));
        return Err(Problem::new("bad_who", zh, en).field("who"));
    }
    let mut figure = Vec::new();
    query.figure.conditions(|sql, value| figure.push((sql.to_owned(), value)))?;
    Ok(Wanted { states: states_of(&query.state)?, region, figure })
}

fn calls(
    tx: &mut Tx<'_>,
    round: &str,
    query: &BoardQuery,
    wanted: &Wanted,
    named: bool,
    most: i64,
    after: i64,
) -> Result<(Vec<CallView>, i64), StoreError> {
    let mut values = vec![Value::from(round)];
    let mut parts = vec!["round = $1".to_owned()];
    if let Some(region) = wanted.region.as_ref().filter(|_| !query.figure.exact.is_empty()) {
        values.push(region.into());
        parts.push(format!("region = ${}", values.len()));
    } else if let Some(region) = &wanted.region {
        parts.push(format!("region >= ${} AND region < ${}", values.len() + 1, values.len() + 2));
        values.extend([Value::from(region), region.until().into()]);
    }
    if !wanted.states.is_empty() {
        let names: Vec<_> = wanted.states.iter().map(|it| format!("'{}'", it.name())).collect();
        parts.push(format!("state IN ({})", names.join(", ")));
    }
    if !query.who.is_empty() {
        values.push(query.who.as_str().into());
        parts.push(format!("who = ${}", values.len()));
    }
    for (sql, value) in &wanted.figure {
        values.push(value.clone());
        parts.push(sql.replace('?', &format!("${}", values.len())));
    }
    parts.push(query.figure.newest(tx, round, &mut values)?);
    if named && !query.q.trim().is_empty() {
        let ids = search(tx, &query.q)?;
        let places: Vec<_> = (1..=ids.len()).map(|i| format!("${}", values.len() + i)).collect();
        values.extend(ids.iter().map(Value::from));
        parts.push(if ids.is_empty() { "1 = 0".into() } else { format!("callee IN ({})", places.join(", ")) });
    }
    let condition = parts.join(" AND ");
    let found = tx.count::<Call>(&condition, &values)?;
    let tail = format!("ORDER BY {} LIMIT ${} OFFSET ${}", query.order().3, values.len() + 1, values.len() + 2);
    values.extend([Value::from(most), Value::from(after)]);
    let calls = tx.find::<Call>(&condition, &tail, &values)?;
    Ok((views(tx, calls, named)?, found))
}

/// As [`super::call_view`] for many at once.
pub(crate) fn views(tx: &mut Tx<'_>, calls: Vec<Call>, named: bool) -> Result<Vec<CallView>, StoreError> {
    let ids: Vec<String> = calls.iter().map(|it| it.callee.clone()).collect();
    let mut known = contacts(tx, &ids)?;
    Ok(calls
        .into_iter()
        .map(|call| {
            let found = known.remove(&call.callee);
            let numbers =
                found.as_ref().map_or_else(Vec::new, |it| it.numbers.iter().map(|it| phone::masked(it)).collect());
            let unknown =
                || CalleeTitle { name: call.callee.clone(), title: String::new(), organisation: String::new() };
            let CalleeTitle { name, title, organisation } = found.map_or_else(unknown, |it| it.title);
            let name = if named || call.callee.starts_with("room:") { name } else { masked_name(&name) };
            let note = call.note.clone().filter(|_| named);
            CallView { call: Call { note, ..call }, name, title, organisation, numbers }
        })
        .collect())
}

fn lists(
    tx: &mut Tx<'_>,
    round: &str,
    names: &BTreeMap<String, String>,
    named: bool,
) -> Result<Vec<ListView>, StoreError> {
    let sql = "SELECT escalation, CAST(SUM(open) AS BIGINT), COUNT(*) FROM call
                WHERE round = $1 AND escalation IS NOT NULL AND {scope:region} GROUP BY escalation";
    let mut counts = BTreeMap::new();
    for row in tx.query(sql, params![round])? {
        counts.insert(row.text(0)?, (row.int(1)?, row.int(2)?));
    }
    let lists: Vec<Escalation> = tx.find("round = $1", "ORDER BY id", params![round])?;
    let speaks = |it: &Escalation| {
        let current = crate::escalation::superior(it, it.link).map(str::to_owned);
        it.accepted_by.clone().or(current).filter(|_| named)
    };
    let ids: Vec<String> = lists.iter().filter_map(speaks).collect();
    let known = contacts(tx, &ids)?;
    let mut accounts = BTreeMap::new();
    for id in ids.iter().filter(|it| it.starts_with("user:")) {
        accounts.insert(id.clone(), name_of(tx, id)?);
    }
    Ok(lists
        .into_iter()
        .map(|list| {
            let (open, people) = counts.get(&list.id).copied().unwrap_or_default();
            let unit = names.get(list.region.as_str()).cloned().unwrap_or_else(|| list.region.to_string());
            let superior = speaks(&list).map(|id| match known.get(&id) {
                Some(it) => it.title.name.clone(),
                None => accounts.get(&id).cloned().unwrap_or_else(|| "—".to_owned()),
            });
            ListView { list, unit, open, people, superior }
        })
        .collect())
}

/// Requests for help of this round; those nobody took first.
fn help(tx: &mut Tx<'_>, round: &str, named: bool) -> Result<Vec<HelpView>, StoreError> {
    let range = params![format!("{round}/"), format!("{round}0")];
    // Who waits longest first, as on the desk; then what was taken, newest first.
    let tail = "ORDER BY CASE WHEN taken_at IS NULL THEN 0 ELSE 1 END,
                         CASE WHEN taken_at IS NULL THEN asked_at ELSE -asked_at END, id LIMIT 200";
    let asked: Vec<Help> = tx.find("id >= $1 AND id < $2", tail, range)?;
    asked.into_iter().map(|it| help_view(tx, it, named)).collect()
}

/// Whether a callee's place is the street's or the district's own.
pub(crate) fn tile_words(tile: &Tile) -> Option<(&'static str, &'static str)> {
    match tile.region.as_ref().map(RegionCode::tier) {
        Some(Tier::District) => Some(("区级", "district")),
        Some(Tier::Street) => Some(("街道", "street")),
        _ => None,
    }
}
