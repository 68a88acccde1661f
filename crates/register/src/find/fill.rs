//! Entries of the register's own things, and the index made again from what is stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anlan_kernel::{Actor, RegionCode};
use anlan_store::{Row, StoreError, Tx, Urgency, World};

use super::{Entry, ORGANISATION, PERSON, POST, REGION, Word, put_many, sql};
use crate::{model::Rank, store::Where};

/// Things read into the index in one transaction.
const SLICE: usize = 500;
/// Posts of a person that stand in the second line.
const NAMED: usize = 2;

/// Puts the next things of one kind into the index: at most so many after this id. The last id, or `None` where there was
/// none.
pub type Filler = Arc<dyn Fn(&mut Tx<'_>, &str, usize) -> Result<Option<String>, StoreError> + Send + Sync>;

fn own() -> Vec<Filler> {
    vec![Arc::new(regions), Arc::new(organisations), Arc::new(people), Arc::new(posts)]
}

/// Makes the index again from what is stored here and where `others` read it. What is looked for meanwhile may not be
/// found yet.
///
/// # Errors
/// What the engine says; then it is to be called again.
pub async fn rebuild(world: &World, others: &[Filler]) -> Result<(), StoreError> {
    write(world, |tx| {
        sql::clear(tx)?;
        sql::mark(tx, sql::UNFINISHED)
    })
    .await?;
    for filler in own().iter().chain(others) {
        let mut after = String::new();
        loop {
            let (filler, from) = (Arc::clone(filler), after.clone());
            match write(world, move |tx| filler(tx, &from, SLICE)).await? {
                Some(last) => after = last,
                None => break,
            }
        }
    }
    write(world, |tx| sql::remove(tx, sql::UNFINISHED)).await
}

/// Makes the index where there is none: after a restore, in a data folder of an older program, or where making it was cut
/// off. Writes nothing where there is nothing to find.
///
/// # Errors
/// As [`rebuild`].
pub async fn ready(world: &World, others: &[Filler]) -> Result<(), StoreError> {
    if is_ready(world).await? { Ok(()) } else { rebuild(world, others).await }
}

/// Whether everything that is stored can be found.
///
/// # Errors
/// What the engine says.
pub async fn is_ready(world: &World) -> Result<bool, StoreError> {
    world.read(&Actor::system("find"), |tx| Ok(!(sql::is_unfinished(tx)? && is_anything(tx)?))).await
}

async fn write<T: Send + 'static>(
    world: &World,
    unit: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    world.write("find", Urgency::Background, &Actor::system("find"), unit).await
}

/// Whether anything is stored that could be found. Read everywhere: it is the program's own work.
fn is_anything(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM region UNION ALL SELECT 1 FROM organisation UNION ALL SELECT 1 FROM person LIMIT 1";
    Ok(!tx.query_everywhere(sql, &[])?.is_empty())
}

/// Ids of what a transaction changed.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub regions: BTreeSet<String>,
    pub organisations: BTreeSet<String>,
    pub people: BTreeSet<String>,
    pub posts: BTreeSet<String>,
}

/// Brings the entries of what was changed, and of what shows its name, up to date.
pub(crate) fn refresh(tx: &mut Tx<'_>, touched: &Touched) -> Result<(), StoreError> {
    let (mut people, mut posts) = (touched.people.clone(), touched.posts.clone());
    for (column, changed) in [("p.region", &touched.regions), ("p.organisation", &touched.organisations)] {
        for row in in_slices(changed, |which| post_rows(tx, which, column))? {
            posts.insert(row.text(0)?);
        }
    }
    for row in in_slices(&posts, |which| post_rows(tx, which, "p.id"))? {
        people.insert(row.text(1)?);
    }
    let rows = in_slices(&touched.regions, |which| region_rows(tx, which))?;
    put_regions(tx, &rows)?;
    let rows = in_slices(&touched.organisations, |which| organisation_rows(tx, which))?;
    put_organisations(tx, &rows)?;
    let rows = in_slices(&people, |which| person_rows(tx, which))?;
    put_people(tx, &rows)?;
    let rows = in_slices(&posts, |which| post_rows(tx, which, "p.id"))?;
    put_posts(tx, &rows)
}

/// What is read.
#[derive(Clone, Copy)]
enum Which<'a> {
    /// With one of these keys.
    Among(&'a [&'a str]),
    /// So many after this id.
    After(&'a str, usize),
}

impl Which<'_> {
    /// Condition, order and limit by the column.
    fn of(self, column: &str) -> Where {
        match self {
            Self::Among(keys) => {
                let mut this = Where::among(column, keys.iter().copied());
                this.text += &format!(" ORDER BY {column}");
                this
            }
            Self::After(id, most) => {
                let mut this = Where::default();
                this.text = format!("{column} > {} ORDER BY {column} LIMIT {}", this.bind(id), this.bind(most));
                this
            }
        }
    }
}

fn in_slices(
    keys: &BTreeSet<String>,
    mut read: impl FnMut(Which<'_>) -> Result<Vec<Row>, StoreError>,
) -> Result<Vec<Row>, StoreError> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut rows = Vec::new();
    for some in keys.chunks(SLICE) {
        rows.extend(read(Which::Among(some))?);
    }
    Ok(rows)
}

fn regions(tx: &mut Tx<'_>, after: &str, most: usize) -> Result<Option<String>, StoreError> {
    let rows = region_rows(tx, Which::After(after, most))?;
    put_regions(tx, &rows)?;
    last(&rows)
}

fn organisations(tx: &mut Tx<'_>, after: &str, most: usize) -> Result<Option<String>, StoreError> {
    let rows = organisation_rows(tx, Which::After(after, most))?;
    put_organisations(tx, &rows)?;
    last(&rows)
}

fn people(tx: &mut Tx<'_>, after: &str, most: usize) -> Result<Option<String>, StoreError> {
    let rows = person_rows(tx, Which::After(after, most))?;
    put_people(tx, &rows)?;
    last(&rows)
}

fn posts(tx: &mut Tx<'_>, after: &str, most: usize) -> Result<Option<String>, StoreError> {
    let rows = post_rows(tx, Which::After(after, most), "p.id")?;
    put_posts(tx, &rows)?;
    last(&rows)
}

fn last(rows: &[Row]) -> Result<Option<String>, StoreError> {
    rows.last().map(|it| it.text(0)).transpose()
}

/// Code, name, name of the region it lies in.
fn region_rows(tx: &mut Tx<'_>, which: Which<'_>) -> Result<Vec<Row>, StoreError> {
    let which = which.of("r.code");
    let sql = format!(
        "SELECT r.code, r.name, u.name FROM region r LEFT JOIN region u ON u.code = r.parent WHERE {}",
        which.text
    );
    tx.query(&sql, &which.values)
}

/// Id, region, name, 牌子, duty room's name and number, name of the region. Read everywhere: the index holds all areas.
fn organisation_rows(tx: &mut Tx<'_>, which: Which<'_>) -> Result<Vec<Row>, StoreError> {
    let which = which.of("o.id");
    let sql = format!(
        "SELECT o.id, o.region, o.name, o.hats, o.duty_room_name, o.duty_room_phone, r.name
           FROM organisation o LEFT JOIN region r ON r.code = o.region WHERE {}",
        which.text
    );
    tx.query_everywhere(&sql, &which.values)
}

/// Id, region, name, both numbers, of whoever is not erased. Read everywhere, likewise.
fn person_rows(tx: &mut Tx<'_>, which: Which<'_>) -> Result<Vec<Row>, StoreError> {
    let which = which.of("n.id");
    let sql = format!(
        "SELECT n.id, n.region, n.name, n.phone, n.spare FROM person n WHERE n.erased_at IS NULL AND {}",
        which.text
    );
    tx.query_everywhere(&sql, &which.values)
}

/// Id, person, region, duty, rank, title, unit, name of the region, of posts of whoever is not erased; by this column.
/// Read everywhere, likewise.
fn post_rows(tx: &mut Tx<'_>, which: Which<'_>, column: &str) -> Result<Vec<Row>, StoreError> {
    let which = which.of(column);
    let sql = format!(
        "SELECT p.id, p.person, p.region, p.duty, p.rank, p.title, COALESCE(o.name, p.organisation), r.name
           FROM post p JOIN person n ON n.id = p.person LEFT JOIN organisation o ON o.id = p.organisation
           LEFT JOIN region r ON r.code = p.region
          WHERE n.erased_at IS NULL AND {}",
        which.text
    );
    tx.query_everywhere(&sql, &which.values)
}

fn put_regions(tx: &mut Tx<'_>, rows: &[Row]) -> Result<(), StoreError> {
    let things = rows
        .iter()
        .map(|row| {
            let code = row.text(0)?;
            let mut thing = Thing::new(format!("region:{code}"), REGION, code.clone(), row.text(1)?)?;
            thing.detail = optional(row, 2)?;
            thing.codes.push(code);
            Ok(thing)
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    put_things(tx, &things)
}

fn put_organisations(tx: &mut Tx<'_>, rows: &[Row]) -> Result<(), StoreError> {
    let things = rows
        .iter()
        .map(|row| {
            let id = row.text(0)?;
            let mut thing = Thing::new(format!("organisation:{id}"), ORGANISATION, row.text(1)?, row.text(2)?)?;
            thing.names = serde_json::from_str(&row.text(3)?)?;
            thing.names.push(optional(row, 4)?);
            thing.phones.push(optional(row, 5)?);
            thing.detail = optional(row, 6)?;
            thing.codes.push(id);
            Ok(thing)
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    put_things(tx, &things)
}

fn put_posts(tx: &mut Tx<'_>, rows: &[Row]) -> Result<(), StoreError> {
    let things = rows
        .iter()
        .map(|row| {
            let rank = Rank::parse(&row.text(4)?).map_or("", Rank::zh);
            let title = format!("{} · {rank}", row.text(3)?);
            let mut thing = Thing::new(row.text(0)?, POST, row.text(2)?, title)?;
            thing.detail = format!("{} {} · {}", row.text(6)?, row.text(5)?, optional(row, 7)?);
            Ok(thing)
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    put_things(tx, &things)
}

/// People with what their posts are called, as far as everybody who sees the person also sees the post.
fn put_people(tx: &mut Tx<'_>, rows: &[Row]) -> Result<(), StoreError> {
    let ids: BTreeSet<String> = rows.iter().map(|it| it.text(0)).collect::<Result<_, _>>()?;
    let mut posts: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in in_slices(&ids, |which| post_rows(tx, which, "p.person"))? {
        posts.entry(row.text(1)?).or_default().push(row);
    }
    let mut things = Vec::new();
    for row in rows {
        let Some(name) = row.opt(2, Row::text)? else { continue };
        let id = row.text(0)?;
        let mut thing = Thing::new(id.clone(), PERSON, row.text(1)?, name)?;
        thing.phones = vec![optional(row, 3)?, optional(row, 4)?];
        let mut lines = BTreeSet::new();
        for post in posts.get(&id).into_iter().flatten() {
            if thing.region.covers(&region(&post.text(2)?)?) {
                lines.insert(format!("{} {} · {}", post.text(6)?, post.text(5)?, post.text(3)?));
            }
        }
        thing.detail = lines.iter().take(NAMED).cloned().collect::<Vec<_>>().join("；");
        thing.texts = lines.into_iter().skip(NAMED).collect();
        things.push(thing);
    }
    put_things(tx, &things)
}

/// An entry that owns its words.
struct Thing {
    subject: String,
    kind: &'static str,
    region: RegionCode,
    title: String,
    detail: String,
    names: Vec<String>,
    phones: Vec<String>,
    codes: Vec<String>,
    texts: Vec<String>,
}

impl Thing {
    fn new(subject: String, kind: &'static str, at: String, title: String) -> Result<Self, StoreError> {
        let none = Vec::new;
        let region = region(&at)?;
        let detail = String::new();
        Ok(Self { subject, kind, region, title, detail, names: none(), phones: none(), codes: none(), texts: none() })
    }

    fn entry(&self) -> Entry<'_> {
        let names = self.names.iter().map(|it| Word::Name(it));
        let phones = self.phones.iter().map(|it| Word::Phone(it));
        let codes = self.codes.iter().map(|it| Word::Code(it));
        let texts = self.texts.iter().map(|it| Word::Text(it));
        Entry {
            subject: &self.subject,
            kind: self.kind,
            region: &self.region,
            title: &self.title,
            detail: &self.detail,
            words: names.chain(phones).chain(codes).chain(texts).collect(),
            personal: self.kind == PERSON,
        }
    }
}

fn put_things(tx: &mut Tx<'_>, things: &[Thing]) -> Result<(), StoreError> {
    put_many(tx, &things.iter().map(Thing::entry).collect::<Vec<_>>())
}

fn optional(row: &Row, index: usize) -> Result<String, StoreError> {
    Ok(row.opt(index, Row::text)?.unwrap_or_default())
}

fn region(code: &str) -> Result<RegionCode, StoreError> {
    RegionCode::parse(code).map_err(|it| StoreError::Shape(it.to_string()))
}

/// The person and the name of who holds each of these posts: by the post's id.
pub(super) fn holders(tx: &mut Tx<'_>, posts: &[&str]) -> Result<BTreeMap<String, (String, String)>, StoreError> {
    let which = Where::among("p.id", posts.iter().copied());
    let sql = format!(
        "SELECT p.id, n.id, n.name FROM post p JOIN person n ON n.id = p.person
          WHERE n.erased_at IS NULL AND n.name IS NOT NULL AND {{scope:p.region}} AND {}",
        which.text
    );
    let rows = tx.query(&sql, &which.values)?;
    rows.iter().map(|it| Ok((it.text(0)?, (it.text(1)?, it.text(2)?)))).collect()
}
