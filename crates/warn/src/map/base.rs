//! The base map below the map: an administrator's setting.

use std::path::PathBuf;

use anlan_kernel::{Actor, Problem};
use anlan_store::{Event, StoreError, Tx, Urgency, World};
use serde::{Deserialize, Serialize};

use super::tiles;
use crate::model::MapBase;

const ID: &str = "base";

/// What is set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Setting {
    #[serde(default)]
    pub tiles: String,
    #[serde(default)]
    pub attribution: String,
    #[serde(default)]
    pub approval: String,
    #[serde(default)]
    pub enabled: Option<serde_json::Value>,
}

/// What a map shows of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// Template of the pictures' addresses.
    pub tiles: String,
    /// Whose map it is.
    pub attribution: String,
    /// 审图号.
    pub approval: String,
}

/// The base map that is switched on.
///
/// # Errors
/// What the engine says.
pub fn shown(tx: &mut Tx<'_>) -> Result<Option<Shown>, StoreError> {
    let found = tx.get::<MapBase>(ID)?.filter(|it| it.enabled);
    Ok(found.map(|it| {
        let tiles = if tiles::file(&it.tiles).is_some() { tiles::TEMPLATE.to_owned() } else { it.tiles };
        Shown { tiles, attribution: it.attribution, approval: it.approval }
    }))
}

/// The setting as it stands.
///
/// # Errors
/// What the engine says.
pub(crate) fn stored(tx: &mut Tx<'_>) -> Result<Option<MapBase>, StoreError> {
    tx.get(ID)
}

/// The file the tiles of the map that is switched on come from, where it is one of this machine.
///
/// # Errors
/// What the engine says.
pub(crate) fn file(tx: &mut Tx<'_>) -> Result<Option<PathBuf>, StoreError> {
    Ok(tx.get::<MapBase>(ID)?.filter(|it| it.enabled).and_then(|it| tiles::file(&it.tiles)))
}

/// Sets it. It is switched on only with an attribution and a 审图号; a file must be one we can read.
///
/// # Errors
/// `bad_map_base` naming the field; what the store says.
pub(crate) async fn set(world: &World, actor: &Actor, setting: Setting) -> Result<MapBase, StoreError> {
    let text = |it: &str| it.trim().to_owned();
    let enabled =
        setting.enabled.as_ref().is_some_and(|it| matches!(it.as_str(), Some("true" | "1" | "on")) || *it == true);
    let base = MapBase {
        id: ID.into(),
        tiles: text(&setting.tiles),
        attribution: text(&setting.attribution),
        approval: text(&setting.approval),
        enabled,
        set_by: actor.name.clone(),
    };
    check(&base)?;
    if let Some(file) = tiles::file(&base.tiles) {
        tiles::open(&file).await.map(drop)?;
    }
    world
        .write("map.base", Urgency::Urgent, actor, move |tx| {
            tx.put(&base)?;
            tx.record(Event::new("map_base.changed", ID))?;
            Ok(base.clone())
        })
        .await
}

fn check(base: &MapBase) -> Result<(), Problem> {
    let wrong = |field: &str, zh: &str, en: &str| Err(Problem::new("bad_map_base", zh, en).field(field));
    if base.tiles.is_empty() && !base.enabled {
        return Ok(());
    }
    let is_template = || host(&base.tiles).is_some() && ["{z}", "{x}", "{y}"].iter().all(|it| base.tiles.contains(it));
    if tiles::file(&base.tiles).is_none() && !is_template() {
        return wrong(
            "tiles",
            "底图地址应为 http(s):// 开头、含 {z}、{x}、{y} 的模板，或 pmtiles: 加本机文件路径",
            "tiles is a template that begins with http(s):// and holds {z}, {x} and {y}, or pmtiles: and a file of this machine",
        );
    }
    if base.enabled && !(base.approval.chars().any(|it| it.is_ascii_digit()) && base.approval.chars().count() >= 5) {
        return wrong("approval", "没有审图号不能启用底图", "a base map is not switched on without its 审图号");
    }
    if base.enabled && base.attribution.is_empty() {
        return wrong(
            "attribution",
            "没有版权说明不能启用底图",
            "a base map is not switched on without an attribution",
        );
    }
    Ok(())
}

/// Scheme, host and port of the template, made of what cannot break a content policy.
pub(crate) fn host(tiles: &str) -> Option<String> {
    let (scheme, rest) = tiles.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = !host.is_empty() && host.bytes().all(|it| it.is_ascii_alphanumeric() || b".-:".contains(&it));
    (matches!(scheme, "http" | "https") && plain).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_host_gets_into_the_content_policy() {
        assert_eq!(host("https://t0.tianditu.gov.cn/DataServer?x={x}").as_deref(), Some("https://t0.tianditu.gov.cn"));
        assert_eq!(host("http://10.1.2.3:8090/{z}/{x}/{y}.png").as_deref(), Some("http://10.1.2.3:8090"));
        for bad in ["javascript://x/", "https://a b/", "https://a;script-src *", "https://user@host/", "tiles/{z}"] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }
}
