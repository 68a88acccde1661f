//! A graph as bytes: the parts that all else follows from, with a version and a checksum.
//!
//! Little-endian throughout. `anlan-rd`, version (u32), CRC-32 of all that follows (u32); then the counts of
//! junctions, roads and points (u32 each), the metres left out (u64), and column by column the roads' starts, ends,
//! times there and back, lengths (u32 each) and motorway marks (u8), the points per road (u32), and the points' east
//! and north (i32 each).

use anlan_kernel::Problem;

use crate::{
    Graph,
    degrees::Spot,
    graph::{MAX_LEG_METRES, MAX_WEIGHT, NEVER, Parts, Road},
};

const MAGIC: &[u8; 8] = b"anlan-rd";
/// Version of the form; another one is not read.
const VERSION: u32 = 1;
const HEAD: usize = 16;

impl Graph {
    /// The graph as bytes that [`Graph::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = &self.parts;
        let mut bytes = Vec::with_capacity(HEAD + 20 + parts.roads.len() * 25 + parts.shape.len() * 8);
        bytes.extend_from_slice(MAGIC);
        [VERSION, 0, parts.nodes, parts.roads.len() as u32, parts.shape.len() as u32]
            .iter()
            .for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        bytes.extend_from_slice(&parts.left_out_metres.to_le_bytes());
        let mut column = |number: &dyn Fn(&Road) -> u32| {
            parts.roads.iter().for_each(|road| bytes.extend_from_slice(&number(road).to_le_bytes()));
        };
        column(&|road| road.a);
        column(&|road| road.b);
        column(&|road| road.forward);
        column(&|road| road.backward);
        column(&|road| road.decimetres);
        bytes.extend(parts.roads.iter().map(|road| u8::from(road.motorway)));
        let counts = parts.shape_start.windows(2).map(|range| range[1] - range[0]);
        counts.for_each(|count| bytes.extend_from_slice(&count.to_le_bytes()));
        parts.shape.iter().for_each(|spot| bytes.extend_from_slice(&spot.east.to_le_bytes()));
        parts.shape.iter().for_each(|spot| bytes.extend_from_slice(&spot.north.to_le_bytes()));
        let checksum = crc32fast::hash(&bytes[HEAD..]);
        bytes[12..HEAD].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads what [`Graph::to_bytes`] wrote.
    ///
    /// # Errors
    /// It is something else, of another version, or damaged. The extract must then be imported again.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Problem> {
        if !bytes.starts_with(MAGIC) {
            return Err(Problem::new("roads_not_stored", "这不是保存的道路数据", "these are no stored roads").byte(0));
        }
        let mut reader = Reader { rest: &bytes[MAGIC.len()..] };
        let (Some(version), Some(checksum)) = (reader.number(), reader.number()) else { return Err(damaged()) };
        if version != VERSION {
            return Err(other_version(version));
        }
        if crc32fast::hash(reader.rest) != checksum {
            return Err(damaged());
        }
        reader.parts().filter(fits).map(Self::assemble).ok_or_else(damaged)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn column(&mut self, count: usize) -> Option<impl Iterator<Item = u32> + 'a> {
        let bytes = self.take(count.checked_mul(4)?)?;
        Some(bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]])))
    }

    fn parts(&mut self) -> Option<Parts> {
        let (nodes, roads, points) = (self.number()?, self.number()? as usize, self.number()? as usize);
        let left_out_metres = u64::from_le_bytes(self.take(8)?.try_into().ok()?);
        let (a, b) = (self.column(roads)?, self.column(roads)?);
        let (forward, backward, decimetres) = (self.column(roads)?, self.column(roads)?, self.column(roads)?);
        let motorways = self.take(roads)?;
        let roads: Vec<Road> = (a.zip(b))
            .zip(forward.zip(backward))
            .zip(decimetres.zip(motorways))
            .map(|(((a, b), (forward, backward)), (decimetres, &motorway))| Road {
                a,
                b,
                forward,
                backward,
                decimetres,
                motorway: motorway != 0,
            })
            .collect();
        let mut shape_start = vec![0u32];
        for count in self.column(roads.len())? {
            shape_start.push(shape_start.last()?.checked_add(count)?);
        }
        let (east, north) = (self.column(points)?, self.column(points)?);
        let shape = east.zip(north).map(|(east, north)| Spot { east: east as i32, north: north as i32 }).collect();
        self.rest.is_empty().then_some(Parts { nodes, roads, shape_start, shape, left_out_metres })
    }
}

/// Whether nothing in the parts points outside them: a checksum proves no good will.
fn fits(parts: &Parts) -> bool {
    let time = |time: u32| time == NEVER || (1..=MAX_WEIGHT).contains(&time);
    let road = |road: &Road| road.a < parts.nodes && road.b < parts.nodes && time(road.forward) && time(road.backward);
    let legs = |shape: &[Spot]| shape.windows(2).all(|leg| leg[0].metres(leg[1]) <= MAX_LEG_METRES);
    let spot = |spot: &Spot| spot.east.unsigned_abs() <= 1_800_000_000 && spot.north.unsigned_abs() <= 900_000_000;
    !parts.roads.is_empty()
        && parts.nodes as usize <= parts.roads.len() * 2
        && parts.roads.iter().all(road)
        && parts.shape_start.windows(2).all(|range| range[1] >= range[0] + 2)
        && parts.shape_start.last().is_some_and(|&end| end as usize == parts.shape.len())
        && parts.shape.iter().all(spot)
        && parts.shape_start.windows(2).all(|range| legs(&parts.shape[range[0] as usize..range[1] as usize]))
}

fn damaged() -> Problem {
    Problem::new(
        "roads_stored_damaged",
        "保存的道路数据已损坏；请重新导入 .osm.pbf 文件",
        "the stored roads are damaged; import the .osm.pbf file again",
    )
}

fn other_version(version: u32) -> Problem {
    Problem::new(
        "roads_stored_version",
        format!("保存的道路数据是第{version}版，本程序只读第{VERSION}版；请重新导入 .osm.pbf 文件"),
        format!("the stored roads are of version {version}, and this program reads {VERSION}; import the .osm.pbf file again"),
    )
    .byte(MAGIC.len())
}
