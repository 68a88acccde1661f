//! How far one comes in a time, and which places that covers.

use geo_types::MultiPolygon;

use crate::{
    Graph,
    degrees::{Position, Spot},
    graph::NEVER,
    march::rings,
    nearest::{milliseconds, seconds},
    search::{All, Scratch},
    snap::SNAP_METRES,
    targets::{Direction, Placed, Targets},
};

/// What can be reached within a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    /// The time.
    pub seconds: u32,
    /// Where one comes to, the way from the road included; holes are what one does not. Exteriors run
    /// counterclockwise, holes clockwise.
    pub area: MultiPolygon<f64>,
}

/// The times from some origins to everywhere.
pub struct Reach<'g> {
    graph: &'g Graph,
    scratch: Scratch,
    direction: Direction,
    origins: Vec<Placed>,
    /// A bit per road that an origin lies on.
    own: Vec<u64>,
    most: u32,
    limits: Vec<u32>,
}

impl Graph {
    /// Times from the nearest of `origins` to everywhere within the longest of `seconds`, the areas' limits.
    ///
    /// Origins farther than [`SNAP_METRES`] from any road reach nothing: see [`Reach::origins`].
    pub fn reach(&self, origins: &[Position], seconds: &[u32]) -> Reach<'_> {
        let place = |&at: &Position| self.snap(at, SNAP_METRES).map(|snap| Placed::of(&snap));
        let placed: Vec<_> = origins.iter().filter_map(place).collect();
        let most = seconds.iter().copied().max().unwrap_or_default();
        let mut reach = self.times(&placed, Direction::ToTargets, milliseconds(most));
        reach.limits = seconds.to_vec();
        reach
    }

    pub(crate) fn times(&self, origins: &[Placed], direction: Direction, most: u32) -> Reach<'_> {
        let leaving = direction == Direction::ToTargets;
        let mut starts = Vec::with_capacity(origins.len() * 2);
        let mut own = vec![0u64; self.parts.roads.len() / 64 + 1];
        for placed in origins {
            own[placed.road as usize / 64] |= 1 << (placed.road % 64);
            starts.extend(placed.ends(&self.parts.roads[placed.road as usize], leaving));
        }
        let mut scratch = self.take_scratch();
        scratch.run::<false, _>(self.arcs(direction), self.shift, &starts, most, &mut All);
        Reach { graph: self, scratch, direction, origins: origins.to_vec(), own, most, limits: Vec::new() }
    }
}

impl Reach<'_> {
    /// How many origins a road comes near enough to.
    pub fn origins(&self) -> usize {
        self.origins.len()
    }

    /// Milliseconds to a junction; `None` beyond the longest limit.
    pub fn milliseconds(&self, junction: u32) -> Option<u32> {
        self.scratch.time.get(junction as usize).copied().filter(|&time| time != NEVER)
    }

    /// Seconds to each of `targets`; `None` beyond the longest limit, or where no road comes near enough.
    pub fn seconds(&self, targets: &Targets) -> Vec<Option<f64>> {
        let time = |placed: &Placed| self.time_at(placed.road, placed.share, placed.off_road);
        let time = |placed: &Option<Placed>| placed.as_ref().map_or(NEVER, time);
        targets.placed.iter().map(time).map(|time| (time <= self.most).then(|| seconds(time))).collect()
    }

    /// The area within each limit, in the order of the limits.
    ///
    /// The first areas about a place take longer: some 2 ms for every square of 3.2 km that is not on the raster yet.
    pub fn areas(&self) -> Vec<Area> {
        let window = self.graph.field.window(self.extent());
        let times = self.graph.field.fill(self.graph, &window, |it| self.time_at(it.road, it.share, it.off_road));
        let area = |&seconds: &u32| Area { seconds, area: rings(&times, &window, milliseconds(seconds)) };
        self.limits.iter().map(area).collect()
    }

    /// Milliseconds to a place beside a road, [`NEVER`] when that is not known.
    fn time_at(&self, number: u32, share: f32, off_road: u32) -> u32 {
        let road = &self.graph.parts.roads[number as usize];
        let (by_a, by_b) = match self.direction {
            Direction::ToTargets => (road.come_by_a(share), road.come_by_b(share)),
            Direction::FromTargets => (road.leave_by_a(share), road.leave_by_b(share)),
        };
        let by = |node: u32, rest: Option<u32>| match (self.scratch.time[node as usize], rest) {
            (NEVER, _) | (_, None) => NEVER,
            (time, Some(rest)) => time + rest + off_road,
        };
        let time = by(road.a, by_a).min(by(road.b, by_b));
        if self.own[number as usize / 64] >> (number % 64) & 1 == 0 {
            return time;
        }
        let direct = self.origins.iter().filter(|origin| origin.road == number).filter_map(|origin| {
            let along = match self.direction {
                Direction::ToTargets => road.along(origin.share, share),
                Direction::FromTargets => road.along(share, origin.share),
            };
            along.map(|along| along + origin.off_road + off_road)
        });
        direct.min().unwrap_or(NEVER).min(time)
    }

    /// The rectangle about all roads that are reached; `None` when none is.
    fn extent(&self) -> Option<(Spot, Spot)> {
        let boxes = self.scratch.touched.iter().map(|&node| self.graph.field.about(node));
        let own = self.origins.iter().map(|origin| crate::graph::corners(self.graph.shape(origin.road)));
        boxes.chain(own).reduce(crate::graph::joined)
    }
}

impl Drop for Reach<'_> {
    fn drop(&mut self) {
        self.graph.give_scratch(std::mem::take(&mut self.scratch));
    }
}
