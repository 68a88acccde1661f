//! The district goes into the register: behind everything urgent, in slices, and on from where it was cut off.

use std::{collections::HashMap, sync::Arc, time::Instant as Wall};

use anlan_kernel::{Actor, Lang};
use anlan_register::{
    Person,
    kinds::{Catalog, Kind},
    records::{
        Cause, Outcome, Ready, Record,
        write::{prepare, write_many},
    },
};
use anlan_store::{Row, StoreError, Urgency, World, params};
use serde_json::Value as Json;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{super::story::Loaded, District, Ground, Made, Size};
use crate::house::House;

/// Records of one transaction.
const SLICE: usize = 500;

/// What became of writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// New records.
    pub created: usize,
    /// Records that were there.
    pub known: usize,
    /// Records the register refused.
    pub refused: usize,
}

/// Fills the register in a task of its own once `go` is said; `gently` leaves the writer to others half of the time.
pub fn start(
    house: &House,
    loaded: &Arc<Loaded>,
    size: Size,
    gently: bool,
    go: oneshot::Receiver<()>,
    lang: Lang,
) -> JoinHandle<Result<Written, StoreError>> {
    let (house, loaded) = (house.clone(), Arc::clone(loaded));
    tokio::spawn(async move {
        if size == Size::None || go.await.is_err() {
            return Ok(Written::default());
        }
        let written = fill(&house, &loaded, size, gently, lang).await;
        if let Err(error) = &written {
            tracing::error!(%error, "the register of the demonstration was not finished; --resume goes on with it");
        }
        written
    })
}

async fn fill(house: &House, loaded: &Loaded, size: Size, gently: bool, lang: Lang) -> Result<Written, StoreError> {
    let Some(ground) = ground_of(&house.world, loaded).await? else {
        tracing::warn!(story = loaded.story.id, "the story has no places; its register stays empty");
        return Ok(Written::default());
    };
    let (district, begun) = (District::new(ground, size), Wall::now());
    let total = district.total();
    say!(
        "{}",
        match lang {
            Lang::Zh => format!("台账演示数据共 {total} 条，正在后台写入；回放照常进行。"),
            Lang::En => format!(
                "{total} invented records of the register are being written in the background; the replay goes on."
            ),
        }
    );
    let written = write(house, &district, gently).await?;
    let (seconds, Written { created, known, refused }) = (begun.elapsed().as_secs(), written);
    tracing::info!(created, known, refused, seconds, "the register of the demonstration is written");
    say!(
        "{}",
        match lang {
            Lang::Zh => format!("台账演示数据已写完：新写 {created} 条，原有 {known} 条，用时 {seconds} 秒。"),
            Lang::En =>
                format!("The invented records are written: {created} new, {known} already there, in {seconds} s."),
        }
    );
    Ok(written)
}

/// The story's district with the ids that its people have in this world.
///
/// # Errors
/// What the store says; a file of the story that cannot be read.
pub async fn ground_of(world: &World, loaded: &Loaded) -> Result<Option<Ground>, StoreError> {
    let people: Vec<Person> =
        world.read(&Actor::system("demo"), |tx| tx.find("erased_at IS NULL", "ORDER BY id", &[])).await?;
    let known: HashMap<(String, String), String> =
        people.into_iter().filter_map(|it| Some(((it.name?, it.phone?), it.id))).collect();
    let person = |name: &str, phone: &str| known.get(&(name.to_owned(), phone.to_owned())).cloned();
    Ground::of(loaded, &person).map_err(StoreError::Shape)
}

/// Writes everything that is not there yet.
///
/// # Errors
/// What the store says.
pub async fn write(house: &House, district: &District, gently: bool) -> Result<Written, StoreError> {
    let catalog = house.register.catalog();
    let mut written = Written::default();
    for part in district.parts() {
        let count = district.count(part.kind);
        let Some(kind) = catalog.kind(part.kind).filter(|_| count > 0) else { continue };
        for from in (0..count).step_by(SLICE) {
            let begun = Wall::now();
            let made = (from..count.min(from + SLICE)).map(|n| district.made(part, n)).collect();
            let slice = slice(house, district, &catalog, kind, made).await?;
            written.created += slice.created;
            written.known += slice.known;
            written.refused += slice.refused;
            if gently && slice.created > 0 {
                tokio::time::sleep(begun.elapsed()).await;
            }
        }
        tracing::info!(kind = part.kind, count, "invented records are there");
    }
    Ok(written)
}

async fn slice(
    house: &House,
    district: &District,
    catalog: &Arc<Catalog>,
    kind: &Kind,
    made: Vec<Made>,
) -> Result<Written, StoreError> {
    let Some((first, last)) = made.first().zip(made.last()).map(|(a, b)| (a.id.clone(), b.id.clone())) else {
        return Ok(Written::default());
    };
    let by = Actor::system("demo");
    let (mut ready, mut refused) = (Vec::with_capacity(made.len()), 0);
    for it in made {
        match as_record(house, district, catalog, kind, it, &by) {
            Ok(it) => ready.push(it),
            Err(problems) => {
                refused += 1;
                tracing::warn!(kind = kind.id, ?problems, "an invented record was refused");
            }
        }
    }
    let (catalog, kind) = (Arc::clone(catalog), kind.clone());
    let write = move |tx: &mut anlan_store::Tx<'_>| {
        let sql = "SELECT id FROM record WHERE id >= $1 AND id <= $2 AND {scope:region}";
        let known: Vec<String> =
            tx.query(sql, params![&first, &last])?.iter().map(|it: &Row| it.text(0)).collect::<Result<_, _>>()?;
        let new: Vec<Ready> = ready.iter().filter(|it| !known.contains(&it.record.id)).cloned().collect();
        let outcomes = write_many(tx, &catalog, &kind, new, &cause())?;
        let refused = outcomes.iter().filter(|it| matches!(it, Outcome::Refused(_))).count();
        if let Some(Outcome::Refused(problems)) = outcomes.iter().find(|it| matches!(it, Outcome::Refused(_))) {
            tracing::warn!(kind = kind.id, ?problems, "an invented record was refused");
        }
        Ok(Written { created: outcomes.len() - refused, known: known.len(), refused })
    };
    let written = house.world.write("demo.district", Urgency::Background, &by, write).await?;
    Ok(Written { refused: written.refused + refused, ..written })
}

fn cause() -> Cause {
    Cause { by: "imported", why: None, batch: None }
}

/// A record as it goes into the register: under its own id, verified when it says, marked as invented.
fn as_record(
    house: &House,
    district: &District,
    catalog: &Catalog,
    kind: &Kind,
    made: Made,
    by: &Actor,
) -> Result<Ready, Vec<anlan_kernel::Problem>> {
    let mut ready = prepare(catalog, kind, made.draft, None, &cause(), &by.name, house.world.now())?;
    let record = &mut ready.record;
    record.subject = record.subject.as_ref().map(|_| made.id.clone());
    record.id = made.id;
    let every = kind.verify_every.unwrap_or(std::time::Duration::from_secs(365 * 24 * 3_600));
    record.verified_at = made.verified.map(|it| district.ground.day.minus(every.mul_f64(it)));
    record.verified_by = record.verified_at.map(|_| "confirmed".to_owned());
    record.fields.insert(Record::INVENTED.to_owned(), Json::Bool(true));
    Ok(ready)
}
