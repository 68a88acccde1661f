//! The quickest way between two positions, and the times between many.

use geo_types::LineString;

use crate::{
    Graph,
    ancestry::{Ancestry, Line},
    degrees::Position,
    graph::{MAX_TIME, NEVER},
    nearest::seconds,
    path::Path,
    search::{Scratch, Watch},
    snap::SNAP_METRES,
    targets::{Direction, Placed, Targets},
};

/// From this many positions on either side, a table is worth preparing for.
const MANY: usize = 10;

/// The quickest way between two positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Seconds, with the time off the road at both ends.
    pub seconds: f64,
    /// Metres, with those off the road at both ends.
    pub metres: f64,
    /// From the position where it starts to the one where it ends.
    pub line: LineString<f64>,
}

impl Graph {
    /// The quickest way; `None` when there is none, or a position lies farther than [`SNAP_METRES`] from any road.
    pub fn route(&self, from: Position, to: Position) -> Option<Route> {
        let [here, there] = [from, to].map(|at| self.snap(at, SNAP_METRES).map(|snap| Placed::of(&snap)));
        let (here, there) = (here?, there?);
        let roads = &self.parts.roads;
        let starts: Vec<_> = here.ends(&roads[here.road as usize], true).collect();
        let mut way = Way { ends: there.ends(&roads[there.road as usize], false).collect(), best: None };
        way.best = self.direct(&here, &there).map(|time| (time, None));
        let (time, metres, inner) = self.with_scratch(|scratch| {
            scratch.run::<true, _>(&self.out, self.shift, &starts, MAX_TIME, &mut way);
            let (time, node) = way.best?;
            let (metres, line) = match node {
                Some(node) => self.by_junctions(&here, &there, node, time, scratch),
                None => {
                    let metres = self.metres_between(&here, &there) + here.metres + there.metres;
                    (metres, self.stretch(here.road, here.share, there.share))
                }
            };
            Some((time, metres, line))
        })?;
        let mut line = vec![from];
        line.extend(inner);
        line.push(to);
        line.dedup();
        if line.len() < 2 {
            line.push(to);
        }
        Some(Route { seconds: seconds(time), metres, line: LineString::new(line) })
    }

    fn by_junctions(
        &self,
        here: &Placed,
        there: &Placed,
        node: u32,
        time: u32,
        scratch: &Scratch,
    ) -> (f64, Vec<Position>) {
        let path = Path { graph: self, arcs: &self.out, scratch };
        let (roads, start) = path.back(node);
        let end = |by_a: bool| if by_a { 0.0 } else { 1.0 };
        let mut line = self.stretch(here.road, here.share, end(self.by_a(here, start, true, path.time(start))));
        for &(road, to) in roads.iter().rev() {
            let onward = self.parts.roads[road as usize].b == to;
            let points = self.shape(road).iter().map(|spot| spot.position());
            if onward { line.extend(points) } else { line.extend(points.rev()) }
        }
        let arrived = path.time(node);
        line.extend(self.stretch(there.road, end(self.by_a(there, node, false, time - arrived)), there.share));
        (path.metres(here, node, true) + self.metres_to_end(there, node, false, time, arrived), line)
    }

    /// Seconds from each of `from` to each of `to`, row by row; `None` where there is no way or no road.
    ///
    /// The first large table of a graph takes some milliseconds longer, in a large city up to a second.
    pub fn table(&self, from: &[Position], to: &[Position]) -> Vec<Vec<Option<f64>>> {
        let (from, to) = (Targets::new(self, from), Targets::new(self, to));
        let large = from.len().min(to.len()) >= MANY;
        if let Some(ancestry) = large.then(|| self.ancestry()).flatten() {
            return self.rows_by_lines(ancestry, &from, &to);
        }
        if from.len() <= to.len() {
            return self.rows(&from, &to, Direction::ToTargets);
        }
        let turned = self.rows(&to, &from, Direction::FromTargets);
        (0..from.len()).map(|row| turned.iter().map(|column| column[row]).collect()).collect()
    }

    fn rows(&self, from: &Targets, to: &Targets, direction: Direction) -> Vec<Vec<Option<f64>>> {
        let row = |placed: &Option<Placed>| match placed {
            Some(placed) => self.times(&[*placed], direction, MAX_TIME).seconds(to),
            None => vec![None; to.len()],
        };
        from.placed.iter().map(row).collect()
    }

    fn rows_by_lines(&self, ancestry: &Ancestry, from: &Targets, to: &Targets) -> Vec<Vec<Option<f64>>> {
        let roads = &self.parts.roads;
        let line = |placed: &Placed, leaving| ancestry.line(placed, &roads[placed.road as usize], leaving);
        let arriving: Vec<_> =
            to.placed.iter().map(|placed| placed.map(|there| (there, line(&there, false)))).collect();
        let row = |here: &Option<Placed>| {
            let leaving = here.map(|here| (here, line(&here, true)));
            let time = |there: &Option<(Placed, Line)>| {
                let ((here, leaving), (there, arriving)) = (leaving.as_ref()?, there.as_ref()?);
                let time = leaving.time_to(arriving).min(self.direct(here, there).unwrap_or(NEVER));
                (time <= MAX_TIME).then(|| seconds(time))
            };
            arriving.iter().map(time).collect()
        };
        from.placed.iter().map(row).collect()
    }

    /// Milliseconds between two positions on one road, without leaving it.
    fn direct(&self, here: &Placed, there: &Placed) -> Option<u32> {
        let along =
            (here.road == there.road).then(|| &self.parts.roads[here.road as usize])?.along(here.share, there.share);
        along.map(|along| along + here.off_road + there.off_road)
    }
}

struct Way {
    ends: Vec<(u32, u32)>,
    best: Option<(u32, Option<u32>)>,
}

impl Watch for Way {
    fn reached(&mut self, node: u32, time: u32) {
        for &(end, rest) in &self.ends {
            if end == node && self.best.is_none_or(|best| time + rest < best.0) {
                self.best = Some((time + rest, Some(node)));
            }
        }
    }

    fn enough(&mut self, time: u32) -> bool {
        self.best.is_some_and(|best| best.0 <= time)
    }
}
