//! A small mechanism to try the floors with: cards of people in regions, and plain tallies.

use anlan_kernel::{Actor, Instant, RegionCode, Scope};
use anlan_store::{Event, Module, Record, StoreError, Tx, Urgency, World};
use anlan_testbed::NOON;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// A person's card: regional, with personal columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    pub id: String,
    pub person: String,
    pub region: RegionCode,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub score: i64,
    pub weight: f64,
    pub good: bool,
    pub seen_at: Option<Instant>,
    pub more: Json,
    pub revision: i64,
}

anlan_store::table!(Card, CARD, "card", region: "region", sealed: ["name", "phone"] of "person", {
    id: Text, person: Text, region: Text, name: Text, phone: Text, score: Int, weight: Real, good: Bool, seen_at: Time, more: Json, revision: Int,
});

/// A count of something, the same everywhere; no two carry one label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub id: String,
    pub label: String,
    pub amount: i64,
    pub revision: i64,
}

anlan_store::table!(Tally, TALLY, "tally", {
    id: Text, label: Text, amount: Int, revision: Int,
});

pub static MODULE: Module = Module {
    name: "floors",
    migrations: &[(
        "0001-tables",
        "CREATE TABLE card (id TEXT NOT NULL PRIMARY KEY, person TEXT NOT NULL, region TEXT NOT NULL, name TEXT,
            phone TEXT, score BIGINT NOT NULL, weight DOUBLE PRECISION NOT NULL, good BIGINT NOT NULL, seen_at BIGINT,
            more TEXT NOT NULL, revision BIGINT NOT NULL);
         CREATE TABLE tally (id TEXT NOT NULL PRIMARY KEY, label TEXT NOT NULL UNIQUE, amount BIGINT NOT NULL,
            revision BIGINT NOT NULL);
         CREATE TABLE scrap (id TEXT NOT NULL PRIMARY KEY);",
    )],
    tables: &[&CARD, &TALLY],
};

pub fn clerk() -> Actor {
    Actor::system("clerk")
}

pub fn clerk_of(regions: &[&str]) -> Actor {
    let regions = regions.iter().map(|it| region(it)).collect();
    Actor { name: "user:wang".into(), hat: Some("三防办".into()), scope: Scope::Regions(regions) }
}

pub fn region(code: &str) -> RegionCode {
    RegionCode::parse(code).unwrap()
}

pub fn card(id: &str, code: &str) -> Card {
    Card {
        id: id.into(),
        person: format!("person:{id}"),
        region: region(code),
        name: Some(format!("赵{id}")),
        phone: Some(format!("1390000{id}")),
        score: 1,
        weight: 61.5,
        good: true,
        seen_at: Some(NOON),
        more: json!({"duties": ["网格员", "informant"], "floor": 3}),
        revision: 0,
    }
}

pub fn tally(id: &str) -> Tally {
    Tally { id: id.into(), label: format!("label {id}"), amount: 0, revision: 0 }
}

/// One unit of the clerk, awaited.
pub async fn write<T: Send + 'static>(
    world: &World,
    unit: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    world.write("test", Urgency::Urgent, &clerk(), unit).await
}

/// Puts one record and the event that explains it.
pub async fn keep<R: Record + Clone + Send + 'static>(world: &World, key: &str, record: &R) {
    let (key, record) = (key.to_owned(), record.clone());
    write(world, move |tx| {
        tx.put(&record)?;
        tx.record(Event::new("record.kept", &key))
    })
    .await
    .unwrap();
}

pub async fn tally_of(world: &World, id: &str) -> Option<Tally> {
    let id = id.to_owned();
    world.read(&clerk(), move |tx| tx.get::<Tally>(&id)).await.unwrap()
}

/// Whole numbers that are the same on every run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 0 to `sides` - 1.
    pub fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// `most` in the long form of the suite, `few` otherwise.
pub fn times(few: usize, most: usize) -> usize {
    if std::env::var_os("ANLAN_FULL").is_some() { most } else { few }
}

/// A month of ordinary work: cards and tallies made, changed, advanced, deleted, moved.
pub async fn ordinary_work(world: &World, steps: usize) {
    let mut dice = Dice::new(7);
    for step in 0..steps {
        let (number, kind) = (dice.below(8), dice.below(6));
        let id = format!("{number:04}");
        write(world, move |tx| {
            let street = format!("44030300{}", 1 + step % 3);
            let seen = tx.get::<Card>(&id)?;
            match (kind, seen) {
                (0, Some(_)) => drop(tx.delete::<Card>(&id)?),
                (1 | 2, Some(seen)) => drop(tx.advance(&Card { score: step as i64, good: false, ..seen })?),
                (3, Some(seen)) => tx.put(&Card { region: region(&street), seen_at: None, ..seen })?,
                (4, _) => tx.set_deadline("look", &id, tx.now().plus(std::time::Duration::from_secs(60)))?,
                (5, _) => tx.put(&Tally { amount: step as i64, ..tally(&id) })?,
                (_, _) => tx.put(&Card { more: json!([step, null, 0.25]), ..card(&id, &street) })?,
            }
            let place = region(&street);
            let event = Event::new("work.done", &id).region(&place).detail(json!({"step": step}));
            tx.record(if step % 2 == 0 { event.pack("flood@3") } else { event })
        })
        .await
        .unwrap();
    }
}
