"""Road times beside their peers, in one run, alternating.

    cargo bench -p anlan-roads --no-run                     # names the bench program
    python3.12 -m venv v && v/bin/pip install pyvalhalla osrm-bindings
    v/bin/python crates/roads/benches/peers.py BENCH_PROGRAM crates/roads/tests/data/liechtenstein.osm.pbf [ROUNDS]

Prints one JSON object: medians of both in milliseconds, and the median of the rounds' ratios (peer / ours) with its bootstrap interval;
under "travel_time" the quartiles of our travel time divided by the peer's for the same pairs, which is to be read before the speeds.
The wheels want Python 3.12. Tiles and tables of the peers are built in a scratch folder first; that is not timed.
"""
import json, pathlib, random, shutil, statistics, subprocess, sys, tempfile, time

import osrm
import valhalla

program, extract = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def build(scratch):
    (scratch / "tiles").mkdir()  # the folder must be there before it is named
    config = valhalla.get_config(tile_extract="", tile_dir=str(scratch / "tiles"))
    (scratch / "valhalla.json").write_text(json.dumps(config))
    tools = pathlib.Path(valhalla.__file__).parent / "bin"
    subprocess.run([tools / "valhalla_build_tiles", "-c", scratch / "valhalla.json", extract], **quiet)
    shutil.copy(extract, scratch / "x.osm.pbf")
    home = pathlib.Path(osrm.__file__).parent
    profile = home / "share/profiles/car.lua"
    subprocess.run([home / "bin/osrm-extract", "-p", profile, scratch / "x.osm.pbf"], **quiet)
    subprocess.run([home / "bin/osrm-contract", scratch / "x.osrm"], **quiet)
    actor = valhalla.Actor(config)
    engine = osrm.OSRM(algorithm="CH", storage_config=str(scratch / "x.osrm"), use_shared_memory=False)
    return actor, engine


def timed(work, over):
    times = []
    for it in over:
        start = time.perf_counter()
        try:
            work(it)
        except Exception:  # An origin that a peer finds no road for is no measurement.
            continue
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def isochrone(actor, minutes):
    def ask(at):
        contours = [{"time": m} for m in minutes]
        where = [{"lon": at[0], "lat": at[1]}]
        return actor.isochrone({"locations": where, "costing": "auto", "contours": contours, "polygons": True})

    return ask


def measure(actor, engine, ours):
    origins, table = ours["origins"], ours["table_positions"]
    pairs = list(zip(origins, reversed(origins)))
    return {
        "reach_900_area_ms": timed(isochrone(actor, [15]), origins),
        "reach_300_600_900_1800_areas_ms": timed(isochrone(actor, [5, 10, 15, 30]), origins),
        "route_ms": timed(lambda p: engine.Route(osrm.RouteParameters(coordinates=[tuple(p[0]), tuple(p[1])])), pairs),
        "snap_ms": timed(lambda at: engine.Nearest(osrm.NearestParameters(coordinates=[tuple(at)])), origins),
        "table_100_ms": timed(lambda _: engine.Table(osrm.TableParameters(coordinates=[tuple(at) for at in table])), range(3)),
    }


def travel_time(actor, engine, ours):
    pairs = list(zip(ours["origins"], reversed(ours["origins"])))
    shares = {"osrm": [], "valhalla": []}
    for (a, b), seconds in zip(pairs, ours["route_seconds"]):
        if seconds is None or a == b:
            continue
        where = [{"lon": x, "lat": y} for x, y in (a, b)]
        try:
            trip = json.loads(actor.route(json.dumps({"locations": where, "costing": "auto"})))["trip"]
            driven = engine.Route(osrm.RouteParameters(coordinates=[tuple(a), tuple(b)]))["routes"][0]["duration"]
        except Exception:  # A peer knows no way: its profile closes what ours opens.
            continue
        shares["valhalla"].append(seconds / trip["summary"]["time"])
        shares["osrm"].append(seconds / driven)
    return {name: [round(q, 2) for q in statistics.quantiles(of, n=4)] + [len(of)] for name, of in shares.items()}


def interval(ratios):
    dice = random.Random(1)
    medians = sorted(statistics.median(dice.choices(ratios, k=len(ratios))) for _ in range(2000))
    return [round(medians[50], 1), round(medians[1949], 1)]


with tempfile.TemporaryDirectory() as folder:
    actor, engine = build(pathlib.Path(folder))
    run = lambda: json.loads(subprocess.run([program, "--bench"], check=True, capture_output=True, text=True).stdout)
    seen = [(ours, measure(actor, engine, ours)) for ours in (run() for _ in range(rounds))]
    report = {"travel_time": travel_time(actor, engine, seen[0][0])}

for name in seen[0][1]:
    ratios = [peer[name] / ours[name]["p50"] for ours, peer in seen]
    report[name] = {
        "peer": "osrm-bindings CH" if name in ("route_ms", "snap_ms", "table_100_ms") else "pyvalhalla",
        "peer_p50": round(statistics.median(peer[name] for _, peer in seen), 4),
        "ours_p50": round(statistics.median(ours[name]["p50"] for ours, _ in seen), 4),
        "ratio": round(statistics.median(ratios), 1),
        "ratio_interval_95": interval(ratios),
    }
print(json.dumps(report, indent=1))
