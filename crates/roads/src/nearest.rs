//! The nearest of many by road time.

use crate::{
    Graph,
    degrees::Position,
    graph::{Arcs, MAX_TIME},
    path::Path,
    search::{Scratch, Watch},
    snap::SNAP_METRES,
    targets::{Attachments, Direction, Placed, Targets},
};

/// A target that was reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reached {
    /// Its index among the positions that the targets were made of.
    pub index: usize,
    /// Seconds, with the time off the road at both ends.
    pub seconds: f64,
    /// Metres, with those off the road at both ends.
    pub metres: f64,
}

impl Graph {
    /// The `n` targets nearest by time, the nearest first, none farther than `most_seconds`; equal times by index.
    ///
    /// Empty when no road comes within [`SNAP_METRES`] of `position`.
    pub fn nearest(
        &self,
        position: Position,
        targets: &Targets,
        direction: Direction,
        n: usize,
        most_seconds: u32,
    ) -> Vec<Reached> {
        let Some(here) = self.snap(position, SNAP_METRES).map(|snap| Placed::of(&snap)).filter(|_| n > 0) else {
            return Vec::new();
        };
        let most = milliseconds(most_seconds);
        let mut found = Found { attachments: targets.attachments(direction), best: Vec::new(), n, most };
        self.beside(&here, targets, direction, &mut found);
        let road = &self.parts.roads[here.road as usize];
        let starts: Vec<_> = here.ends(road, direction == Direction::ToTargets).collect();
        self.with_scratch(|scratch| {
            scratch.run::<true, _>(self.arcs(direction), self.shift, &starts, most, &mut found);
            found.best.iter().map(|best| self.told(best, &here, targets, direction, scratch)).collect()
        })
    }

    pub(crate) fn arcs(&self, direction: Direction) -> &Arcs {
        match direction {
            Direction::ToTargets => &self.out,
            Direction::FromTargets => &self.into,
        }
    }

    /// Targets on the very road of the position need no junction.
    fn beside(&self, here: &Placed, targets: &Targets, direction: Direction, found: &mut Found<'_>) {
        let road = &self.parts.roads[here.road as usize];
        for (target, there) in targets.beside(here.road) {
            let time = match direction {
                Direction::ToTargets => road.along(here.share, there.share),
                Direction::FromTargets => road.along(there.share, here.share),
            };
            if let Some(time) = time {
                found.offer(Best { time: time + here.off_road + there.off_road, target, node: None });
            }
        }
    }

    fn told(&self, best: &Best, here: &Placed, targets: &Targets, direction: Direction, scratch: &Scratch) -> Reached {
        let metres = targets.placed[best.target as usize].map_or(0.0, |there| match best.node {
            None => self.metres_between(here, &there) + here.metres + there.metres,
            Some(node) => {
                let path = Path { graph: self, arcs: self.arcs(direction), scratch };
                let leaving = direction == Direction::ToTargets;
                path.metres(here, node, leaving)
                    + self.metres_to_end(&there, node, !leaving, best.time, path.time(node))
            }
        });
        Reached { index: best.target as usize, seconds: seconds(best.time), metres }
    }
}

/// Milliseconds of a limit.
pub fn milliseconds(seconds: u32) -> u32 {
    seconds.saturating_mul(1_000).min(MAX_TIME)
}

/// Seconds of a time.
pub fn seconds(milliseconds: u32) -> f64 {
    f64::from(milliseconds) / 1_000.0
}

#[derive(Clone, Copy)]
struct Best {
    time: u32,
    target: u32,
    /// Where the search met it; none on the road of the position.
    node: Option<u32>,
}

struct Found<'t> {
    attachments: &'t Attachments,
    /// At most `n`, the nearest first.
    best: Vec<Best>,
    n: usize,
    most: u32,
}

impl Found<'_> {
    fn offer(&mut self, offer: Best) {
        let key = |best: &Best| (best.time, best.target);
        let full = self.best.len() == self.n;
        if offer.time > self.most || (full && self.best.last().is_some_and(|last| key(last) <= key(&offer))) {
            return;
        }
        match self.best.iter().position(|best| best.target == offer.target) {
            Some(place) if self.best[place].time <= offer.time => return,
            Some(place) => {
                self.best.remove(place);
            }
            None if full => {
                self.best.pop();
            }
            None => {}
        }
        let place = self.best.partition_point(|best| key(best) < key(&offer));
        self.best.insert(place, offer);
    }
}

impl Watch for Found<'_> {
    fn reached(&mut self, node: u32, time: u32) {
        let attachments = self.attachments;
        for attached in attachments.at(node) {
            self.offer(Best { time: time + attached.time, target: attached.target, node: Some(node) });
        }
    }

    fn enough(&mut self, time: u32) -> bool {
        // Strictly: an equal time may still come with a smaller index.
        self.best.len() == self.n && self.best.last().is_some_and(|last| last.time < time)
    }
}
