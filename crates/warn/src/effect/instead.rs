//! Who was called in the place of a callee who did not answer (逐级叫应), as the journal of their list tells it.

use anlan_kernel::Text;
use anlan_register::{callee_title, model::masked_name};
use anlan_store::{StoreError, Tx, hex, params};
use serde::Deserialize;

use super::evidence::{Item, Part, Proof};
use crate::{api::person_of, model::Call};

/// What an entry of a list says of the superiors.
#[derive(Deserialize)]
struct Detail {
    chain: Vec<String>,
    link: usize,
    by: Option<String>,
}

#[derive(Deserialize)]
struct Body {
    detail: Detail,
}

/// What became of the list the call stood on, until the call ended.
pub(super) fn of_call(tx: &mut Tx<'_>, call: &Call) -> Result<Vec<Item>, StoreError> {
    let Some(list) = &call.escalation else { return Ok(Vec::new()) };
    let sql = "SELECT position, at, event, body, hash FROM journal
                WHERE subject = $1 AND event IN ('escalation.calling', 'escalation.accepted', 'escalation.failed')
                  AND position IS NOT NULL AND {scope:region} ORDER BY position";
    let mut items = Vec::new();
    for row in tx.query(sql, params![list])? {
        let (at, event) = (row.instant(1)?, row.text(2)?);
        if call.final_at.is_some_and(|it| at > it) {
            break;
        }
        let Body { detail } = serde_json::from_str(&row.text(3)?)?;
        let words = words(tx, &event, &detail)?;
        let proof = Some(Proof { position: row.int(0)?, event, hash: hex(&row.blob(4)?) });
        items.push(Item { part: Part::Received, at, words, proof });
    }
    Ok(items)
}

fn words(tx: &mut Tx<'_>, event: &str, list: &Detail) -> Result<Text, StoreError> {
    Ok(match event {
        "escalation.calling" => {
            let name = list.chain.get(list.link).map_or_else(|| Ok(String::new()), |it| post(tx, it))?;
            Text::new(format!("未得到答复，改叫上一级：{name}"), format!("no answer; called one level up: {name}"))
        }
        "escalation.accepted" => {
            let name = list.by.as_deref().map_or_else(|| Ok(String::new()), |it| person_of(tx, it, false))?;
            Text::new(
                format!("所在名单已由上一级接手：{name}"),
                format!("the list was taken over one level up: {name}"),
            )
        }
        _ => Text::new("上一级无人接手", "nobody one level up took over"),
    })
}

/// Unit, post and masked name of a superior.
fn post(tx: &mut Tx<'_>, callee: &str) -> Result<String, StoreError> {
    let Some(found) = callee_title(tx, callee)? else { return Ok("—".to_owned()) };
    let name = if callee.starts_with("room:") { found.name } else { masked_name(&found.name) };
    let parts = [found.organisation, found.title, name];
    Ok(parts.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" "))
}
