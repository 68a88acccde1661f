"""The polygon question of atlas.rs asked of GEOS (pip install shapely numpy): hits and checksum must be the same."""

import json
import statistics
import time

import numpy
import shapely

COUNT = 1_000_000


def random(number):
    number = numpy.asarray(number, dtype=numpy.uint64)
    with numpy.errstate(over="ignore"):
        it = (number + numpy.uint64(1)) * numpy.uint64(0x9E3779B97F4A7C15)
        it = (it ^ (it >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        it = (it ^ (it >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return ((it ^ (it >> numpy.uint64(31))) >> numpy.uint64(11)).astype(float) / float(1 << 53)


def corner(number):
    turn, side = (number % 100) / 50.0 - 1.0, 1.0 if number < 100 else -1.0
    size = side * (0.25 + 0.75 * float(random(7_000_000 + number))) / (1.0 + turn * turn)
    return 114.2 + 0.4 * size * (1.0 - turn * turn), 22.65 + 0.2 * size * 2.0 * turn


def timed(call):
    times = []
    for _ in range(7):
        start = time.perf_counter()
        found = call()
        times.append((time.perf_counter() - start) * 1e3)
    return found, statistics.median(times)


numbers = numpy.arange(COUNT, dtype=numpy.uint64)
x = 113.7 + random(numbers * numpy.uint64(2)) * 1.0
y = 22.4 + random(numbers * numpy.uint64(2) + numpy.uint64(1)) * 0.5
star = shapely.Polygon([corner(it) for it in range(200)])
shapely.prepare(star)
# Points on the outline count: intersects, not contains.
found, scan = timed(lambda: numpy.nonzero(shapely.intersects_xy(star, x, y))[0])
start = time.perf_counter()
tree = shapely.STRtree(shapely.points(x, y))
build = (time.perf_counter() - start) * 1e3
by_tree, query = timed(lambda: tree.query(star, predicate="intersects"))
assert len(by_tree) == len(found)
print(json.dumps({
    "geos": shapely.geos_version_string, "hits": len(found), "checksum": int(found.sum()),
    "prepared_ms": scan, "tree_build_ms": build, "tree_query_ms": query,
}))
