"""Writes the roster of leeds/, which emilia-romagna/ shares, and the shifts of both: real gauges of Europe beside an invented 萧县.

Everybody in the rosters is invented (演示数据). Reads leeds/regions.csv; the same input gives the same bytes.
Run: python3 demo/make_county.py
"""

import csv
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "saola"))
from make_roster import NOTE, POSTS, ROLES, Roster as Names, draw, write  # noqa: E402

STORIES = {
    # folder: first day of the shifts
    "leeds": ["2015-12-25", "2015-12-26", "2015-12-27", "2015-12-28"],
    "emilia-romagna": ["2022-08-17", "2022-08-18", "2022-08-19", "2022-08-20"],
}
UNITS = [
    ("xiaoxian-emergency", "萧县应急管理局", 8, "县应急管理局;县防汛抗旱指挥部办公室;县安全生产委员会办公室;县减灾委员会办公室"),
    ("xiaoxian-water", "萧县水利局", 4, "县水利局"),
    ("xiaoxian-resources", "萧县自然资源和规划局", 3, "县自然资源和规划局"),
    ("xiaoxian-housing", "萧县住房和城乡建设局", 3, "县住房和城乡建设局"),
    ("xiaoxian-education", "萧县教育体育局", 3, "县教育体育局"),
    ("xiaoxian-traffic", "萧县交通运输局", 3, "县交通运输局"),
    ("xiaoxian-police", "萧县公安局", 3, "县公安局"),
    ("xiaoxian-fire", "萧县消防救援大队", 3, "县消防救援大队"),
    ("xiaoxian-health", "萧县卫生健康委员会", 3, "县卫生健康委员会"),
    ("xiaoxian-civil", "萧县民政局", 3, "县民政局"),
]
TOWN = [
    ("乡镇分管负责人", "防汛责任人"), ("乡镇值班员", "防汛责任人"), ("乡镇值班员", "防汛责任人"), ("乡镇值班员", "值班值守"),
    ("乡镇值班员", "值班值守"), ("应急站工作人员", "信息报送"), ("水利站工作人员", "河道巡查"), ("抢险队员", "抢险救援"),
    ("转移安置组成员", "转移安置"),
]
VILLAGE = [("村负责人", "防汛责任人"), ("灾害信息员", "防汛责任人"), ("网格员", "网格巡查"), ("帮扶责任人", "困难群众帮扶")]


class Roster(Names):
    """As Luohu's, with numbers of their own."""

    def person(self, unit, title, duty, tier, region, post):
        self.count += 1
        number = self.count
        spare = f"1540021{number:04d}" if draw("county-spare", number) % 7 == 0 else ""
        phone = "" if number % 397 == 0 else f"1540020{number:04d}"
        who = (self.name(unit, number), phone, spare, unit, title)
        self.post(who, duty, tier, region, post)
        return who


def shifts_of(unit, days, people):
    for day in range(3):
        for at, role in enumerate(ROLES):
            who = people[(day * 4 + at) % len(people)]
            yield [unit, f"{days[day]}T08:30:00+08:00", f"{days[day + 1]}T08:30:00+08:00", role, who[0], who[1] or who[2]]


def make(name, days):
    folder = HERE / name
    with open(HERE / "leeds" / "regions.csv", encoding="utf-8") as file:
        regions = list(csv.DictReader(file))
    county = next(it for it in regions if it["level"] == "3")
    roster, units, shifts = Roster(), [], []
    for at, (unit_id, unit, count, hats) in enumerate(UNITS):
        kind = "district_bureau" if at == 0 else "member_unit"
        units.append([unit_id, unit, county["code"], kind, hats, f"{unit}值班室", f"1540029{at + 1:04d}", NOTE])
        made = []
        for n in range(count):
            title = "分管负责人" if n == 0 else "科室负责人" if n < 3 else "值班员"
            post = POSTS[n] if at == 0 and n < 3 else "成员"
            made.append(roster.person(unit, title, "防汛责任人" if at == 0 else "成员单位防汛责任人", "区级", county, post))
        if at == 0:
            shifts += shifts_of(unit_id, days, made)
    for at, town in enumerate(it for it in regions if it["level"] == "4"):
        unit_id, unit = f"{town['code']}-office", f"{town['name']}人民政府"
        units.append([unit_id, unit, town["code"], "street", f"{unit};{town['name']}防汛抗旱指挥部", f"{town['name']}值班室",
                      f"1540029{at + 101:04d}", NOTE])
        made = [roster.person(unit, title, duty, "街道", town, POSTS[n] if n < 3 else "成员") for n, (title, duty) in enumerate(TOWN)]
        shifts += shifts_of(unit_id, days, made)
    for village in (it for it in regions if it["level"] == "5"):
        unit = village["name"]
        units.append([f"{village['code']}-office", unit, village["code"], "community", unit, "", "", NOTE])
        for n, (title, duty) in enumerate(VILLAGE):
            roster.person(unit, title, duty, "社区", village, POSTS[n] if n < 2 else "成员")
    write(folder, "shifts.csv", "organisation_id,starts_at,ends_at,role,person_name,person_phone", shifts)
    if name != "leeds":
        return
    write(folder, "organisations.csv", "id,name,region_code,kind,hats,duty_room_name,duty_room_phone,note", units)
    write(folder, "people.csv", "姓名,手机,备用电话,单位,职务,责任,级别,责任区代码,责任区名称,岗位,备注", roster.rows)
    print(name, roster.count, "people", len(roster.rows), "posts")


if __name__ == "__main__":
    for story in STORIES:
        make(story, STORIES[story])
