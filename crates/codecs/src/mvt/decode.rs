use std::sync::Arc;

use anlan_kernel::Problem;

use super::{
    Feature, Layer, Tile, Value, command,
    wire::{Reader, Wire, broken, of_zigzag, wrong_kind},
};
use crate::{MAX_BYTES, MAX_WARNINGS, Read};

/// Reads a tile that is not compressed.
///
/// Refused with `bad_tile` (with the byte), `unsupported_version` or `too_large`, over [`MAX_BYTES`]. A feature
/// without a usable shape is left out, and a warning names its byte.
pub fn decode(bytes: &[u8]) -> Read<Tile> {
    let mut warnings = Vec::new();
    let message = if bytes.len() > MAX_BYTES { Err(too_large()) } else { tile(bytes, &mut warnings) };
    Read { message, warnings }
}

fn tile(bytes: &[u8], warnings: &mut Vec<Problem>) -> Result<Tile, Problem> {
    let (mut reader, mut tile) = (Reader::new(bytes), Tile::default());
    while !reader.is_empty() {
        let at = reader.at;
        if let (3, wire) = reader.field()? {
            tile.layers.push(layer(wire.as_bytes(at)?, warnings)?);
        }
    }
    Ok(tile)
}

/// A layer's parts; features are read when the tables they point into are known.
struct Parts<'a> {
    version: u64,
    name: Option<&'a str>,
    extent: u32,
    keys: Vec<Arc<str>>,
    values: Vec<Value>,
    features: Vec<Reader<'a>>,
}

fn layer(reader: Reader, warnings: &mut Vec<Problem>) -> Result<Layer, Problem> {
    let at = reader.at;
    let parts = parts(reader)?;
    if !(1..=2).contains(&parts.version) {
        return Err(unsupported_version(parts.version).byte(at));
    }
    let name = parts.name.ok_or_else(|| broken(at, "图层没有名称", "a layer has no name"))?;
    if parts.extent == 0 {
        return Err(broken(at, "图层的范围是 0", "the extent of a layer is 0"));
    }
    let mut features = Vec::new();
    for reader in &parts.features {
        match feature(*reader, &parts)? {
            Ok(it) => features.push(it),
            Err(why) if warnings.len() < MAX_WARNINGS => warnings.push(why),
            Err(_) => {}
        }
    }
    Ok(Layer { name: name.to_owned(), extent: parts.extent, features })
}

fn parts(mut reader: Reader) -> Result<Parts, Problem> {
    let mut parts =
        Parts { version: 1, name: None, extent: 4_096, keys: Vec::new(), values: Vec::new(), features: Vec::new() };
    while !reader.is_empty() {
        let at = reader.at;
        match reader.field()? {
            (15, wire) => parts.version = wire.as_varint(at)?,
            (1, wire) => parts.name = Some(wire.as_text(at)?),
            (2, wire) => parts.features.push(wire.as_bytes(at)?),
            (3, wire) => parts.keys.push(wire.as_text(at)?.into()),
            (4, wire) => parts.values.push(value(wire.as_bytes(at)?)?),
            (5, wire) => parts.extent = wire.as_varint(at)?.try_into().map_err(|_| wrong_kind(at))?,
            _ => {}
        }
    }
    Ok(parts)
}

fn value(mut reader: Reader) -> Result<Value, Problem> {
    let at = reader.at;
    if reader.is_empty() {
        return Err(broken(at, "属性值是空的", "a value is empty"));
    }
    let value = match reader.field()? {
        (1, wire) => Value::Text(wire.as_text(at)?.into()),
        (2, Wire::Fixed32(bytes)) => Value::Number(f32::from_le_bytes(bytes).into()),
        (3, Wire::Fixed64(bytes)) => Value::Number(f64::from_le_bytes(bytes)),
        (4, wire) => Value::Int(wire.as_varint(at)? as i64),
        (5, wire) => Value::Unsigned(wire.as_varint(at)?),
        (6, wire) => Value::Int(of_zigzag(wire.as_varint(at)?)),
        (7, wire) => Value::Bool(wire.as_varint(at)? != 0),
        _ => return Err(wrong_kind(at)),
    };
    if reader.is_empty() {
        Ok(value)
    } else {
        Err(broken(reader.at, "一个属性有几个值", "a value holds several"))
    }
}

fn feature(mut reader: Reader, layer: &Parts) -> Result<Result<Feature, Problem>, Problem> {
    let start = reader.at;
    let (mut id, mut kind, mut tags, mut commands) = (None, 0, Vec::new(), Vec::new());
    while !reader.is_empty() {
        let at = reader.at;
        match reader.field()? {
            (1, wire) => id = Some(wire.as_varint(at)?),
            (2, wire) => wire.append(at, &mut tags)?,
            (3, wire) => kind = wire.as_varint(at)?,
            (4, wire) => wire.append(at, &mut commands)?,
            _ => {}
        }
    }
    let properties = properties(&tags, layer)
        .ok_or_else(|| broken(start, "属性指向不存在的键或值", "a tag points to a key or value that is not there"))?;
    let shape = command::read(kind, &commands, start)?;
    Ok(shape.map(|shape| Feature { id, shape, properties }))
}

fn properties(tags: &[u32], layer: &Parts) -> Option<Vec<(Arc<str>, Value)>> {
    let pairs = tags.chunks(2).map(|it| {
        let [key, value] = it.try_into().ok().map(|it: [u32; 2]| it.map(|it| it as usize))?;
        Some((layer.keys.get(key)?.clone(), layer.values.get(value)?.clone()))
    });
    pairs.collect()
}

fn unsupported_version(version: u64) -> Problem {
    Problem::new(
        "unsupported_version",
        format!("矢量瓦片版本 {version} 不支持，应为 1 或 2"),
        format!("vector tiles of version {version} are not supported; 1 and 2 are"),
    )
}

fn too_large() -> Problem {
    let most = MAX_BYTES >> 20;
    Problem::new("too_large", format!("瓦片超过 {most} MB"), format!("the tile is larger than {most} MB"))
}
