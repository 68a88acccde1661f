//! 责任人名录: who answers for what, on three levels, and which areas have nobody.

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::{Instant, RegionCode, Tier};
use anlan_store::{Row, StoreError, Tx};
use serde::Serialize;

use crate::{
    model::{Rank, Region, level_name},
    store::Where,
};

/// A person with one duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The post.
    pub post: String,
    /// The person.
    pub person: String,
    /// 姓名, in clear.
    pub name: String,
    /// 职务.
    pub title: String,
    /// 责任.
    pub duty: String,
    /// 单位.
    pub organisation: String,
    /// 责任区.
    pub region: RegionCode,
    /// Its name.
    pub region_name: String,
    /// 级别.
    pub level: Tier,
    /// 岗位.
    pub rank: Rank,
    /// The first number there is, in clear.
    pub phone: Option<String>,
}

/// What of the directory is wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// In this region.
    pub region: Option<RegionCode>,
    /// Of this level.
    pub level: Option<Tier>,
    /// With this duty.
    pub duty: String,
    /// Whose name is, or contains, this.
    pub name: String,
    /// Whether parts of a name find somebody.
    pub parts: bool,
}

/// A region and how many people answer for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Manned {
    /// The region.
    pub region: RegionCode,
    /// Its name, a community's behind its street's.
    pub name: String,
    /// 级别.
    pub level: Tier,
    /// People whose duty is this very region, each once.
    pub people: usize,
}

fn condition(wanted: &Wanted, now: Instant) -> Where {
    let mut by = Where::default();
    let at = by.bind(now);
    let mut parts = vec![format!(
        "(p.valid_from IS NULL OR p.valid_from <= {at}) AND (p.valid_until IS NULL OR p.valid_until > {at})"
    )];
    if let Some(region) = &wanted.region {
        let (from, until) = (by.bind(region), by.bind(region.until()));
        parts.push(format!("p.region >= {from} AND p.region < {until}"));
    }
    if let Some(level) = wanted.level {
        let level = by.bind(level_name(level));
        parts.push(format!("p.level = {level}"));
    }
    if !wanted.duty.is_empty() {
        let duty = by.bind(wanted.duty.as_str());
        parts.push(format!("p.duty = {duty}"));
    }
    let plain = wanted.name.trim().replace(['%', '_'], "");
    if !plain.is_empty() {
        let name = by.bind(if wanted.parts { format!("%{plain}%") } else { plain });
        parts.push(format!("n.name LIKE {name}"));
    }
    by.text = parts.join(" AND ");
    by
}

/// Posts in force, by region and calling order.
///
/// # Errors
/// What the engine says.
pub fn lines(tx: &mut Tx<'_>, wanted: &Wanted) -> Result<Vec<Line>, StoreError> {
    let by = condition(wanted, tx.now());
    let sql = format!(
        "SELECT p.id, p.person, n.name, p.title, p.duty, COALESCE(o.name, p.organisation), p.region,
                COALESCE(r.name, p.region), p.level, p.rank, COALESCE(n.phone, n.spare)
           FROM post p JOIN person n ON n.id = p.person LEFT JOIN organisation o ON o.id = p.organisation
           LEFT JOIN region r ON r.code = p.region
          WHERE {} AND n.erased_at IS NULL AND {{scope:p.region}}
          ORDER BY p.region, CASE p.rank WHEN 'lead' THEN 0 WHEN 'deputy_a' THEN 1 WHEN 'deputy_b' THEN 2 ELSE 3 END, p.id",
        by.text
    );
    tx.query(&sql, &by.values)?.iter().map(line).collect()
}

fn line(row: &Row) -> Result<Line, StoreError> {
    let bad = |it: String| StoreError::Shape(it);
    let (level, rank) = (row.text(8)?, row.text(9)?);
    Ok(Line {
        post: row.text(0)?,
        person: row.text(1)?,
        name: row.opt(2, Row::text)?.unwrap_or_default(),
        title: row.text(3)?,
        duty: row.text(4)?,
        organisation: row.text(5)?,
        region: RegionCode::parse(&row.text(6)?).map_err(|it| bad(it.to_string()))?,
        region_name: row.text(7)?,
        level: crate::model::level_of(&level).ok_or_else(|| bad(level))?,
        rank: Rank::parse(&rank).ok_or_else(|| bad(rank))?,
        phone: row.opt(10, Row::text)?,
    })
}

/// Every duty there is, by how many people have it.
///
/// # Errors
/// What the engine says.
pub fn duties(tx: &mut Tx<'_>) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT p.duty, COUNT(*) FROM post p WHERE {scope:p.region} GROUP BY p.duty ORDER BY 2 DESC, 1";
    tx.query(sql, &[])?.iter().map(|it| it.text(0)).collect()
}

/// Regions inside the actor's duty areas, by code.
///
/// # Errors
/// What the engine says.
pub fn regions(tx: &mut Tx<'_>) -> Result<Vec<Region>, StoreError> {
    let scope = tx.actor().scope.clone();
    let all = tx.find::<Region>("1 = 1", "ORDER BY code", &[])?;
    Ok(all.into_iter().filter(|it| it.code.as_str().len() >= 6 && scope.covers(&it.code)).collect())
}

/// How many people answer for each region, those with nobody included.
///
/// # Errors
/// What the engine says.
pub fn manned(tx: &mut Tx<'_>, wanted: &Wanted) -> Result<Vec<Manned>, StoreError> {
    let lines = lines(tx, wanted)?;
    let mut people = BTreeMap::<&str, BTreeSet<&str>>::new();
    for it in &lines {
        people.entry(it.region.as_str()).or_default().insert(&it.person);
    }
    let regions = regions(tx)?;
    let names: BTreeMap<&str, &str> = regions.iter().map(|it| (it.code.as_str(), it.name.as_str())).collect();
    let inside = |it: &Region| {
        wanted.region.as_ref().is_none_or(|region| region.covers(&it.code))
            && wanted.level.is_none_or(|level| level == it.code.tier())
    };
    Ok(regions
        .iter()
        .filter(|it| inside(it))
        .map(|it| {
            let street = it.code.street().filter(|street| *street != it.code);
            let above = street.and_then(|it| names.get(it.as_str()).copied());
            Manned {
                region: it.code.clone(),
                name: above.map_or_else(|| it.name.clone(), |above| format!("{above} {}", it.name)),
                level: it.code.tier(),
                people: people.get(it.code.as_str()).map_or(0, BTreeSet::len),
            }
        })
        .collect())
}
