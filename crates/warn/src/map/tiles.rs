//! Tiles of a base map out of a PMTiles file on this machine, for offices without the internet.

use std::path::{Path, PathBuf};

use anlan_kernel::Problem;
use pmtiles::{AsyncPmTilesReader, MmapBackend, TileCoord, TileType};

/// What a setting that names a file begins with.
const SCHEME: &str = "pmtiles:";
/// Where a page finds its tiles, seen from the map.
pub(crate) const TEMPLATE: &str = "map/tiles/{z}/{x}/{y}";

/// The file a setting names, `pmtiles:/srv/base.pmtiles`.
pub(crate) fn file(setting: &str) -> Option<PathBuf> {
    setting.strip_prefix(SCHEME).map(|it| PathBuf::from(it.trim()))
}

/// A picture and its media type; `None` where the map has nothing.
///
/// # Errors
/// What is wrong with the file.
pub(crate) async fn tile(path: &Path, place: (u8, u32, u32)) -> Result<Option<(&'static str, Vec<u8>)>, Problem> {
    let (reader, kind) = open(path).await?;
    let Ok(place) = TileCoord::new(place.0, place.1, place.2) else { return Ok(None) };
    let found = reader.get_tile_decompressed(place).await.map_err(|it| unreadable(&it.to_string()))?;
    Ok(found.map(|it| (kind, it.to_vec())))
}

/// Opens the file: a PMTiles archive (version 3) of pictures.
///
/// # Errors
/// `bad_map_base` with what is wrong.
pub(crate) async fn open(path: &Path) -> Result<(AsyncPmTilesReader<MmapBackend>, &'static str), Problem> {
    let reader = AsyncPmTilesReader::new_with_path(path).await.map_err(|it| unreadable(&it.to_string()))?;
    let kind = match reader.get_header().tile_type {
        TileType::Png => "image/png",
        TileType::Jpeg => "image/jpeg",
        TileType::Webp => "image/webp",
        _ => {
            let (zh, en) =
                ("底图文件里不是图片瓦片（须为 PNG、JPEG 或 WebP）", "the file holds no pictures (PNG, JPEG or WebP)");
            return Err(Problem::new("bad_map_base", zh, en).field("tiles"));
        }
    };
    Ok((reader, kind))
}

fn unreadable(why: &str) -> Problem {
    let (zh, en) = (format!("底图文件读不出来：{why}"), format!("the file of the base map cannot be read: {why}"));
    Problem::new("bad_map_base", zh, en).field("tiles")
}
