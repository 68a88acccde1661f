//! Whether lines and areas reach into an area, and how far they are from a position.

use anlan_codecs::geo::{Geometry, geo_types::Coord};

use crate::{
    area::{Area, Kind},
    cell::rectangle,
    measure::{beside, metres},
    plane::{self, Leg, around, legs, meet, overlap},
};

pub(crate) fn touches(area: &Area, shape: &Geometry) -> bool {
    match area.kind {
        Kind::Circle { centre, radius } => distance(shape, centre) <= radius,
        Kind::Polygon => polygon_touches(area, shape),
        Kind::Corridor { half } => corridor_touches(area, half, shape),
    }
}

/// Metres from a position to a shape; 0 inside it.
pub(crate) fn distance(shape: &Geometry, from: Coord) -> f64 {
    if plane::encloses(shape, from) {
        return 0.0;
    }
    let corners = shape.positions().map(|it| metres(it, from));
    legs(shape).map(|it| beside(it, from)).chain(corners).fold(f64::INFINITY, f64::min)
}

/// Where no outlines meet, each ring lies in the other shape as a whole or not at all.
fn polygon_touches(area: &Area, shape: &Geometry) -> bool {
    let bounds = rectangle(shape.positions());
    let near: Vec<Leg> = legs(shape).filter(|it| overlap(around(*it), area.bounds)).collect();
    let mut outline = area.legs.iter().filter(|it| overlap(around(**it), bounds));
    if outline.any(|own| near.iter().any(|leg| meet(*own, *leg))) {
        return true;
    }
    let all = area.local();
    let holds = |it: Coord| overlap(area.bounds, (it, it)) && area.holds(it, &all);
    let starts =
        area.legs.first().into_iter().chain(area.legs.windows(2).filter(|it| it[0][1] != it[1][0]).map(|it| &it[1]));
    shape.chains().iter().filter_map(|it| it.first()).any(|it| holds(*it))
        || starts.into_iter().any(|it| plane::encloses(shape, it[0]))
}

fn corridor_touches(area: &Area, half: f64, shape: &Geometry) -> bool {
    let bounds = rectangle(shape.positions());
    let own: Vec<Leg> = area.legs_near(bounds).collect();
    let near: Vec<Leg> = legs(shape).filter(|it| overlap(around(*it), area.bounds)).collect();
    let reached = |leg: &Leg| {
        near.iter().any(|it| meet(*it, *leg) || leg.iter().any(|end| beside(*it, *end) <= half))
            || leg.iter().any(|end| plane::encloses(shape, *end))
    };
    let inside = |it: Coord| overlap(area.bounds, (it, it)) && own.iter().any(|leg| beside(*leg, it) <= half);
    shape.positions().any(inside) || own.iter().any(reached)
}
