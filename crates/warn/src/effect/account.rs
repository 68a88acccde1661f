//! What an officer with an account did in a process, and what their desk was told (尽职证据包).

use std::collections::BTreeMap;

use anlan_kernel::{Actor, Text};
use anlan_register::{callee_title, model::masked_name};
use anlan_store::{StoreError, Tx, Value, World, hex, params};

use super::{
    evidence::{Item, Part, Proof, bounds},
    timeline::Line,
};
use crate::service::everywhere;

/// Everything an account did in the process, and what its desk was told.
pub(crate) async fn read(
    world: &World,
    actor: &Actor,
    process: &str,
    lines: &[Line],
    account: &str,
) -> Result<Vec<Item>, StoreError> {
    let desk = ["signal.received", "process.stand_down_proposed", "round.proposed", "help.asked"];
    let mut items: Vec<(Option<i64>, Item)> = Vec::new();
    for line in lines.iter().filter(|it| desk.contains(&it.event.as_str())) {
        let item = Item { part: Part::Received, at: line.at, words: line.words.clone(), proof: None };
        items.push((line.position, item));
    }
    let mine = lines.iter().filter(|it| it.by.as_deref() == Some(account) && it.position.is_some());
    for line in mine {
        let told = matches!(
            line.event.as_str(),
            "signal.forwarded" | "process.stood_down" | "notice.signed" | "notice.verbally_approved"
        );
        let part = if told { Part::Told } else { Part::Did };
        items.push((line.position, Item { part, at: line.at, words: line.words.clone(), proof: None }));
    }
    let (process, account) = (process.to_owned(), account.to_owned());
    let positions: Vec<i64> = items.iter().filter_map(|it| it.0).collect();
    let (recorded, hashes) = world
        .read(&everywhere(actor), move |tx| Ok((recorded(tx, &process, &account)?, hashes(tx, &positions)?)))
        .await?;
    let mut items: Vec<Item> = items
        .into_iter()
        .map(|(position, item)| Item { proof: position.and_then(|it| hashes.get(&it).cloned()), ..item })
        .collect();
    items.extend(recorded);
    items.sort_by(|a, b| (a.at, a.part, &a.words.zh).cmp(&(b.at, b.part, &b.words.zh)));
    Ok(items)
}

fn hashes(tx: &mut Tx<'_>, positions: &[i64]) -> Result<BTreeMap<i64, Proof>, StoreError> {
    let mut found = BTreeMap::new();
    for some in positions.chunks(400) {
        let places: Vec<_> = (1..=some.len()).map(|i| format!("${i}")).collect();
        let values: Vec<Value> = some.iter().map(|it| Value::from(*it)).collect();
        let sql = format!(
            "SELECT position, event, hash FROM journal WHERE position IN ({}) AND {{scope:region}}",
            places.join(", ")
        );
        for row in tx.query(&sql, &values)? {
            let proof = Proof { position: row.int(0)?, event: row.text(1)?, hash: hex(&row.blob(2)?) };
            found.insert(proof.position, proof);
        }
    }
    Ok(found)
}

/// What the account recorded about others; their names masked.
fn recorded(tx: &mut Tx<'_>, process: &str, account: &str) -> Result<Vec<Item>, StoreError> {
    const ACTS: [(&str, &str, &str); 9] = [
        ("call.recorded_by_colleague", "代登记", "recorded for"),
        ("call.reached_on_site", "登记上门叫醒", "recorded as reached on site"),
        ("call.handed_over", "登记转交", "recorded as handed over"),
        ("call.answered", "登记电话答复", "recorded the answer of"),
        ("call.answered_late", "登记事后答复", "recorded the late answer of"),
        ("call.answered_again", "登记改口", "recorded the changed answer of"),
        ("help.taken", "接手求助", "took the request for help of"),
        ("help.ended", "登记求助结果", "recorded what came of the request of"),
        ("person.unmasked", "查看号码", "looked at the number of"),
    ];
    let (first, last) = bounds(tx, process)?;
    let names: Vec<_> = ACTS.iter().map(|it| format!("'{}'", it.0)).collect();
    let sql = format!(
        "SELECT position, at, event, subject, hash FROM journal
          WHERE position >= $1 AND position <= $2 AND actor = $3 AND event IN ({}) AND {{scope:region}} ORDER BY position",
        names.join(", ")
    );
    let mut items = Vec::new();
    for row in tx.query(&sql, params![first, last + 10_000, account])? {
        let (event, subject) = (row.text(2)?, row.text(3)?);
        let Some((_, zh, en)) = ACTS.iter().find(|it| it.0 == event) else { continue };
        let subject = subject.split('!').next().unwrap_or_default().to_owned();
        let callee = subject.rsplit_once('/').map_or(subject.as_str(), |it| it.1);
        let name = callee_title(tx, callee)?
            .map(|it| if callee.starts_with("room:") { it.name } else { masked_name(&it.name) });
        let name = name.unwrap_or_default();
        let proof = Some(Proof { position: row.int(0)?, event: event.clone(), hash: hex(&row.blob(4)?) });
        let words = Text::new(format!("{zh} {name}").trim().to_owned(), format!("{en} {name}").trim().to_owned());
        items.push(Item { part: Part::Did, at: row.instant(1)?, words, proof });
    }
    Ok(items)
}
