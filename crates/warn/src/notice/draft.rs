//! The words of a draft, made from what the program knows; the officer changes them, nobody types them twice.

use anlan_codecs::hazard::Hazard;
use anlan_kernel::{Instant, Problem, RegionCode};
use anlan_monitor::{Alarm, Signal, Station};
use anlan_register::{Organisation, Region, Who};
use anlan_store::{StoreError, Tx, params};
use serde::Deserialize;

use super::{
    guide::Guide,
    model::{Content, Facts, Kind, Measured, Place, Quote},
    words,
};
use crate::{model::Process, process::add_area};

/// Alarms named one by one; the desk's list has all.
const SHOWN: usize = 30;
/// Most characters of one of our own texts.
const LENGTH: usize = 2_000;

/// What an officer changes; what is missing stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// 标题.
    pub title: Option<String>,
    /// 风险研判.
    pub advice: Option<String>,
    /// 防范措施.
    pub measures: Option<Vec<String>>,
    /// Region codes.
    pub areas: Option<Vec<String>>,
    /// 有效至.
    pub until: Option<Instant>,
    /// Whom it goes to; fixed with the first paper.
    pub audience: Option<Vec<Who>>,
    /// Why it is updated, corrected or lifted.
    pub reason: Option<String>,
    /// 牌子; fixed with the first paper.
    pub hat: Option<String>,
}

/// What is known of a process now.
pub(crate) fn facts(tx: &mut Tx<'_>, process: &Process) -> Result<Facts, StoreError> {
    let now = tx.now();
    let holds = "hazard = $1 AND state = 'in_force' AND (expires_at IS NULL OR expires_at > $2)";
    let mut signals: Vec<Signal> = tx.find(holds, "ORDER BY received_at, id", params![&process.hazard, now])?;
    let ours = |areas: &[RegionCode]| areas.iter().any(|it| it.meets(&process.region));
    signals.retain(|it| ours(&it.areas) || it.region.meets(&process.region));
    let mut alarms: Vec<Alarm> =
        tx.find("hazard = $1 AND state = 'open'", "ORDER BY grade, raised_at, id", params![&process.hazard])?;
    alarms.retain(|it| ours(&it.areas));
    let measured = alarms.into_iter().take(SHOWN).map(|it| measured(tx, it)).collect::<Result<_, _>>()?;
    let signals = signals.into_iter().map(quote).collect();
    Ok(Facts { signals, measured, level: process.level, at: now })
}

fn quote(it: Signal) -> Quote {
    let issued_at = it.issued_at.unwrap_or(it.received_at);
    Quote { signal: it.id, issuer: it.issuer, title: it.title, text: it.text, issued_at, invented: it.invented }
}

fn measured(tx: &mut Tx<'_>, it: Alarm) -> Result<Measured, StoreError> {
    let station = tx.get::<Station>(&it.station)?.map_or_else(|| it.station.clone(), |it| it.name.zh);
    Ok(Measured { alarm: it.id, station, title: it.title, grade: it.grade.get(), since: it.raised_at })
}

pub(crate) fn places(tx: &mut Tx<'_>, areas: &[RegionCode]) -> Result<Vec<Place>, StoreError> {
    let name = |tx: &mut Tx<'_>, code: &RegionCode| -> Result<String, StoreError> {
        Ok(tx.get::<Region>(code.as_str())?.map_or_else(|| code.to_string(), |it| it.name))
    };
    areas.iter().map(|code| Ok(Place { code: code.clone(), name: name(tx, code)? })).collect()
}

/// The first draft about a process.
pub(crate) fn first(
    tx: &mut Tx<'_>,
    guide: &Guide,
    process: &Process,
    areas: &[RegionCode],
) -> Result<Content, StoreError> {
    let facts = facts(tx, process)?;
    let places = places(tx, areas)?;
    let level = facts.level.unwrap_or(4);
    Ok(Content {
        title: format!("{}风险提示单", hazard(&process.hazard)),
        advice: advice(&places, level),
        measures: guide.measures(&process.hazard, level),
        places,
        until: tx.now().plus(guide.valid_for),
        audience: vec![Who::DutyRoom],
        reason: String::new(),
        facts,
    })
}

/// The draft of what follows the paper `last`.
pub(crate) fn following(
    tx: &mut Tx<'_>,
    guide: &Guide,
    process: &Process,
    kind: Kind,
    last: &Content,
    number: &str,
) -> Result<Content, StoreError> {
    let hazard = hazard(&process.hazard);
    Ok(match kind {
        Kind::First | Kind::Update => {
            let facts = facts(tx, process)?;
            let mut areas = last.areas();
            process.areas.iter().for_each(|it| add_area(&mut areas, it));
            let places = places(tx, &areas)?;
            let same = facts.level == last.facts.level;
            let level = facts.level.unwrap_or(4);
            let advice = if same && places == last.places { last.advice.clone() } else { advice(&places, level) };
            let measures = if same { last.measures.clone() } else { guide.measures(&process.hazard, level) };
            let until = tx.now().plus(guide.valid_for);
            Content { facts, places, advice, measures, until, reason: String::new(), ..last.clone() }
        }
        Kind::Correction => Content { reason: String::new(), ..last.clone() },
        Kind::Lift => Content {
            title: format!("解除{hazard}风险提示单"),
            facts: facts(tx, process)?,
            advice: format!("{number}自本单签发时起解除。响应和管控措施另行通知。"),
            measures: Vec::new(),
            reason: if process.stand_down_proposed {
                "有关信号已解除或降级，监测值回落".into()
            } else {
                String::new()
            },
            until: tx.now(),
            ..last.clone()
        },
    })
}

fn hazard(key: &str) -> &str {
    Hazard::by_key(key).map_or(key, |it| it.zh)
}

fn advice(places: &[Place], level: u8) -> String {
    let risk = ["很高", "高", "较高", "存在"][usize::from(level.clamp(1, 4)) - 1];
    let names = names(places);
    if risk == "存在" {
        format!("{names}存在发生险情的风险，请按以下措施防范。")
    } else {
        format!("{names}发生险情的风险{risk}，请按以下措施防范。")
    }
}

/// Names of places in one phrase.
pub(crate) fn names(places: &[Place]) -> String {
    places.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join("、")
}

/// The draft with an officer's changes; facts are those of now, except in a correction.
pub(crate) fn edited(
    tx: &mut Tx<'_>,
    process: &Process,
    kind: Kind,
    old: &Content,
    edit: &Edit,
) -> Result<Content, StoreError> {
    let mut content = old.clone();
    if kind != Kind::Correction {
        content.facts = facts(tx, process)?;
    }
    for (field, target, given) in [
        ("title", &mut content.title, &edit.title),
        ("advice", &mut content.advice, &edit.advice),
        ("reason", &mut content.reason, &edit.reason),
    ] {
        if let Some(text) = given {
            *target = text.trim().to_owned();
            short_enough(field, target)?;
        }
    }
    if let Some(lines) = &edit.measures {
        content.measures = lines.iter().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect();
        for (i, it) in content.measures.iter().enumerate() {
            short_enough(&format!("measures[{i}]"), it)?;
        }
    }
    if let Some(codes) = edit.areas.as_ref().filter(|_| kind != Kind::Lift) {
        let areas = areas(tx, process, codes)?;
        content.places = places(tx, &areas)?;
    }
    if let Some(until) = edit.until {
        content.until = until;
    }
    if let Some(audience) = &edit.audience {
        if kind != Kind::First && *audience != old.audience {
            return Err(fixed("audience", "发送范围在首发时已固定", "the list was fixed with the first paper"));
        }
        content.audience.clone_from(audience);
        content.audience.sort();
        content.audience.dedup();
        if content.audience.is_empty() {
            return Err(bad("audience", "至少选一类接收对象", "choose at least one kind of recipient"));
        }
    }
    if kind != Kind::Lift && content.until <= tx.now() {
        return Err(bad("until", "有效时间须晚于现在", "it must hold until later than now"));
    }
    words::check(&content)?;
    Ok(content)
}

/// Region codes of the process' district that the register knows.
pub(crate) fn areas(tx: &mut Tx<'_>, process: &Process, codes: &[String]) -> Result<Vec<RegionCode>, StoreError> {
    let mut areas = Vec::new();
    for (i, code) in codes.iter().enumerate() {
        let field = format!("areas[{i}]");
        let parsed = RegionCode::parse(code).map_err(|it| {
            bad(&field, &format!("“{}”不是区划代码，如 440303001", it.0), &format!("{:?} is no region code", it.0))
        })?;
        if !process.region.covers(&parsed) {
            let zh = format!("{parsed} 不在 {} 内", process.region);
            return Err(bad(&field, &zh, &format!("{parsed} lies outside of {}", process.region)));
        }
        if tx.get::<Region>(parsed.as_str())?.is_none() {
            return Err(bad(
                &field,
                &format!("区划表里没有 {parsed}"),
                &format!("the register has no region {parsed}"),
            ));
        }
        add_area(&mut areas, &parsed);
    }
    if areas.is_empty() {
        return Err(bad("areas", "至少选一个区域", "choose at least one area"));
    }
    Ok(areas)
}

/// 牌子 the actor's organisation wears, the actor's own first.
pub(crate) fn hats(tx: &mut Tx<'_>, own: Option<&str>, region: &RegionCode) -> Result<Vec<String>, StoreError> {
    let mut hats: Vec<String> = own.map(str::to_owned).into_iter().collect();
    let organisations: Vec<Organisation> = tx.find("region = $1", "ORDER BY id", params![region])?;
    for it in organisations {
        let mine = own.map_or(it.kind == "district_bureau", |hat| it.hats.iter().any(|one| one == hat));
        if mine {
            hats.extend(it.hats.into_iter().filter(|it| Some(it.as_str()) != own));
        }
    }
    Ok(hats)
}

fn short_enough(field: &str, text: &str) -> Result<(), StoreError> {
    let length = text.chars().count();
    if length <= LENGTH {
        return Ok(());
    }
    Err(bad(field, &format!("{length} 字，最多 {LENGTH} 字"), &format!("{length} characters; at most {LENGTH}")))
}

fn bad(field: &str, zh: &str, en: &str) -> StoreError {
    StoreError::Refused(Problem::new(format!("bad_{}", field.split('[').next().unwrap_or(field)), zh, en).field(field))
}

pub(crate) fn fixed(field: &str, zh: &str, en: &str) -> StoreError {
    StoreError::Refused(Problem::new("fixed", zh, en).field(field))
}
