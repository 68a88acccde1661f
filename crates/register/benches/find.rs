//! Find among a million entries on both engines: `cargo bench -p anlan-register --bench find -- [ENTRIES]`. Prints JSON:
//! how long filling took, bytes per entry, and for each question the first answer (on fresh connections, right after
//! opening), the median and the worst of further ones, for a reader of the whole district and one of a single street.

use std::time::{Duration, Instant};

use anlan_kernel::{Actor, RegionCode, Scope};
use anlan_register::find::{self, Ask, Entry, Word};
use anlan_store::{Clock, Module, Place, StoreError, Tx, Urgency, World};
use anlan_testbed::{Engine, NOON, TestWorld};
use serde_json::{Map, Value as Json, json};

static MODULES: &[&Module] = &[&anlan_web::MODULE, &anlan_register::MODULE];
const ENTRIES: usize = 1_000_000;
const SLICE: usize = 2_000;
const ROUNDS: usize = 7;

const QUESTIONS: &[&str] = &[
    "打鼓岭",
    "dgl",
    "daguling",
    "dg",
    "shenzhen",
    "shenzh",
    "shi",
    "sz",
    "luohuqu",
    "深圳市",
    "市",
    "有限公司",
    "chongqing",
    "0042",
    "5000042",
    "91440300",
    "91440300MA0000042X",
    "粤B00042",
    "B0042",
    "红岭路2068号",
    "红岭路 打鼓岭",
    "dgl 1号",
    "深圳市 有限公司",
    "shenzhenshiluohuqudagulingshuiku",
    "不存在的名称",
    "zzzzz",
    "99999999",
];

const PLACES: &[&str] = &[
    "打鼓岭",
    "桂园",
    "黄贝",
    "东门",
    "翠竹",
    "南湖",
    "笋岗",
    "东晓",
    "莲塘",
    "清水河",
    "梧桐山",
    "长岭",
    "银湖",
    "单竹头",
    "重庆路",
];
const TRADES: &[&str] = &[
    "水库",
    "加油站",
    "小学",
    "五金",
    "餐饮",
    "电子",
    "物业管理",
    "化工",
    "仓储",
    "医疗",
    "纸品",
    "家具",
    "运输",
    "商贸",
];
const WORDS: &[char] = &[
    '兴', '隆', '华', '盛', '达', '通', '新', '源', '利', '丰', '德', '和', '顺', '安', '泰', '宏', '远', '信', '诚',
    '嘉', '美', '康', '乐', '福', '瑞', '金', '龙', '海', '天', '光',
];
const ROADS: &[&str] = &["红岭路", "深南东路", "宝安南路", "笋岗东路", "文锦北路", "爱国路", "沿河南路", "布心路"];

/// Pseudo-random and the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

struct Thing {
    subject: String,
    kind: &'static str,
    region: RegionCode,
    title: String,
    address: String,
    phone: String,
    code: String,
    plate: Option<String>,
}

fn thing(number: usize) -> Thing {
    let mut dice = Dice(number as u64 + 1);
    let street = 1 + dice.roll(10);
    let community = 1 + dice.roll(12);
    let letters: String = (0..2 + dice.roll(2)).map(|_| WORDS[dice.roll(WORDS.len())]).collect();
    let (place, trade) = (PLACES[dice.roll(PLACES.len())], TRADES[dice.roll(TRADES.len())]);
    let (kind, title) = match dice.roll(10) {
        0..=6 => ("premises", format!("深圳市{letters}{trade}有限公司")),
        7 => ("premises", format!("深圳市罗湖区{place}{trade}{letters}分公司")),
        8 => ("key-place", format!("{place}{letters}{trade}")),
        _ => ("high-risk-point", format!("罗湖区{place}街道{}号{trade}", 1 + dice.roll(300))),
    };
    Thing {
        subject: format!("record:{number:09}"),
        kind,
        region: RegionCode::parse(&format!("440303{street:03}{community:03}")).expect("a region code"),
        title,
        address: format!(
            "罗湖区{}{}号{}栋{}室",
            ROADS[dice.roll(ROADS.len())],
            1 + dice.roll(3_000),
            1 + dice.roll(9),
            101 + dice.roll(900)
        ),
        phone: format!("154{:08}", number),
        code: format!("91440300MA{number:07}X"),
        plate: (dice.roll(10) == 0).then(|| format!("粤B{:05}", number % 100_000)),
    }
}

impl Thing {
    fn entry(&self) -> Entry<'_> {
        let words = [Word::Phone(&self.phone), Word::Code(&self.code)];
        Entry {
            subject: &self.subject,
            kind: self.kind,
            region: &self.region,
            title: &self.title,
            detail: &self.address,
            words: words.into_iter().chain(self.plate.as_deref().map(Word::Plate)).collect(),
            personal: false,
        }
    }
}

fn reader(code: &str) -> Actor {
    let scope = Scope::Regions(vec![RegionCode::parse(code).expect("a region code")]);
    Actor { name: "user:bench".into(), hat: None, scope }
}

async fn fill(world: &World, count: usize) -> Result<f64, StoreError> {
    let begun = Instant::now();
    for from in (0..count).step_by(SLICE) {
        let things: Vec<Thing> = (from..count.min(from + SLICE)).map(thing).collect();
        let unit = move |tx: &mut Tx<'_>| find::put_many(tx, &things.iter().map(Thing::entry).collect::<Vec<_>>());
        world.write("bench", Urgency::Background, &Actor::system("bench"), unit).await?;
        if from % 100_000 == 0 {
            eprintln!("{from} after {:.0} s", begun.elapsed().as_secs_f64());
        }
    }
    Ok(begun.elapsed().as_secs_f64())
}

async fn ask(world: &World, by: &Actor, text: &'static str) -> Result<(usize, Duration), StoreError> {
    let begun = Instant::now();
    let unit = move |tx: &mut Tx<'_>| find::search(tx, &Ask { text, kinds: None, without: &[], most: 20, clear: true });
    let hits = world.read(by, unit).await?;
    Ok((hits.len(), begun.elapsed()))
}

async fn count(world: &World, by: &Actor, text: &'static str) -> Result<(usize, Duration), StoreError> {
    let begun = Instant::now();
    let unit = move |tx: &mut Tx<'_>| find::counts(tx, &Ask { text, kinds: None, without: &[], most: 20, clear: true });
    let counts = world.read(by, unit).await?;
    Ok((counts.iter().map(|it| it.count).sum(), begun.elapsed()))
}

fn ms(it: Duration) -> f64 {
    (it.as_secs_f64() * 10_000.0).round() / 10.0
}

async fn measure(world: &mut TestWorld, count_of: usize) -> Result<Json, StoreError> {
    let filled = fill(world, count_of).await?;
    let bytes = match world.place() {
        Place::Sqlite(path) => std::fs::metadata(path)?.len(),
        Place::Postgres { .. } => pg_bytes(world).await?,
    };
    let mut questions = Map::new();
    let mut worst = Duration::ZERO;
    for text in QUESTIONS {
        let mut row = Map::new();
        for (name, by) in [("district", reader("440303")), ("street", reader("440303007"))] {
            // Fresh connections: nothing prepared, nothing in the engine's own cache on SQLite.
            world.reopen();
            let (hits, first) = ask(world, &by, text).await?;
            let mut further = Vec::new();
            for _ in 0..ROUNDS {
                further.push(ask(world, &by, text).await?.1);
            }
            further.sort();
            let (counted, counting) = count(world, &by, text).await?;
            worst = worst.max(first).max(further[ROUNDS - 1]);
            let figures = json!({"hits": hits, "first_ms": ms(first), "median_ms": ms(further[ROUNDS / 2]),
                "worst_ms": ms(further[ROUNDS - 1]), "counted": counted, "count_ms": ms(counting)});
            row.insert(name.into(), figures);
        }
        questions.insert((*text).into(), row.into());
    }
    let begun = Instant::now();
    for number in 0..200 {
        let mut changed = thing(number * (count_of / 200));
        changed.title.push('新');
        let unit = move |tx: &mut Tx<'_>| find::put(tx, &changed.entry());
        world.write("bench", Urgency::Urgent, &Actor::system("bench"), unit).await?;
    }
    let change = ms(begun.elapsed() / 200);
    Ok(json!({"entries": count_of, "fill_s": filled.round(), "bytes_per_entry": bytes / count_of as u64,
        "slowest_answer_ms": ms(worst), "change_ms": change, "questions": questions}))
}

async fn pg_bytes(world: &World) -> Result<u64, StoreError> {
    world
        .read(&Actor::system("bench"), |tx| {
            let rows = tx.query("SELECT pg_total_relation_size('derived_finder')", &[])?;
            Ok(rows[0].int(0)?.cast_unsigned())
        })
        .await
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let number = given.iter().find_map(|it| it.parse().ok()).unwrap_or(ENTRIES);
    let engines = [("sqlite", Engine::Sqlite), ("postgres", Engine::Postgres)];
    let wanted = |name: &str| !given.iter().any(|it| it.parse::<usize>().is_err()) || given.iter().any(|it| it == name);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut results = Map::new();
    for (name, engine) in engines.into_iter().filter(|it| wanted(it.0)) {
        let mut world = anlan_testbed::world(engine, Clock::driven(NOON), MODULES);
        let figures = runtime.block_on(measure(&mut world, number)).expect("the engine answers");
        results.insert(name.into(), figures);
    }
    println!("{}", serde_json::to_string_pretty(&results).expect("JSON"));
}
