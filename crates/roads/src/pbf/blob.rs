//! The outer layer of .osm.pbf: a row of blobs, each with a header and mostly compressed.

use std::io::Read;

use anlan_kernel::Problem;
use flate2::read::ZlibDecoder;

use super::wire::{Broken, Fields, Value};

/// Most bytes of a blob's header, as the format sets it.
const MAX_HEADER: usize = 64 << 10;
/// Most bytes of a blob's content, as the format sets it.
const MAX_CONTENT: usize = 32 << 20;
/// Map data shrinks to a third; what claims to have shrunk more than this is no map.
const MAX_SHRINK: usize = 64;

/// What a blob holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// What a reader must be able to do.
    Header,
    /// Nodes, ways, relations.
    Data,
    /// Something else, to be passed over.
    Other,
}

/// One blob: where it starts in the file, and its still packed content.
#[derive(Clone, Copy, Debug)]
pub struct Blob<'a> {
    /// Byte in the file.
    pub byte: usize,
    /// What it holds.
    pub kind: Kind,
    packed: &'a [u8],
}

/// Cuts the file into blobs.
///
/// # Errors
/// The file ends early, or a size in it cannot be right; with the byte.
pub fn blobs(file: &[u8]) -> Result<Vec<Blob<'_>>, Problem> {
    let mut blobs = Vec::new();
    let mut byte = 0;
    while byte < file.len() {
        let (blob, next) = blob_at(file, byte)?;
        blobs.push(blob);
        byte = next;
    }
    Ok(blobs)
}

fn blob_at(file: &[u8], byte: usize) -> Result<(Blob<'_>, usize), Problem> {
    let first = byte == 0;
    let start = byte + 4;
    let size = file.get(byte..start).ok_or_else(|| cut(byte))?;
    let header_size = size.iter().fold(0usize, |size, &b| size << 8 | usize::from(b));
    if header_size == 0 || header_size > MAX_HEADER {
        return Err(if first { not_pbf() } else { damaged(byte) });
    }
    let content = start + header_size;
    let header = file.get(start..content).ok_or_else(|| if first { not_pbf() } else { cut(byte) })?;
    let (kind, size) = header_fields(header).map_err(|_| if first { not_pbf() } else { damaged(byte) })?;
    if first && kind != Kind::Header {
        return Err(not_pbf());
    }
    if size > MAX_CONTENT {
        return Err(damaged(byte));
    }
    let packed = file.get(content..content + size).ok_or_else(|| cut(byte))?;
    Ok((Blob { byte, kind, packed }, content + size))
}

fn header_fields(header: &[u8]) -> Result<(Kind, usize), Broken> {
    let (mut kind, mut size) = (None, None);
    for field in Fields::of(header) {
        match field? {
            (1, Value::Bytes(b"OSMHeader")) => kind = Some(Kind::Header),
            (1, Value::Bytes(b"OSMData")) => kind = Some(Kind::Data),
            (1, Value::Bytes(_)) => kind = Some(Kind::Other),
            (3, Value::Number(number)) => size = usize::try_from(number).ok(),
            _ => {}
        }
    }
    kind.zip(size).ok_or(Broken)
}

impl Blob<'_> {
    /// Unpacks the content into `into`, whose earlier content goes.
    ///
    /// # Errors
    /// It is packed in a way that is not known here, is damaged, or unpacks to more than it may.
    pub fn unpack(&self, into: &mut Vec<u8>) -> Result<(), Problem> {
        into.clear();
        for field in Fields::of(self.packed) {
            match field.map_err(|_| damaged(self.byte))? {
                (1, Value::Bytes(raw)) => {
                    into.extend_from_slice(raw);
                    return Ok(());
                }
                (3, Value::Bytes(zlib)) => return self.inflate(zlib, into),
                (4 | 6 | 7, Value::Bytes(_)) => return Err(packing(self.byte)),
                _ => {}
            }
        }
        Err(damaged(self.byte))
    }

    fn inflate(&self, zlib: &[u8], into: &mut Vec<u8>) -> Result<(), Problem> {
        let most = MAX_CONTENT.min(zlib.len().saturating_mul(MAX_SHRINK));
        let read = ZlibDecoder::new(zlib).take(most as u64 + 1).read_to_end(into).map_err(|_| damaged(self.byte))?;
        if read > most { Err(too_big(self.byte)) } else { Ok(()) }
    }
}

fn not_pbf() -> Problem {
    Problem::new(
        "roads_not_pbf",
        "这不是 OpenStreetMap 的 .osm.pbf 文件；请选用以 .osm.pbf 结尾的道路数据",
        "this is not an OpenStreetMap .osm.pbf file; choose a road extract that ends in .osm.pbf",
    )
    .byte(0)
}

fn cut(byte: usize) -> Problem {
    Problem::new(
        "roads_pbf_cut",
        "文件不完整：从这里开始的数据块没有结尾；请重新下载或复制",
        "the file is cut off: the block that starts here has no end; download or copy it again",
    )
    .byte(byte)
}

/// A block that is not what the format says.
pub fn damaged(byte: usize) -> Problem {
    Problem::new(
        "roads_pbf_damaged",
        "文件已损坏：从这里开始的数据块读不出来；请重新下载或复制",
        "the file is damaged: the block that starts here cannot be read; download or copy it again",
    )
    .byte(byte)
}

fn packing(byte: usize) -> Problem {
    Problem::new(
        "roads_pbf_packing",
        "数据块的压缩方式不支持：只读 zlib 压缩或未压缩的 .osm.pbf",
        "the block is packed in a way that is not read here; .osm.pbf must be packed with zlib or not at all",
    )
    .byte(byte)
}

fn too_big(byte: usize) -> Problem {
    Problem::new(
        "roads_pbf_too_big",
        "数据块展开后大得不合理，已停止读取",
        "the block unpacks to more than map data can be; reading stopped",
    )
    .byte(byte)
}
