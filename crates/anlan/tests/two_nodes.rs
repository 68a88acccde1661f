//! Two real processes on one PostgreSQL: leases, two doors, and the death of a node in the middle of a round.

mod common;

use std::{path::PathBuf, process::Command, thread};

use anlan_kernel::Actor;
use anlan_simulator::{Carrier, carrier::VoicePeople};
use anlan_store::{Clock, Keys, Place, World, WorldConfig, WorldKind};
use common::{
    anlan, run,
    server::{Bureau, Desk, NOBODY, Server, import_by, quick_carrier, quick_pack, serve, until, wait},
    stderr, stdout,
};
use serde_json::{Value as Json, json};

/// A schema of its own, and the folders of two nodes.
struct Site {
    dir: tempfile::TempDir,
    world: String,
}

impl Site {
    fn new() -> Self {
        let world = format!("two{}", anlan_store::real_now().0);
        let site = Self { dir: tempfile::tempdir().expect("a folder"), world };
        quick_pack(site.dir.path());
        site
    }

    fn place(&self) -> Place {
        let url = anlan_testbed::postgres_url().to_owned();
        Place::Postgres { url, schema: format!("anlan_{}", self.world) }
    }

    fn data(&self, node: &str) -> PathBuf {
        self.dir.path().join(node)
    }

    /// The program, told where a node's things are.
    fn told(&self, mut command: Command) -> Command {
        command.env("ANLAN_DATABASE", anlan_testbed::postgres_url()).env("ANLAN_WORLD", &self.world);
        command.env("ANLAN_KEY_FILE", self.dir.path().join("key")).env("ANLAN_PACKS", self.dir.path().join("packs"));
        command
    }

    fn node(&self, node: &str, role: &str) -> Command {
        let mut command = self.told(serve(&self.data(node)));
        command.args(["--district", "440303", "--role", role]);
        command
    }

    /// A verb on the data of a node.
    fn verb(&self, node: &str) -> Command {
        let mut command = self.told(anlan());
        command.arg("--data").arg(self.data(node));
        command
    }

    /// The rows, as a third program sees them.
    fn world(&self) -> World {
        let config = WorldConfig {
            name: self.world.clone(),
            kind: WorldKind::Real,
            dir: self.data("looker"),
            place: self.place(),
            keys: Keys::open(&self.dir.path().join("key")).expect("the key"),
            clock: Clock::Real,
            heads: None,
        };
        World::open(config, &[&anlan_web::MODULE]).expect("the world opens")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // What stays behind goes with the cluster.
        let _ = World::remove(&self.place());
    }
}

/// Who holds which job, by process id.
fn holders(world: &World) -> Vec<(String, u32)> {
    let rows = wait(world.read(&Actor::system("test"), |tx| {
        let rows = tx.query("SELECT name, holder FROM lease ORDER BY name", &[])?;
        rows.iter().map(|it| Ok((it.text(0)?, it.text(1)?))).collect::<Result<Vec<_>, anlan_store::StoreError>>()
    }));
    let pid = |holder: &str| holder.split('-').next().and_then(|it| it.parse().ok()).unwrap_or(0);
    rows.expect("the leases").into_iter().map(|(name, holder)| (name, pid(&holder))).collect()
}

/// Both at once; the two answers.
fn at_once(one: &Desk, other: &Desk, path: &str, bodies: [Json; 2]) -> [(u16, Json); 2] {
    let [first, second] = bodies;
    thread::scope(|scope| {
        let there = scope.spawn(|| other.post(path, &second));
        [one.post(path, &first), there.join().expect("an answer")]
    })
}

#[test]
fn two_nodes_share_one_bureau_and_one_of_them_may_die_in_the_middle_of_a_round() {
    let site = Site::new();
    // Both make the tables at once.
    let starting = ["web,ingest,worker", "web,worker"].iter().zip(["a", "b"]);
    let starting: Vec<_> = starting.map(|(role, node)| Server::spawn(&mut site.node(node, role))).collect();
    let mut nodes: Vec<_> = starting.into_iter().map(Server::greet).collect();
    let code = stdout(&run(site.verb("b").args(["user", "first-code"])));
    let bureau = Bureau::found_with(&nodes[0], code.trim(), site.dir.path(), &|story, kind| {
        // At whichever node.
        let node = if kind == "people" { "a" } else { "b" };
        import_by(&mut site.verb(node), story, kind);
    });
    let on = [bureau.clone(), bureau.at(&nodes[1].url)];

    only_one_node_takes_observations(&site, &on, &nodes);

    let world = site.world();
    let jobs = until("a holder of every job", || {
        let jobs = holders(&world);
        (jobs.len() == 3).then_some(jobs)
    });
    let pids: Vec<u32> = nodes.iter().map(Server::pid).collect();
    assert!(jobs.iter().all(|(_, pid)| pids.contains(pid)), "{jobs:?} of {pids:?}");
    let courier = jobs.iter().find(|it| it.0 == "courier").map(|it| it.1);
    let dying = usize::from(courier != Some(pids[0]));
    let surviving = 1 - dying;

    // Nobody answers the first call: it rings for three seconds, so that every call is open for a while.
    let people = VoicePeople { second_try: 3, never: 1, ..NOBODY };
    let carrier = wait(Carrier::start(quick_carrier(people, 3_000))).expect("the carrier starts");
    let lines = carrier.client().expect("its client");
    let receipts = format!("{}/api/v1/receipts/test", nodes[surviving].url);
    wait(lines.callback(&receipts)).expect("the carrier knows where to");
    // The node that calls hears of the gateway from the other one.
    on[surviving].connect(carrier.url());
    on[surviving].alert(&site.dir.path().join("small"));
    let round = on[dying].round();
    let id = round["id"].as_str().expect("an id");
    let open = on[dying].officer.get(&format!("/api/v1/calls?open=1&limit=6&round={}", id.replace('#', "%23")));
    for (i, call) in open["items"].as_array().expect("calls").iter().enumerate() {
        one_of_two_answers_counts(&on, call["id"].as_str().expect("an id"), i % 2 == 0);
    }
    until("a call on its way", || (!carrier.log().items.is_empty()).then_some(()));
    nodes[dying].kill();

    let ended = on[surviving].ended();
    assert!(ended["final"]["answered"].as_i64() > Some(3), "{ended}");
    for (key, item) in &carrier.log().items {
        assert!(item.dials.len() <= 1, "{key} was dialled {} times", item.dials.len());
    }
    let jobs = holders(&world);
    assert!(jobs.iter().all(|it| it.1 == pids[surviving]), "{jobs:?} of {}", pids[surviving]);
    drop(nodes);
    let verified = run(site.verb("b").arg("verify"));
    assert!(verified.status.success(), "{}{}", stdout(&verified), stderr(&verified));
}

fn only_one_node_takes_observations(site: &Site, on: &[Bureau; 2], nodes: &[Server]) {
    let story = site.dir.path().join("small");
    let refused = run(site.verb("b").args(["import", "stations"]).arg(story.join("stations.csv")));
    assert_eq!(refused.status.code(), Some(2), "{}", stdout(&refused));
    assert!(stderr(&refused).contains("本节点不接收观测"), "{}", stderr(&refused));
    import_by(&mut site.verb("a"), &story, "stations");

    let device = on[1].security.does("/api/v1/devices", &json!({"id": "pier", "stations": ["central-pier"]}));
    let device = Desk::bearer(&nodes[0].url, device["secret"].as_str().expect("a secret"));
    let now = anlan_store::real_now().to_rfc3339_shanghai();
    let reading = json!([{"observed_at": now, "station_id": "central-pier", "quantity": "wind_speed",
        "value": 12, "unit": "km/h"}]);
    let (status, problem) = device.at(&nodes[1].url).post("/api/v1/observations", &reading);
    assert_eq!((status, problem["code"].as_str()), (503, Some("not_ingesting")), "{problem}");
    assert_eq!(device.does("/api/v1/observations", &reading)["taken"], 1);
}

/// Two officers at two nodes say what became of one call, at once: one counts, the other one is told.
fn one_of_two_answers_counts(on: &[Bureau; 2], call: &str, same_door: bool) {
    let call = call.replace('/', "%2F").replace('#', "%23");
    let (path, bodies) = if same_door {
        (format!("/api/v1/calls/{call}/answer"), [json!({"digit": 1}), json!({"digit": 2})])
    } else {
        let how = |it: &str| json!({"how": it, "note": "当面"});
        (format!("/api/v1/calls/{call}/record"), [how("recorded_by_colleague"), how("reached_on_site")])
    };
    let answers = at_once(&on[0].officer, &on[1].officer, &path, bodies);
    let won = answers.iter().filter(|it| it.0 == 200).count();
    let told = answers.iter().filter(|it| it.0 == 409 && it.1["code"] == "call_is_final").count();
    assert_eq!((won, told), (1, 1), "{call}: {answers:?}");
}
