use std::collections::HashMap;

use super::{
    Feature, Layer, Tile, Value, command,
    wire::{put_bytes, put_packed, put_uint, put_varint, zigzag},
};

/// Writes a tile; keys and values are written once per layer.
pub fn encode(tile: &Tile) -> Vec<u8> {
    let mut out = Vec::new();
    for bytes in tile.layers.iter().filter_map(layer) {
        put_bytes(&mut out, 3, &bytes);
    }
    out
}

fn layer(layer: &Layer) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut keys, mut values) = (Table::default(), Table::default());
    let mut scratch = Scratch::default();
    put_uint(&mut out, 15, 2);
    put_bytes(&mut out, 1, layer.name.as_bytes());
    let head = out.len();
    for it in &layer.features {
        feature(it, &mut keys, &mut values, &mut scratch, &mut out);
    }
    if out.len() == head {
        return None;
    }
    keys.bytes.iter().for_each(|it| put_bytes(&mut out, 3, it));
    values.bytes.iter().for_each(|it| put_bytes(&mut out, 4, it));
    put_uint(&mut out, 5, u64::from(layer.extent));
    Some(out)
}

#[derive(Default)]
struct Scratch {
    feature: Vec<u8>,
    list: Vec<u8>,
    value: Vec<u8>,
}

fn feature(it: &Feature, keys: &mut Table, values: &mut Table, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let (kind, commands) = command::write(&it.shape);
    if commands.is_empty() {
        return;
    }
    let mut tags = Vec::with_capacity(it.properties.len() * 2);
    for (key, value) in &it.properties {
        scratch.value.clear();
        put_value(&mut scratch.value, value);
        tags.extend([keys.number(key.as_bytes()), values.number(&scratch.value)]);
    }
    let bytes = &mut scratch.feature;
    bytes.clear();
    if let Some(id) = it.id {
        put_uint(bytes, 1, id);
    }
    if !tags.is_empty() {
        put_packed(bytes, 2, &tags, &mut scratch.list);
    }
    put_uint(bytes, 3, kind);
    put_packed(bytes, 4, &commands, &mut scratch.list);
    put_bytes(out, 2, bytes);
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => put_bytes(out, 1, text.as_bytes()),
        Value::Number(number) => {
            put_varint(out, 3 << 3 | 1);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Unsigned(number) => put_uint(out, 5, *number),
        Value::Int(number) => put_uint(out, 6, zigzag(*number)),
        Value::Bool(yes) => put_uint(out, 7, u64::from(*yes)),
    }
}

/// What was written once, in the order of its numbers.
#[derive(Default)]
struct Table {
    numbers: HashMap<Box<[u8]>, u32>,
    bytes: Vec<Box<[u8]>>,
}

impl Table {
    fn number(&mut self, bytes: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(bytes) {
            return *number;
        }
        let number = self.bytes.len() as u32;
        self.numbers.insert(bytes.into(), number);
        self.bytes.push(bytes.into());
        number
    }
}
