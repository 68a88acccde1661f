//! Cost of a reading under rules with short and long windows; it does not grow with the window.

use std::time::Instant as Wall;

use serde_json::{Value as Json, json};

use crate::verbs::Bad;

const READINGS: usize = 200_000;
const STATIONS: usize = 20;

/// Readings a second through the engine, by length of the window, and the ratio.
///
/// # Errors
/// When the replay refuses its own input.
pub fn run() -> Result<Json, Bad> {
    let stations = stations();
    let observations = observations();
    let mut rates = Vec::new();
    for window in ["1h", "6h", "24h", "72h"] {
        let rules = format!(
            "[[rule]]\nid = \"bench\"\ntitle = {{ zh = \"雨量\", en = \"rain\" }}\nquantity = \"rainfall\"\nclear_after = \"1h\"\n\
             [[rule.level]]\ngrade = 1\nwhen = \"sum({window}) >= 100000 or max(rainfall, {window}) >= 10000\"\n"
        );
        let begun = Wall::now();
        let report = anlan_monitor::replay::run(stations.as_bytes(), observations.as_bytes(), &rules)?;
        let rate = report.readings as f64 / begun.elapsed().as_secs_f64();
        rates.push((window, rate));
    }
    let first = rates.first().map_or(1.0, |it| it.1);
    let by_window: Vec<Json> = rates
        .iter()
        .map(|(window, rate)| json!({"window": window, "readings_per_s": rate, "ratio_to_1h": rate / first}))
        .collect();
    Ok(json!({"by_window": by_window}))
}

fn stations() -> String {
    let mut csv = String::from("station_id,name_zh,name_en,kind,longitude,latitude,region_code,elevation_m\n");
    for n in 0..STATIONS {
        csv.push_str(&format!("s{n},测站{n},Station {n},rain,114.1,22.5,440303,10\n"));
    }
    csv
}

fn observations() -> String {
    let mut csv = String::from("observed_at,station_id,quantity,value,unit,quality\n");
    for n in 0..READINGS {
        let at = anlan_kernel::Instant::from_secs(1_693_500_000 + i64::try_from(n / STATIONS).unwrap_or(0) * 60);
        csv.push_str(&format!("{at},s{},rainfall,{}.{},mm,\n", n % STATIONS, n % 3, n % 10));
    }
    csv
}
