//! Shapes as drawing commands (specification 4.3).

use anlan_kernel::Problem;

use super::{
    Area, Position, Shape, doubled_area,
    wire::{broken, of_zigzag, zigzag},
};

const MOVE: u32 = 1;
const LINE: u32 = 2;
const CLOSE: u32 = 7;

/// The shape of a feature of that type, or why it cannot be used though the tile can.
///
/// # Errors
/// `bad_tile` at the byte `at`.
pub(super) fn read(kind: u64, commands: &[u32], at: usize) -> Result<Result<Shape, Problem>, Problem> {
    let mut pen = Pen { commands, place: [0, 0], at };
    match kind {
        1 => pen.points().map(Ok),
        2 => pen.lines(),
        3 => pen.areas(),
        _ => Ok(Err(broken(at, "要素没有几何类型", "a feature has no geometry type"))),
    }
}

struct Pen<'a> {
    commands: &'a [u32],
    place: Position,
    at: usize,
}

impl Pen<'_> {
    /// How often the command that must come next is repeated.
    fn expect(&mut self, command: u32, count: impl Fn(usize) -> bool) -> Result<usize, Problem> {
        let (first, rest) = self.commands.split_first().ok_or_else(|| self.broken())?;
        let repeated = (first >> 3) as usize;
        let enough = command == CLOSE || repeated <= rest.len() / 2;
        if first & 7 != command || !count(repeated) || !enough {
            return Err(self.broken());
        }
        self.commands = rest;
        Ok(repeated)
    }

    fn broken(&self) -> Problem {
        broken(self.at, "绘图指令不对", "its drawing commands are wrong")
    }

    fn follow(&mut self, count: usize, path: &mut Vec<Position>) {
        let (own, rest) = self.commands.split_at(count * 2);
        self.commands = rest;
        for step in own.chunks_exact(2) {
            for (place, step) in self.place.iter_mut().zip(step) {
                *place = place.wrapping_add(of_zigzag(u64::from(*step)) as i32);
            }
            path.push(self.place);
        }
    }

    fn points(&mut self) -> Result<Shape, Problem> {
        let (count, mut points) = (self.expect(MOVE, |it| it > 0)?, Vec::new());
        self.follow(count, &mut points);
        if self.commands.is_empty() { Ok(Shape::Points(points)) } else { Err(self.broken()) }
    }

    fn path(&mut self, least: usize) -> Result<Vec<Position>, Problem> {
        let mut path = Vec::new();
        self.expect(MOVE, |it| it == 1)?;
        self.follow(1, &mut path);
        let count = self.expect(LINE, |it| it >= least)?;
        self.follow(count, &mut path);
        Ok(path)
    }

    fn lines(&mut self) -> Result<Result<Shape, Problem>, Problem> {
        let mut lines = Vec::new();
        while lines.is_empty() || !self.commands.is_empty() {
            lines.push(self.path(1)?);
        }
        let repeated = lines.iter().any(|it| it.windows(2).any(|it| it[0] == it[1]));
        let refused = || broken(self.at, "线有重复的点", "a line has the same position twice");
        Ok(if repeated { Err(refused()) } else { Ok(Shape::Lines(lines)) })
    }

    fn areas(&mut self) -> Result<Result<Shape, Problem>, Problem> {
        let (mut areas, mut stray, mut first) = (Vec::<Area>::new(), false, true);
        while first || !self.commands.is_empty() {
            first = false;
            let ring = self.path(2)?;
            self.expect(CLOSE, |it| it == 1)?;
            match (doubled_area(&ring).signum(), areas.last_mut()) {
                (1, _) => areas.push(Area { outer: ring, holes: Vec::new() }),
                (-1, Some(area)) => area.holes.push(ring),
                (-1, None) => stray = true,
                _ => {}
            }
        }
        let refused = || broken(self.at, "面没有外环", "an area has no outer ring");
        Ok(if stray || areas.is_empty() { Err(refused()) } else { Ok(Shape::Areas(areas)) })
    }
}

/// Type and commands; no commands when nothing can be drawn.
pub(super) fn write(shape: &Shape) -> (u64, Vec<u32>) {
    let mut ink = Ink { place: [0, 0], commands: Vec::new() };
    let kind = match shape {
        Shape::Points(points) => {
            if !points.is_empty() {
                ink.step(MOVE, points);
            }
            1
        }
        Shape::Lines(lines) => {
            lines.iter().map(|it| apart(it.iter().copied())).filter(|it| it.len() >= 2).for_each(|it| ink.path(&it));
            2
        }
        Shape::Areas(areas) => {
            for area in areas {
                if ink.ring(&area.outer, 1) {
                    area.holes.iter().for_each(|it| _ = ink.ring(it, -1));
                }
            }
            3
        }
    };
    (kind, ink.commands)
}

struct Ink {
    place: Position,
    commands: Vec<u32>,
}

impl Ink {
    fn step(&mut self, command: u32, path: &[Position]) {
        self.commands.push(command | (path.len() as u32) << 3);
        for place in path {
            for (from, to) in self.place.iter().zip(place) {
                self.commands.push(zigzag(i64::from(to.wrapping_sub(*from))) as u32);
            }
            self.place = *place;
        }
    }

    fn path(&mut self, path: &[Position]) {
        self.step(MOVE, &path[..1]);
        self.step(LINE, &path[1..]);
    }

    /// Whether the ring encloses anything.
    fn ring(&mut self, ring: &[Position], sign: i128) -> bool {
        let area = doubled_area(ring);
        if area == 0 {
            return false;
        }
        let turned = area.signum() != sign;
        let mut ring = if turned { apart(ring.iter().rev().copied()) } else { apart(ring.iter().copied()) };
        if ring.len() > 1 && ring.first() == ring.last() {
            ring.pop();
        }
        self.path(&ring);
        self.commands.push(CLOSE | 1 << 3);
        true
    }
}

/// Without positions that repeat the one before.
fn apart(path: impl Iterator<Item = Position>) -> Vec<Position> {
    let mut path: Vec<Position> = path.collect();
    path.dedup();
    path
}
