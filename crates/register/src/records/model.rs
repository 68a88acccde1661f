//! The things of the register as they are stored.

use anlan_kernel::{Instant, RegionCode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::kinds::value::Values;

/// One thing of the register (台账记录): of which kind, where, and what its fields say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `r` and letters that sort by the time of making.
    pub id: String,
    /// The kind.
    pub kind: String,
    /// What identifies it within its kind, where the kind says so.
    pub key: Option<String>,
    /// 责任区: the region it lies in.
    pub region: RegionCode,
    /// What names it.
    pub name: Option<String>,
    /// Whose data the sealed columns are: the record's own id where its kind holds personal data.
    pub subject: Option<String>,
    /// Fields without personal data.
    pub fields: Values,
    /// Fields with personal data.
    pub personal: Option<Values>,
    /// Degrees east, WGS 84: the point, or the middle of the shape.
    pub longitude: Option<f64>,
    /// Degrees north, WGS 84.
    pub latitude: Option<f64>,
    /// A GeoJSON geometry, where it is more than a point.
    pub geometry: Option<Json>,
    /// 责任单位: the organisation it belongs to.
    pub owner: Option<String>,
    /// 核实日期.
    pub verified_at: Option<Instant>,
    /// By what: `entered`, `imported`, `confirmed`, `visited`, `called`.
    pub verified_by: Option<String>,
    /// `id@version` of the pack under which it was last written.
    pub pack: String,
    /// The import that last wrote it, until somebody changes it by hand.
    pub batch: Option<String>,
    /// Counts changes.
    pub revision: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When it was last changed.
    pub changed_at: Instant,
    /// By whom.
    pub changed_by: String,
}

impl Record {
    /// The field that marks a record as invented for a demonstration (演示数据). No kind has it, so that whatever is
    /// changed, it stays.
    pub const INVENTED: &str = "invented";

    /// Whether it was invented for a demonstration, which is to be shown wherever it shows.
    pub fn is_invented(&self) -> bool {
        self.fields.get(Self::INVENTED) == Some(&Json::Bool(true))
    }

    /// A field's value, personal or not.
    pub fn value(&self, field: &str) -> Option<&Json> {
        self.fields.get(field).or_else(|| self.personal.as_ref()?.get(field))
    }

    /// All values together.
    pub fn values(&self) -> Values {
        let personal = self.personal.iter().flatten();
        self.fields.iter().chain(personal).map(|(id, value)| (id.clone(), value.clone())).collect()
    }

    /// What names it on the screen.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// One import (导入批次), to be undone as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Its id.
    pub id: String,
    /// Of which kind.
    pub kind: String,
    /// Where the importer may write; decides who sees the batch.
    pub region: RegionCode,
    /// Name of the file.
    pub file: String,
    /// Who.
    pub actor: String,
    /// Begun.
    pub began_at: Instant,
    /// `running`, `done`, `undoing`, `undone`.
    pub state: String,
    /// New records.
    pub created: i64,
    /// Changed records.
    pub changed: i64,
    /// Rows that say what stood there already.
    pub same: i64,
    /// Rows refused.
    pub refused: i64,
    /// When it was undone.
    pub undone_at: Option<Instant>,
}

/// A list as somebody keeps it (保存的视图).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Its id.
    pub id: String,
    /// Of which kind.
    pub kind: String,
    /// Whose: `user:…`.
    pub actor: String,
    /// Everybody's.
    pub shared: bool,
    /// Its name.
    pub name: String,
    /// The address's query.
    pub query: String,
}

/// A file kept with a record (附件): its bytes lie in the world's folder under their digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: String,
    /// The record.
    pub record: String,
    /// Where the record lies.
    pub region: RegionCode,
    /// The field, or empty.
    pub field: String,
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub digest: String,
    /// Bytes.
    pub size: i64,
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
}

anlan_store::table!(Record, RECORD, "record", region: "region",
    sealed: ["key", "name", "personal", "longitude", "latitude", "geometry"] of "subject", {
    id: Text, kind: Text, key: Text, region: Text, name: Text, subject: Text, fields: Json, personal: Json,
    longitude: Real, latitude: Real, geometry: Json, owner: Text, verified_at: Time, verified_by: Text, pack: Text,
    batch: Text, revision: Int, created_at: Time, changed_at: Time, changed_by: Text,
});
anlan_store::table!(Batch, BATCH, "import_batch", region: "region", {
    id: Text, kind: Text, region: Text, file: Text, actor: Text, began_at: Time, state: Text, created: Int, changed: Int,
    same: Int, refused: Int, undone_at: Time,
});
anlan_store::table!(View, VIEW, "saved_view", {
    id: Text, kind: Text, actor: Text, shared: Bool, name: Text, query: Text,
});
anlan_store::table!(Attachment, ATTACHMENT, "attachment", region: "region", {
    id: Text, record: Text, region: Text, field: Text, name: Text, media: Text, digest: Text, size: Int, at: Time, actor: Text,
});

/// `record_value` is derived from records: conditions, order and axes of lists look there.
pub(crate) const MIGRATION: &str = "
    CREATE TABLE record (id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, key TEXT, region TEXT NOT NULL, name TEXT,
       subject TEXT, fields TEXT NOT NULL, personal TEXT, longitude DOUBLE PRECISION, latitude DOUBLE PRECISION,
       geometry TEXT, owner TEXT, verified_at BIGINT, verified_by TEXT, pack TEXT NOT NULL, batch TEXT,
       revision BIGINT NOT NULL, created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, changed_by TEXT NOT NULL);
    CREATE UNIQUE INDEX record_key ON record(kind, key);
    CREATE INDEX record_kind ON record(kind, id, region);
    CREATE INDEX record_region ON record(kind, region, id);
    CREATE INDEX record_name ON record(kind, name, id, region);
    CREATE INDEX record_verified ON record(kind, verified_at, id, region);
    CREATE INDEX record_changed ON record(kind, changed_at, id, region);
    CREATE INDEX record_owner ON record(kind, owner, id, region) WHERE owner IS NOT NULL;
    CREATE INDEX record_batch ON record(batch) WHERE batch IS NOT NULL;
    CREATE TABLE record_value (kind TEXT NOT NULL, field TEXT NOT NULL, text TEXT, number DOUBLE PRECISION,
       region TEXT NOT NULL, record TEXT NOT NULL);
    CREATE INDEX record_value_text ON record_value(kind, field, text, record, region);
    CREATE INDEX record_value_number ON record_value(kind, field, number, record, region);
    CREATE INDEX record_value_record ON record_value(record);
    CREATE TABLE import_batch (id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, region TEXT NOT NULL, file TEXT NOT NULL,
       actor TEXT NOT NULL, began_at BIGINT NOT NULL, state TEXT NOT NULL, created BIGINT NOT NULL, changed BIGINT NOT NULL,
       same BIGINT NOT NULL, refused BIGINT NOT NULL, undone_at BIGINT);
    CREATE INDEX import_batch_kind ON import_batch(kind, began_at);
    CREATE TABLE saved_view (id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, actor TEXT NOT NULL, shared BIGINT NOT NULL,
       name TEXT NOT NULL, query TEXT NOT NULL);
    CREATE TABLE attachment (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL, region TEXT NOT NULL,
       field TEXT NOT NULL, name TEXT NOT NULL, media TEXT NOT NULL, digest TEXT NOT NULL, size BIGINT NOT NULL,
       at BIGINT NOT NULL, actor TEXT NOT NULL);
    CREATE INDEX attachment_record ON attachment(record);
    CREATE INDEX attachment_digest ON attachment(digest);";
