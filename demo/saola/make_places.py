"""Writes places.csv: where the streets and communities of the demonstration stand on its map.

Every position is invented (演示编造): streets stand in the cells of two grids that lie well inside the district,
communities stand around their street. Nothing is a surveyed coordinate. Reads regions.csv beside it and
nothing else; the same input gives the same bytes. Run: python3 demo/saola/make_places.py
"""

import csv
import math
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = "演示编造"
# West, east, south, north, columns, rows: the south-western part of the district, and the north-eastern one.
GRIDS = ((114.106, 114.142, 22.5455, 22.5885, 3, 3), (114.152, 114.192, 22.569, 22.600, 1, 1))
# Communities follow the golden angle outwards, which fills a disc evenly.
TURN = math.pi * (3 - math.sqrt(5))


def cells():
    """Middle, width and height of every cell, row by row from the north-west."""
    for west, east, south, north, columns, rows in GRIDS:
        width, height = (east - west) / columns, (north - south) / rows
        for row in range(rows):
            for column in range(columns):
                yield west + (column + 0.5) * width, north - (row + 0.5) * height, width, height


def main() -> None:
    regions = list(csv.DictReader((HERE / "regions.csv").open(encoding="utf-8")))
    streets = sorted(it["code"] for it in regions if it["level"] == "4")
    rows = []
    for street, (east, north, width, height) in zip(streets, cells(), strict=True):
        rows.append((street, east, north))
        inside = sorted(it["code"] for it in regions if it["parent_code"] == street)
        for index, community in enumerate(inside, start=1):
            reach = 0.46 * math.sqrt(index / len(inside))
            angle = index * TURN
            rows.append((community, east + reach * width * math.cos(angle), north + reach * height * math.sin(angle)))
    with (HERE / "places.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["code_or_id", "longitude", "latitude", "source", "invented"])
        for code, east, north in rows:
            out.writerow([code, f"{east:.5f}", f"{north:.5f}", SOURCE, "true"])


main()
