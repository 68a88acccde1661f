//! What somebody sends about a record, by a form or as JSON, on the way to a [`Draft`].
//!
//! What is left out stays as it is; an empty value empties. What the sender sees only behind a mask is changed only by
//! something that is not that mask.

use std::collections::HashMap;

use anlan_codecs::geo::{self, degrees::Axis};
use anlan_kernel::{Lang, Problem};
use serde_json::{Map, Value as Json};

use super::{
    Draft, Of, Record,
    refs::is_reference,
    show::{is_masked, mask},
    write,
};
use crate::kinds::{Field, Placing, Sort, value};

/// What was sent; names of regions, units and other things are not looked up yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    pub draft: Draft,
    /// Region by code or name.
    pub region: Option<String>,
    /// Unit by id or name; empty for none.
    pub owner: Option<String>,
    /// In the sender's words.
    pub why: Option<String>,
    /// The revision the sender saw.
    pub revision: Option<i64>,
    pub problems: Vec<Problem>,
}

/// Whether somebody enters it in a form or a body; files have doors of their own.
pub(crate) fn is_entered(of: &Of, field: &Field) -> bool {
    field.computed.is_none() && of.reader.sees(field) && field.in_sheets()
}

impl Sent {
    /// A form's fields: `f.<field>` as text, `ref.<field>` the ids that its words `shown.<field>` stand for,
    /// `clear.<field>` to empty what is masked, `region`, `owner`, `longitude`, `latitude`, `why`, `revision`.
    pub fn of_form(of: &Of, form: &[(String, String)], before: Option<&Record>) -> Self {
        let mut all: HashMap<&str, Vec<&str>> = HashMap::new();
        for (name, value) in form {
            all.entry(name).or_default().push(value.trim());
        }
        let one = |name: &str| all.get(name).and_then(|it| it.last().copied());
        let mut this = Self::begun(of, before);
        for field in of.kind.fields.iter().filter(|it| is_entered(of, it)) {
            let Some(texts) = all.get(format!("f.{}", field.id).as_str()) else { continue };
            let mut text = texts.iter().copied().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("；");
            if text.is_empty() && is_kept(of, field, before) && one(&format!("clear.{}", field.id)).is_none() {
                continue;
            }
            let (ids, shown) = (one(&format!("ref.{}", field.id)), one(&format!("shown.{}", field.id)));
            if let Some(ids) = ids.filter(|it| !it.is_empty() && shown == Some(text.as_str())) {
                text = ids.to_owned();
            }
            this.field(of, field, &Json::String(text), before);
        }
        this.region = one("region").filter(|it| !it.is_empty()).map(str::to_owned);
        if let Some(owner) = one("owner") {
            let (id, shown) = (one("ref.owner"), one("shown.owner"));
            this.owner = Some(id.filter(|it| !it.is_empty() && shown == Some(owner)).unwrap_or(owner).to_owned());
        }
        if let (Some(longitude), Some(latitude)) = (one("longitude"), one("latitude")) {
            this.point(longitude, latitude, before);
        }
        this.why = one("why").filter(|it| !it.is_empty()).map(str::to_owned);
        this.revision = one("revision").and_then(|it| it.parse().ok());
        this
    }

    /// A body: `region`, `owner`, `longitude` and `latitude` or `geometry` (GeoJSON), `fields` by id, `why`, `revision`.
    pub fn of_json(of: &Of, body: &Map<String, Json>, before: Option<&Record>) -> Self {
        let mut this = Self::begun(of, before);
        let text = |name: &str| body.get(name).map(value::plain);
        let none = Map::new();
        let fields = match body.get("fields") {
            None => &none,
            Some(Json::Object(it)) => it,
            Some(_) => {
                this.problems.push(
                    Problem::new("bad_body", "fields 应为按字段编号的对象", "fields is an object by ids")
                        .field("fields"),
                );
                &none
            }
        };
        for (id, value) in fields {
            match of.kind.field(id).filter(|it| is_entered(of, it)) {
                Some(field) => this.field(of, field, value, before),
                None => {
                    let (zh, en) = (format!("没有可填的字段“{id}”"), format!("there is no field {id:?} to enter"));
                    this.problems.push(Problem::new("bad_field", zh, en).field(id.clone()));
                }
            }
        }
        this.region = text("region").filter(|it| !it.is_empty());
        this.owner = text("owner");
        match (body.get("geometry"), body.get("longitude"), body.get("latitude")) {
            (Some(geometry), ..) if !geometry.is_null() => match write::of_geojson(geometry) {
                Ok(place) => this.draft.place = Some(place),
                Err(problem) => this.problems.push(problem),
            },
            (geometry, None, None) => {
                if geometry.is_some() {
                    this.draft.place = None;
                }
            }
            (_, longitude, latitude) => {
                let plain = |it: Option<&Json>| it.map(value::plain).unwrap_or_default();
                this.point(&plain(longitude), &plain(latitude), before);
            }
        }
        this.why = text("why").filter(|it| !it.is_empty());
        this.revision = body.get("revision").and_then(Json::as_i64);
        this
    }

    fn begun(of: &Of, before: Option<&Record>) -> Self {
        let mut draft = Draft::default();
        match before {
            Some(record) => {
                draft.values = record.values();
                draft.values.retain(|id, _| of.kind.field(id).is_some());
                draft.region = Some(record.region.clone());
                draft.place = write::place_of(record);
                draft.owner = record.owner.clone();
            }
            None => {
                for field in of.kind.fields.iter().filter(|it| it.computed.is_none()) {
                    let text = field.default.as_deref().unwrap_or_default();
                    // A pack is proved before it is in force; a default that does not read is none.
                    if let Some(value) = value::read(&of.catalog, field, text).ok().filter(|it| !it.is_null()) {
                        draft.values.insert(field.id.clone(), value);
                    }
                }
            }
        }
        Self { draft, ..Self::default() }
    }

    fn field(&mut self, of: &Of, field: &Field, sent: &Json, before: Option<&Record>) {
        let stands = before.and_then(|it| it.value(&field.id));
        if let (Some(personal), Some(stands)) = (field.personal, stands)
            && is_masked(field, &of.reader)
            && mask(personal, stands) == *sent
        {
            return;
        }
        match read(of, field, sent) {
            Ok(value) => {
                self.draft.values.insert(field.id.clone(), value);
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    /// Degrees as people write them; a shape stays where its middle is sent back unchanged.
    fn point(&mut self, longitude: &str, latitude: &str, before: Option<&Record>) {
        if longitude.is_empty() && latitude.is_empty() {
            self.draft.place = None;
            return;
        }
        let both = (
            geo::degrees::parse(longitude, Axis::Longitude, "经度"),
            geo::degrees::parse(latitude, Axis::Latitude, "纬度"),
        );
        match both {
            (Ok(x), Ok(y)) => {
                let stands = before.and_then(|it| it.longitude.zip(it.latitude));
                let same = stands.is_some_and(|it| (it.0 - x).abs() < 1e-6 && (it.1 - y).abs() < 1e-6);
                if !same {
                    self.draft.place = Some(geo::Geometry::Point(geo::geo_types::Point::new(x, y)));
                }
            }
            (x, y) => self.problems.extend([x.err(), y.err()].into_iter().flatten()),
        }
    }
}

/// Whether an empty box leaves the value as it is: the sender sees no more than its mask.
fn is_kept(of: &Of, field: &Field, before: Option<&Record>) -> bool {
    is_masked(field, &of.reader) && before.is_some_and(|it| it.value(&field.id).is_some())
}

/// A value as it is stored, names of other things as they were written.
fn read(of: &Of, field: &Field, sent: &Json) -> Result<Json, Problem> {
    let wrong = || {
        let (zh, en) = (format!("{sent} 不是这个字段的值"), format!("{sent} is no value of this field"));
        Problem::new("bad_value", zh, en).field(field.title.get(Lang::Zh))
    };
    match sent {
        Json::Null => Ok(Json::Null),
        Json::String(text) if is_reference(field) && field.many => {
            let parts = text.split(['；', ';', '、']).map(str::trim).filter(|it| !it.is_empty());
            Ok(Json::Array(parts.map(|it| Json::String(it.to_owned())).collect()))
        }
        Json::String(text) => value::read(&of.catalog, field, text),
        Json::Array(all) if field.many => {
            let single = Field { many: false, ..field.clone() };
            all.iter().map(|it| read(of, &single, it)).collect::<Result<_, _>>().map(Json::Array)
        }
        Json::Number(_) if field.is_number() => Ok(sent.clone()),
        Json::Bool(_) if field.sort == Sort::YesNo => Ok(sent.clone()),
        Json::Number(it) if !matches!(field.sort, Sort::YesNo) => value::read(&of.catalog, field, &it.to_string()),
        _ => Err(wrong()),
    }
}

/// Whether a form asks for a point; shapes come by file or as JSON.
pub(crate) fn has_point(of: &Of) -> bool {
    matches!(of.kind.place, Placing::Point | Placing::Any)
}
