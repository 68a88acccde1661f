//! The inner layer of .osm.pbf: nodes and ways of one block.

use super::wire::{Broken, Fields, Packed, Value};

/// Tags of a node or way, by key. Few, so a look through them is quickest.
#[derive(Default)]
pub struct Tags<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Tags<'a> {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(k, _)| *k == key).map(|(_, value)| *value)
    }

    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&'a str, &'a str)]) -> Self {
        Self(pairs.to_vec())
    }
}

/// Takes what a block holds.
pub trait Visitor {
    /// A node, in 10⁻⁷ degrees. Only asked for when [`Visitor::WANTS_NODES`].
    fn node(&mut self, id: i64, longitude: i32, latitude: i32, tags: &Tags<'_>);
    /// A way and the nodes along it.
    fn way(&mut self, tags: &Tags<'_>, nodes: &[i64]);
    /// Whether nodes are to be read.
    const WANTS_NODES: bool;
    /// Whether ways are to be read.
    const WANTS_WAYS: bool;
}

/// Features that a file may require of its reader.
pub fn required_features(header: &[u8]) -> Result<Vec<&[u8]>, Broken> {
    let mut features = Vec::new();
    for field in Fields::of(header) {
        if let (4, Value::Bytes(feature)) = field? {
            features.push(feature);
        }
    }
    Ok(features)
}

struct Block<'a> {
    strings: Vec<&'a str>,
    granularity: i64,
    latitude_offset: i64,
    longitude_offset: i64,
}

/// Shows everything in `block` to `visitor`.
///
/// # Errors
/// The block is not what the format says. What was shown before that stays shown.
pub fn visit<V: Visitor>(block: &[u8], visitor: &mut V) -> Result<(), Broken> {
    let mut about = Block { strings: Vec::new(), granularity: 100, latitude_offset: 0, longitude_offset: 0 };
    let mut groups = Vec::new();
    for field in Fields::of(block) {
        match field? {
            (1, Value::Bytes(table)) => about.strings = strings(table)?,
            (2, Value::Bytes(group)) => groups.push(group),
            (17, Value::Number(number)) => about.granularity = number as i64,
            (19, Value::Number(number)) => about.latitude_offset = number as i64,
            (20, Value::Number(number)) => about.longitude_offset = number as i64,
            _ => {}
        }
    }
    groups.into_iter().try_for_each(|group| about.group(group, visitor))
}

fn strings(table: &[u8]) -> Result<Vec<&str>, Broken> {
    let mut strings = Vec::new();
    for field in Fields::of(table) {
        if let (1, Value::Bytes(text)) = field? {
            // A name in a broken encoding is no reason to refuse the roads.
            strings.push(std::str::from_utf8(text).unwrap_or_default());
        }
    }
    Ok(strings)
}

impl<'a> Block<'a> {
    fn group<V: Visitor>(&self, group: &[u8], visitor: &mut V) -> Result<(), Broken> {
        let mut nodes = Vec::new();
        for field in Fields::of(group) {
            match field? {
                (1, Value::Bytes(node)) if V::WANTS_NODES => self.node(node, visitor)?,
                (2, Value::Bytes(dense)) if V::WANTS_NODES => self.dense(dense, visitor)?,
                (3, Value::Bytes(way)) if V::WANTS_WAYS => self.way(way, &mut nodes, visitor)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn text(&self, index: u64) -> Result<&'a str, Broken> {
        usize::try_from(index).ok().and_then(|index| self.strings.get(index)).copied().ok_or(Broken)
    }

    fn tags(&self, keys: &[u8], values: &[u8]) -> Result<Tags<'a>, Broken> {
        let (mut keys, mut values) = (Packed::of(keys), Packed::of(values));
        let mut tags = Tags::default();
        while let Some(key) = keys.number()? {
            let value = values.number()?.ok_or(Broken)?;
            tags.0.push((self.text(key)?, self.text(value)?));
        }
        Ok(tags)
    }

    /// 10⁻⁷ degrees from the block's own unit; outside the globe is broken.
    fn degrees(&self, offset: i64, value: i64, most: i32) -> Result<i32, Broken> {
        let nano = value.checked_mul(self.granularity).and_then(|value| value.checked_add(offset)).ok_or(Broken)?;
        i32::try_from(nano / 100).ok().filter(|degrees| degrees.unsigned_abs() <= most.unsigned_abs()).ok_or(Broken)
    }

    fn place(&self, longitude: i64, latitude: i64) -> Result<(i32, i32), Broken> {
        let east = self.degrees(self.longitude_offset, longitude, 1_800_000_000)?;
        Ok((east, self.degrees(self.latitude_offset, latitude, 900_000_000)?))
    }

    fn node<V: Visitor>(&self, node: &[u8], visitor: &mut V) -> Result<(), Broken> {
        let (mut id, mut latitude, mut longitude) = (0, 0, 0);
        let (mut keys, mut values): (&[u8], &[u8]) = (&[], &[]);
        for field in Fields::of(node) {
            match field? {
                (1, Value::Number(number)) => id = super::wire::zigzag(number),
                (2, Value::Bytes(list)) => keys = list,
                (3, Value::Bytes(list)) => values = list,
                (8, Value::Number(number)) => latitude = super::wire::zigzag(number),
                (9, Value::Number(number)) => longitude = super::wire::zigzag(number),
                _ => {}
            }
        }
        let (east, north) = self.place(longitude, latitude)?;
        visitor.node(id, east, north, &self.tags(keys, values)?);
        Ok(())
    }

    fn dense<V: Visitor>(&self, dense: &[u8], visitor: &mut V) -> Result<(), Broken> {
        let mut lists: [&[u8]; 4] = [&[]; 4];
        for field in Fields::of(dense) {
            match field? {
                (1, Value::Bytes(list)) => lists[0] = list,
                (8, Value::Bytes(list)) => lists[1] = list,
                (9, Value::Bytes(list)) => lists[2] = list,
                (10, Value::Bytes(list)) => lists[3] = list,
                _ => {}
            }
        }
        let [mut ids, mut latitudes, mut longitudes, mut tagged] = lists.map(Packed::of);
        let (mut id, mut latitude, mut longitude) = (0i64, 0i64, 0i64);
        let mut tags = Tags::default();
        while let Some(step) = ids.signed()? {
            id = id.checked_add(step).ok_or(Broken)?;
            latitude = latitude.checked_add(latitudes.signed()?.ok_or(Broken)?).ok_or(Broken)?;
            longitude = longitude.checked_add(longitudes.signed()?.ok_or(Broken)?).ok_or(Broken)?;
            self.dense_tags(&mut tagged, &mut tags)?;
            let (east, north) = self.place(longitude, latitude)?;
            visitor.node(id, east, north, &tags);
        }
        Ok(())
    }

    fn dense_tags(&self, tagged: &mut Packed<'_>, tags: &mut Tags<'a>) -> Result<(), Broken> {
        tags.0.clear();
        while let Some(key @ 1..) = tagged.number()? {
            let value = tagged.number()?.ok_or(Broken)?;
            tags.0.push((self.text(key)?, self.text(value)?));
        }
        Ok(())
    }

    fn way<V: Visitor>(&self, way: &[u8], nodes: &mut Vec<i64>, visitor: &mut V) -> Result<(), Broken> {
        let (mut keys, mut values, mut steps): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
        for field in Fields::of(way) {
            match field? {
                (2, Value::Bytes(list)) => keys = list,
                (3, Value::Bytes(list)) => values = list,
                (8, Value::Bytes(list)) => steps = list,
                _ => {}
            }
        }
        nodes.clear();
        let (mut steps, mut id) = (Packed::of(steps), 0i64);
        while let Some(step) = steps.signed()? {
            id = id.checked_add(step).ok_or(Broken)?;
            nodes.push(id);
        }
        visitor.way(&self.tags(keys, values)?, nodes);
        Ok(())
    }
}
