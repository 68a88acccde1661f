"""Writes places.csv: where the streets and communities of the demonstration stand on its map.

Every position is invented (演示编造): streets are spread over a grid inside the district's bounding box,
communities stand around their street. Nothing is a surveyed coordinate. Reads regions.csv beside it and
nothing else; the same input gives the same bytes. Run: python3 demo/saola/make_places.py
"""

import csv
import math
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = "演示编造"
WEST, EAST, SOUTH, NORTH = 114.09, 114.21, 22.53, 22.61
COLUMNS, ROWS = 4, 3
# Communities follow the golden angle outwards, which fills a disc evenly.
TURN = math.pi * (3 - math.sqrt(5))


def main() -> None:
    regions = list(csv.DictReader((HERE / "regions.csv").open(encoding="utf-8")))
    streets = sorted(it["code"] for it in regions if it["level"] == "4")
    width, height = (EAST - WEST) / COLUMNS, (NORTH - SOUTH) / ROWS
    rows = []
    for number, street in enumerate(streets):
        column, row = number % COLUMNS, number // COLUMNS
        # The last row is shorter and stands in the middle.
        left = (COLUMNS - min(COLUMNS, len(streets) - row * COLUMNS)) / 2
        east, north = WEST + (left + column + 0.5) * width, NORTH - (row + 0.5) * height
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
