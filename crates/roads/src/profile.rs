//! Which ways a fire engine or rescue vehicle drives, and how fast.
//!
//! Speeds by class are this program's choice, not law: on the cautious side of what such roads are built for, because a
//! call-out is planned with the time it takes and not with the time it might take. Measured arrivals should replace
//! them where there are any. A posted limit replaces the class speed at [`LIMIT_SHARE`] of it,
//! except that it never makes a lane, yard or track faster. Rules of the road hold: one-way streets are one-way.

use crate::pbf::Tags;

/// Share of a posted limit that is driven on average, stops and bends included.
pub const LIMIT_SHARE: f64 = 0.8;
/// Speed between a position and the road, km/h: across a yard, along a drive, or running.
pub const OFF_ROAD_KMH: f64 = 10.0;

/// Class in OpenStreetMap, km/h, and whether a posted limit may raise the speed.
const CLASSES: &[(&str, f64, bool)] = &[
    ("motorway", 90.0, true),
    ("motorway_link", 45.0, true),
    ("trunk", 70.0, true),
    ("trunk_link", 40.0, true),
    ("primary", 55.0, true),
    ("primary_link", 35.0, true),
    ("secondary", 45.0, true),
    ("secondary_link", 35.0, true),
    ("tertiary", 40.0, true),
    ("tertiary_link", 30.0, true),
    ("unclassified", 30.0, true),
    ("residential", 30.0, true),
    ("road", 30.0, true),
    ("living_street", 15.0, false),
    ("service", 15.0, false),
    ("track", 15.0, false),
];
/// Ways for people on foot, open to vehicles only where a tag says so.
const WALKS: &[&str] = &["pedestrian", "footway", "cycleway", "path", "bridleway"];
const WALK_KMH: f64 = 10.0;
/// Unpaved and soft tracks (`tracktype`).
const SOFT: &[&str] = &["grade4", "grade5"];
const SOFT_KMH: f64 = 8.0;

/// Keys of access from the most particular to the least.
const ACCESS_KEYS: &[&str] = &["emergency", "motorcar", "motor_vehicle", "vehicle", "access"];
const NO_ACCESS: &[&str] = &["no", "private", "agricultural", "forestry", "military"];
const FREE_ACCESS: &[&str] = &["yes", "designated", "official", "permissive"];
/// Barriers that no vehicle passes unless a tag says so; gates and the like open.
const BLOCKS: &[&str] = &[
    "block",
    "bollard",
    "chain",
    "cycle_barrier",
    "debris",
    "fence",
    "guard_rail",
    "hedge",
    "jersey_barrier",
    "kissing_gate",
    "log",
    "planter",
    "spikes",
    "stile",
    "turnstile",
    "wall",
];

/// How a way is driven.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Driven {
    /// km/h, above 0.
    pub speed: f64,
    /// Along the way as it was drawn.
    pub forward: bool,
    /// Against it.
    pub backward: bool,
    /// A motorway or its ramp, which only its junctions lead to.
    pub motorway: bool,
}

/// How the way with these tags is driven; `None` when it is not.
pub fn driven(tags: &Tags<'_>) -> Option<Driven> {
    let class = tags.get("highway")?;
    if tags.get("area") == Some("yes") || closed(tags) {
        return None;
    }
    let speed = speed(class, tags)?;
    let (forward, backward) = directions(class, tags)?;
    Some(Driven { speed, forward, backward, motorway: class.starts_with("motorway") })
}

/// Whether the node with these tags stops a vehicle.
pub fn blocked(tags: &Tags<'_>) -> bool {
    match access(tags) {
        Some(access) if FREE_ACCESS.contains(&access) => false,
        access => tags.get("barrier").is_some_and(|barrier| {
            BLOCKS.contains(&barrier) || access.is_some_and(|access| NO_ACCESS.contains(&access))
        }),
    }
}

fn access<'a>(tags: &Tags<'a>) -> Option<&'a str> {
    ACCESS_KEYS.iter().find_map(|key| tags.get(key))
}

fn closed(tags: &Tags<'_>) -> bool {
    access(tags).is_some_and(|access| NO_ACCESS.contains(&access))
}

fn speed(class: &str, tags: &Tags<'_>) -> Option<f64> {
    if WALKS.contains(&class) {
        return access(tags).filter(|access| FREE_ACCESS.contains(access)).map(|_| WALK_KMH);
    }
    let &(_, usual, raises) = CLASSES.iter().find(|(name, ..)| *name == class)?;
    if class == "track" && tags.get("tracktype").is_some_and(|grade| SOFT.contains(&grade)) {
        return Some(SOFT_KMH);
    }
    let posted = tags.get("maxspeed").and_then(posted_limit).map(|limit| limit * LIMIT_SHARE);
    Some(match posted {
        Some(posted) if raises => posted,
        Some(posted) => posted.min(usual),
        None => usual,
    })
}

/// km/h of a `maxspeed`; `None` for what is no number, such as `none` or `CN:urban`.
fn posted_limit(text: &str) -> Option<f64> {
    let (number, factor) = match text.trim().strip_suffix("mph") {
        Some(miles) => (miles, 1.609_344),
        None => (text.trim().trim_end_matches("km/h"), 1.0),
    };
    let limit = number.trim().parse::<f64>().ok()? * factor;
    (5.0..=130.0).contains(&limit).then_some(limit)
}

fn directions(class: &str, tags: &Tags<'_>) -> Option<(bool, bool)> {
    let oneway = ["oneway:emergency", "oneway:motor_vehicle", "oneway"].iter().find_map(|key| tags.get(key));
    match oneway {
        Some("yes" | "true" | "1") => Some((true, false)),
        Some("-1" | "reverse") => Some((false, true)),
        Some("reversible" | "alternating") => None,
        Some("no" | "false" | "0") => Some((true, true)),
        _ => {
            let circle = matches!(tags.get("junction"), Some("roundabout" | "circular"));
            Some((true, !(circle || class == "motorway")))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::class_speed("highway=residential", Some((30.0, true, true)))]
    #[case::posted_limit("highway=primary maxspeed=80", Some((64.0, true, true)))]
    #[case::miles("highway=primary maxspeed=50mph", Some((64.373_76, true, true)))]
    #[case::unreadable_limit("highway=primary maxspeed=CN:urban", Some((55.0, true, true)))]
    #[case::absurd_limit("highway=primary maxspeed=5000", Some((55.0, true, true)))]
    #[case::limit_makes_no_yard_faster("highway=service maxspeed=50", Some((15.0, true, true)))]
    #[case::limit_slows_a_yard("highway=service maxspeed=10", Some((8.0, true, true)))]
    #[case::soft_track("highway=track tracktype=grade5", Some((8.0, true, true)))]
    #[case::oneway("highway=residential oneway=yes", Some((30.0, true, false)))]
    #[case::against("highway=residential oneway=-1", Some((30.0, false, true)))]
    #[case::oneway_but_not_for_us("highway=residential oneway=yes oneway:emergency=no", Some((30.0, true, true)))]
    #[case::roundabout("highway=tertiary junction=roundabout", Some((40.0, true, false)))]
    #[case::motorway("highway=motorway", Some((90.0, true, false)))]
    #[case::reversible("highway=primary oneway=reversible", None)]
    #[case::private("highway=service access=private", None)]
    #[case::private_but_for_us("highway=service access=private emergency=yes", Some((15.0, true, true)))]
    #[case::no_cars("highway=residential motor_vehicle=no", None)]
    #[case::footway("highway=footway", None)]
    #[case::fire_path("highway=path emergency=designated", Some((10.0, true, true)))]
    #[case::square("highway=pedestrian area=yes", None)]
    #[case::building_site("highway=construction", None)]
    #[case::ferry("route=ferry", None)]
    fn ways(#[case] tags: &str, #[case] want: Option<(f64, bool, bool)>) {
        let got = driven(&tags_of(tags)).map(|driven| (driven.speed, driven.forward, driven.backward));
        match (got, want) {
            (Some(got), Some(want)) => {
                assert!((got.0 - want.0).abs() < 1e-9 && got.1 == want.1 && got.2 == want.2, "{got:?}");
            }
            (got, want) => assert_eq!(got, want),
        }
    }

    #[rstest]
    #[case::bollard("barrier=bollard", true)]
    #[case::bollard_that_sinks("barrier=bollard emergency=yes", false)]
    #[case::gate("barrier=gate", false)]
    #[case::locked_gate("barrier=gate access=private", true)]
    #[case::toll("barrier=toll_booth", false)]
    #[case::plain_node("highway=crossing access=no", false)]
    fn barriers(#[case] tags: &str, #[case] want: bool) {
        assert_eq!(blocked(&tags_of(tags)), want);
    }

    fn tags_of(text: &str) -> Tags<'_> {
        Tags::of(&text.split(' ').filter_map(|pair| pair.split_once('=')).collect::<Vec<_>>())
    }
}
