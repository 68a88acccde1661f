//! The SQL of the register and nothing else.

use anlan_kernel::{Instant, RegionCode};
use anlan_store::{Module, Row, StoreError, Tx, Value, params};

use crate::find;
use crate::model::{GEOMETRY, ORGANISATION, PERSON, PLACE, POST, REGION, SHIFT};

/// Tables of the register.
pub static MODULE: Module = Module {
    name: "register",
    migrations: &[(
        "0001-register",
        "CREATE TABLE region (code TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, level BIGINT NOT NULL, parent TEXT);
         CREATE INDEX region_parent ON region(parent);
         CREATE TABLE organisation (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, region TEXT NOT NULL,
            kind TEXT NOT NULL, hats TEXT NOT NULL, duty_room_name TEXT, duty_room_phone TEXT, note TEXT);
         CREATE INDEX organisation_region ON organisation(region);
         CREATE INDEX organisation_name ON organisation(name);
         CREATE TABLE person (id TEXT NOT NULL PRIMARY KEY, region TEXT NOT NULL, name TEXT, phone TEXT, spare TEXT,
            erased_at BIGINT);
         CREATE INDEX person_name ON person(name, phone);
         CREATE INDEX person_phone ON person(phone);
         CREATE INDEX person_region ON person(region);
         CREATE TABLE post (id TEXT NOT NULL PRIMARY KEY, person TEXT NOT NULL, organisation TEXT NOT NULL,
            title TEXT NOT NULL, duty TEXT NOT NULL, region TEXT NOT NULL, level TEXT NOT NULL, rank TEXT NOT NULL,
            note TEXT, valid_from BIGINT, valid_until BIGINT);
         CREATE INDEX post_region ON post(region, person);
         CREATE INDEX post_person ON post(person);
         CREATE INDEX post_organisation ON post(organisation);
         CREATE TABLE shift (id TEXT NOT NULL PRIMARY KEY, organisation TEXT NOT NULL, region TEXT NOT NULL,
            starts_at BIGINT NOT NULL, ends_at BIGINT NOT NULL, role TEXT NOT NULL, person TEXT, subject TEXT NOT NULL,
            name TEXT, phone TEXT);
         CREATE INDEX shift_region ON shift(region, starts_at);
         CREATE INDEX shift_organisation ON shift(organisation, starts_at);
         CREATE INDEX shift_person ON shift(person);",
    ), (
        "0002-places",
        "CREATE TABLE place (id TEXT NOT NULL PRIMARY KEY, region TEXT NOT NULL, longitude DOUBLE PRECISION NOT NULL,
            latitude DOUBLE PRECISION NOT NULL, source TEXT NOT NULL, invented BIGINT NOT NULL);
         CREATE INDEX place_region ON place(region);
         CREATE TABLE geometry (id TEXT NOT NULL PRIMARY KEY, region TEXT NOT NULL, geojson TEXT NOT NULL);
         CREATE INDEX geometry_region ON geometry(region);",
    ), find::MIGRATION, ("0004-packs", crate::packs::model::MIGRATION),
        ("0005-start", crate::start::draft::MIGRATION), ("0006-records", crate::records::model::MIGRATION),
        ("0007-audiences", crate::audiences::MIGRATION), ("0008-duties", crate::duties::model::MIGRATION)],
    tables: &[
        &REGION, &ORGANISATION, &PERSON, &POST, &SHIFT, &PLACE, &GEOMETRY, &crate::import::remembered::MATCHING,
        &crate::packs::model::PACK, &crate::records::model::RECORD, &crate::records::model::BATCH,
        &crate::records::model::VIEW, &crate::records::model::ATTACHMENT, &crate::audiences::KEPT,
        &crate::duties::model::DIRECTORY_PAGE, &crate::duties::model::BOARD, &crate::duties::model::VISIT,
        &crate::duties::model::ASK, &crate::duties::model::HAT, &crate::duties::model::DUTY_AREA,
    ],
};

/// A condition with its values, as it is being put together.
#[derive(Default)]
pub(crate) struct Where {
    pub text: String,
    pub values: Vec<Value>,
}

impl Where {
    /// `$n` for the value.
    pub fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Regions of which one of `areas` is part, or which are part of it.
    pub fn meeting(column: &str, areas: &[RegionCode]) -> Self {
        let mut this = Self::default();
        let mut parts = Vec::new();
        for area in areas {
            let (from, until) = (this.bind(area.as_str()), this.bind(area.until()));
            parts.push(format!("({column} >= {from} AND {column} < {until})"));
        }
        let mut above: Vec<&str> =
            areas.iter().flat_map(|it| (2..it.as_str().len()).map(|length| &it.as_str()[..length])).collect();
        above.sort_unstable();
        above.dedup();
        if !above.is_empty() {
            let places: Vec<_> = above.into_iter().map(|it| this.bind(it)).collect();
            parts.push(format!("{column} IN ({})", places.join(", ")));
        }
        this.text = if parts.is_empty() { "1 = 0".to_owned() } else { format!("({})", parts.join(" OR ")) };
        this
    }

    /// One of these values.
    pub fn among<'a>(column: &str, values: impl Iterator<Item = &'a str>) -> Self {
        let mut this = Self::default();
        let places: Vec<_> = values.map(|it| this.bind(it)).collect();
        this.text = if places.is_empty() { "1 = 0".to_owned() } else { format!("{column} IN ({})", places.join(", ")) };
        this
    }

    /// Exactly this value.
    pub fn equals(column: &str, value: impl Into<Value>) -> Self {
        let mut this = Self::default();
        this.text = format!("{column} = {}", this.bind(value));
        this
    }
}

/// Posts in force at `now` with the person and the region's name:
/// person, region, region name, title, duty, level, rank, phone, spare.
pub(crate) fn post_rows(tx: &mut Tx<'_>, mut which: Where, now: Instant) -> Result<Vec<Row>, StoreError> {
    let at = which.bind(now);
    let sql = format!(
        "SELECT p.person, p.region, r.name, p.title, p.duty, p.level, p.rank, n.phone, n.spare
           FROM post p JOIN person n ON n.id = p.person LEFT JOIN region r ON r.code = p.region
          WHERE {} AND n.erased_at IS NULL AND {{scope:p.region}}
            AND (p.valid_from IS NULL OR p.valid_from <= {at}) AND (p.valid_until IS NULL OR p.valid_until > {at})
          ORDER BY p.region, p.person, p.id",
        which.text
    );
    tx.query(&sql, &which.values)
}

/// Officers on duty at `now`: person, region, region name, role, organisation, phone, spare.
pub(crate) fn duty_rows(tx: &mut Tx<'_>, mut which: Where, now: Instant) -> Result<Vec<Row>, StoreError> {
    let at = which.bind(now);
    let sql = format!(
        "SELECT s.person, s.region, r.name, s.role, s.organisation, n.phone, n.spare
           FROM shift s JOIN person n ON n.id = s.person LEFT JOIN region r ON r.code = s.region
          WHERE {} AND n.erased_at IS NULL AND {{scope:s.region}} AND s.starts_at <= {at} AND s.ends_at > {at}
          ORDER BY s.region, s.id",
        which.text
    );
    tx.query(&sql, &which.values)
}

/// Organisations with a duty room: id, region, region name, room name, room number, name, kind.
pub(crate) fn room_rows(tx: &mut Tx<'_>, which: Where) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "SELECT o.id, o.region, r.name, o.duty_room_name, o.duty_room_phone, o.name, o.kind
           FROM organisation o LEFT JOIN region r ON r.code = o.region
          WHERE {} AND (o.duty_room_name IS NOT NULL OR o.duty_room_phone IS NOT NULL) AND {{scope:o.region}}
          ORDER BY o.region, o.id",
        which.text
    );
    tx.query(&sql, &which.values)
}

/// Name of a person, title and unit of the first post.
pub(crate) fn title_row(tx: &mut Tx<'_>, person: &str) -> Result<Option<Row>, StoreError> {
    let sql = "SELECT n.name, p.title, o.name
                 FROM person n LEFT JOIN post p ON p.person = n.id LEFT JOIN organisation o ON o.id = p.organisation
                WHERE n.id = $1 AND ({scope:n.region} OR {scope:p.region})
                ORDER BY p.region, p.id LIMIT 1";
    Ok(tx.query(sql, params![person])?.into_iter().next())
}

/// People with their posts: id, name, title, unit, phone, spare; the first post of each first.
pub(crate) fn contact_rows(tx: &mut Tx<'_>, which: Where) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "SELECT n.id, n.name, p.title, o.name, n.phone, n.spare
           FROM person n LEFT JOIN post p ON p.person = n.id LEFT JOIN organisation o ON o.id = p.organisation
          WHERE {} AND n.erased_at IS NULL AND ({{scope:n.region}} OR {{scope:p.region}})
          ORDER BY n.id, p.region, p.id",
        which.text
    );
    tx.query(&sql, &which.values)
}

/// The pattern of whatever contains the words.
pub(crate) fn pattern(words: &str) -> String {
    format!("%{}%", words.trim())
}

/// Ids of people by a pattern of the name, or one of the number where it is not empty.
pub(crate) fn named_people(tx: &mut Tx<'_>, name: &str, tail: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT n.id FROM person n
                WHERE n.erased_at IS NULL AND (n.name LIKE $1 OR ($2 <> '' AND (n.phone LIKE $2 OR n.spare LIKE $2)))
                  AND ({scope:n.region} OR EXISTS (SELECT 1 FROM post p WHERE p.person = n.id AND {scope:p.region}))
                ORDER BY n.id";
    tx.query(sql, params![name, tail])?.iter().map(|it| it.text(0)).collect()
}

/// Ids of organisations by a pattern of their name or their duty room's, or one of its number.
pub(crate) fn named_rooms(tx: &mut Tx<'_>, name: &str, tail: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT id FROM organisation
                WHERE (name LIKE $1 OR duty_room_name LIKE $1 OR ($2 <> '' AND duty_room_phone LIKE $2))
                  AND {scope:region} ORDER BY id";
    tx.query(sql, params![name, tail])?.iter().map(|it| it.text(0)).collect()
}

/// Both numbers of a person as they stand.
pub(crate) fn number_row(tx: &mut Tx<'_>, person: &str) -> Result<Option<Row>, StoreError> {
    let sql = "SELECT n.phone, n.spare FROM person n
                WHERE n.id = $1 AND n.erased_at IS NULL AND ({scope:n.region}
                   OR EXISTS (SELECT 1 FROM post p WHERE p.person = n.id AND {scope:p.region}))";
    Ok(tx.query(sql, params![person])?.into_iter().next())
}

/// The whole roster in the importer's columns: name, phone, spare, organisation, title, duty, level,
/// region, region name, rank, note.
pub(crate) fn roster_rows(tx: &mut Tx<'_>) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT n.name, n.phone, n.spare, COALESCE(o.name, p.organisation), p.title, p.duty, p.level, p.region,
                      r.name, p.rank, p.note
                 FROM post p JOIN person n ON n.id = p.person
                 LEFT JOIN organisation o ON o.id = p.organisation LEFT JOIN region r ON r.code = p.region
                WHERE n.erased_at IS NULL AND {scope:p.region} ORDER BY p.region, p.rank, p.id";
    tx.query(sql, &[])
}

/// Every organisation: id, name, region. Units are public words, and their ids are unique everywhere.
pub(crate) fn organisation_everywhere(tx: &mut Tx<'_>) -> Result<Vec<(String, String, RegionCode)>, StoreError> {
    let rows = tx.query_everywhere("SELECT id, name, region FROM organisation ORDER BY id DESC", &[])?;
    rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?, region_of(&row.text(2)?)?))).collect()
}

/// Id and name of these organisations. Units are public words.
pub(crate) fn organisation_names(tx: &mut Tx<'_>, which: Where) -> Result<Vec<Row>, StoreError> {
    let sql = format!("SELECT o.id, o.name FROM organisation o WHERE {}", which.text);
    tx.query_everywhere(&sql, &which.values)
}

/// The highest number that stands in a person's id, of everybody: a number is given out once.
pub(crate) fn person_last(tx: &mut Tx<'_>) -> Result<usize, StoreError> {
    let sql = "SELECT MAX(id) FROM person WHERE id >= 'person:0' AND id < 'person:a'";
    let last = tx.query_everywhere(sql, &[])?.first().map_or(Ok(None), |it| it.opt(0, Row::text))?;
    Ok(last.and_then(|it| it.strip_prefix("person:")?.parse().ok()).unwrap_or(0))
}

/// Ids of everybody who was erased, wherever they belonged: a post of theirs is manned by nobody.
pub(crate) fn person_erased(tx: &mut Tx<'_>) -> Result<std::collections::BTreeSet<String>, StoreError> {
    let rows = tx.query_everywhere("SELECT id FROM person WHERE erased_at IS NOT NULL", &[])?;
    rows.iter().map(|it| it.text(0)).collect()
}

/// How many posts a person has, in every area: an erasure leaves none out.
pub(crate) fn post_count(tx: &mut Tx<'_>, person: &str) -> Result<i64, StoreError> {
    let rows = tx.query_everywhere("SELECT COUNT(*) FROM post WHERE person = $1", params![person])?;
    rows.first().map_or(Ok(0), |it| it.int(0))
}

fn region_of(text: &str) -> Result<RegionCode, StoreError> {
    RegionCode::parse(text).map_err(|it| StoreError::Shape(it.to_string()))
}
