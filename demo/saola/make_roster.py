"""Writes organisations.csv, people.csv and shifts.csv of the demonstration roster.

Everybody in it is invented (演示数据). Reads regions.csv beside it and nothing else; the same
input gives the same bytes. Run: python3 demo/saola/make_roster.py
"""

import csv
import hashlib
from pathlib import Path

HERE = Path(__file__).parent
NOTE = "演示数据"
# (surname, weight): common surnames, the commonest more often.
SURNAMES = (
    "李王张刘陈" * 6 + "杨黄赵周吴徐孙朱马胡" * 4 + "郭林何高梁郑罗宋谢唐" * 3
    + "韩曹许邓萧冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜范江傅钟卢汪戴崔任陆廖姚方金邱夏谭韦贾邹石熊孟秦"
)
GIVEN = "晓宁嘉文佳雨思安泽悦辰乐远清和若云知言亦舒然青禾林川初秋海平新春立家树圆少岚月星溪竹松柏帆航"
# Combinations that belong to people everybody knows.
KNOWN = {"张若云", "王家新", "李家航", "王安忆"}

# id, name, people, hats: the district's own bureau first.
DISTRICT_UNITS = [
    ("luohu-emergency", "罗湖区应急管理局", 12,
     "区应急管理局;区三防指挥部办公室;区安全生产委员会办公室;区减灾委员会办公室;区森林防灭火指挥部办公室"),
    ("luohu-water", "罗湖区水务局", 4, "区水务局"),
    ("luohu-housing", "罗湖区住房和建设局", 4, "区住房和建设局"),
    ("luohu-urban", "罗湖区城市管理和综合执法局", 4, "区城市管理和综合执法局"),
    ("luohu-resources", "市规划和自然资源局罗湖管理局", 4, "市规划和自然资源局罗湖管理局"),
    ("luohu-police", "市公安局罗湖分局", 4, "市公安局罗湖分局"),
    ("luohu-fire", "罗湖区消防救援大队", 4, "区消防救援大队"),
    ("luohu-health", "罗湖区卫生健康局", 3, "区卫生健康局"),
    ("luohu-education", "罗湖区教育局", 3, "区教育局"),
    ("luohu-civil", "罗湖区民政局", 3, "区民政局"),
    ("luohu-industry", "罗湖区工业和信息化局", 3, "区工业和信息化局"),
    ("luohu-culture", "罗湖区文化广电旅游体育局", 3, "区文化广电旅游体育局"),
    ("luohu-traffic", "市交通运输局罗湖管理局", 3, "市交通运输局罗湖管理局"),
    ("luohu-publicity", "罗湖区委宣传部", 3, "区委宣传部"),
    ("luohu-office", "罗湖区政府办公室", 3, "区政府办公室;区政府总值班室"),
]
STREET_DUTIES = [  # 职务, 责任, how many of the 37 (the 38th is a 抢险队员)
    ("街道分管负责人", "防汛责任人", 3),
    ("街道值班员", "值班值守", 12),
    ("应急办工作人员", "信息报送", 4),
    ("抢险队员", "抢险救援", 6),
    ("转移安置组成员", "转移安置", 5),
    ("物资保障组成员", "物资保障", 3),
    ("城管巡查队员", "广告牌与树木巡查", 4),
]
COMMUNITY_DUTIES = [  # 职务, 责任, how many of the 19 (the 20th is a 楼栋长)
    ("社区负责人", "防汛责任人", 3),
    ("灾害信息员", "灾情报送", 1),
    ("网格员", "网格巡查", 6),
    ("楼栋长", "楼栋通知", 3),
    ("物业负责人", "地下空间与低洼处巡查", 2),
    ("帮扶责任人", "困难群众帮扶", 3),
    ("志愿者骨干", "转移引导", 1),
]
POSTS = ["主责", "副A", "副B"]
# Positions (counted over everybody) of the people without any number, and with a spare number only.
WITHOUT_NUMBER = {611, 1187, 1749, 2320}
SPARE_ONLY = {903, 2011}
SHIFT_DAYS = ["2023-08-31", "2023-09-01", "2023-09-02", "2023-09-03"]
ROLES = ["带班领导", "主班", "副班", "备勤"]
# Two standby drivers of the night who are in nobody's roster.
NOT_IN_ROSTER = {("440303003-office", 1): ("岑远帆", "15400080001"), ("440303008-office", 1): ("岑知秋", "15400080002")}


def draw(*key):
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big")


class Roster:
    """People in the order they are made; one row per post."""

    def __init__(self):
        self.rows, self.count, self.names = [], 0, {}

    def person(self, unit, title, duty, tier, region, post):
        self.count += 1
        number = self.count
        name = self.name(unit, number)
        phone = f"1540000{number:04d}"
        spare = f"1540001{number:04d}" if draw("spare", number) % 7 == 0 else ""
        if number in WITHOUT_NUMBER:
            phone = spare = ""
        if number in SPARE_ONLY:
            phone, spare = "", f"1540001{number:04d}"
        who = (name, phone, spare, unit, title)
        self.post(who, duty, tier, region, post)
        return who

    def post(self, who, duty, tier, region, post):
        self.rows.append([*who, duty, tier, region["code"], region["name"], post, NOTE])

    def name(self, unit, number):
        taken = self.names.setdefault(unit, set())
        for attempt in range(1000):
            seed = draw("name", number, attempt)
            first, second = GIVEN[seed // 7 % len(GIVEN)], GIVEN[seed // 997 % len(GIVEN)]
            name = SURNAMES[seed % len(SURNAMES)] + first + second
            if first != second and name not in taken and name not in KNOWN:
                taken.add(name)
                return name
        raise RuntimeError("no name left")


def group(roster, unit, duties, tier, region):
    """The people of one street or community; the first three are lead and deputies A and B."""
    made = []
    for title, duty, count in duties:
        for _ in range(count):
            post = POSTS[len(made)] if len(made) < 3 else "成员"
            made.append(roster.person(unit, title, duty, tier, region, post))
    # Deputy A also answers for geological hazards: a second post of the same person.
    roster.post(made[1], "地质灾害防灾责任人", tier, region, "主责")
    return made


def more(duties, extra_of, count):
    return [(t, d, n + (count if t == extra_of else 0)) for t, d, n in duties]


def write(folder, name, head, rows):
    with open(folder / name, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(head.split(","))
        out.writerows(rows)


def shifts_of(unit_id, people):
    """Twelve people, four a day, three days from 08:30 to 08:30."""
    for day in range(3):
        for at, role in enumerate(ROLES):
            who = people[day * 4 + at]
            name, phone = who[0], who[1] or who[2]
            if role == "备勤":
                name, phone = NOT_IN_ROSTER.get((unit_id, day), (name, phone))
            yield [unit_id, f"{SHIFT_DAYS[day]}T08:30:00+08:00", f"{SHIFT_DAYS[day + 1]}T08:30:00+08:00", role, name, phone]


def main():
    with open(HERE / "regions.csv", encoding="utf-8") as file:
        regions = list(csv.DictReader(file))
    district = next(it for it in regions if it["level"] == "3")
    streets = [it for it in regions if it["level"] == "4"]
    communities = [it for it in regions if it["level"] == "5"]
    roster, units, shifts = Roster(), [], []

    for at, (unit_id, unit, count, hats) in enumerate(DISTRICT_UNITS):
        kind = "district_bureau" if at == 0 else "member_unit"
        units.append([unit_id, unit, district["code"], kind, hats, f"{unit}值班室", f"1540009{at + 1:04d}", NOTE])
        made = []
        for n in range(count):
            title = ["分管负责人", "科室负责人", "科室负责人"][n] if n < 3 else "值班员"
            duty = "防汛责任人" if at == 0 else "成员单位防汛责任人"
            post = POSTS[n] if at == 0 and n < 3 else "成员"
            made.append(roster.person(unit, title, duty, "区级", district, post))
        if unit_id == "luohu-resources":
            roster.post(made[0], "地质灾害防灾责任人", "区级", district, "主责")
        if at == 0:
            # The lead and the deputies lead the three days, the lead himself on the night of the storm.
            order = [made[i] for i in (1, 3, 4, 5, 0, 6, 7, 8, 2, 9, 10, 11)]
            shifts += shifts_of(unit_id, order)

    for at, street in enumerate(streets):
        unit_id, unit = f"{street['code']}-office", f"{street['name']}办事处"
        hats = f"{street['name']}办事处;{street['name']}三防指挥部办公室;{street['name']}应急管理办公室"
        units.append([unit_id, unit, street["code"], "street", hats, f"{street['name']}值班室", f"1540009{at + 101:04d}", NOTE])
        made = group(roster, unit, more(STREET_DUTIES, "抢险队员", at % 2), "街道", street)
        duty = made[3:15]
        order = [made[1], *duty[0:3], made[0], *duty[3:6], made[2], *duty[6:9]]
        shifts += shifts_of(unit_id, order)

    helpers = []
    for at, community in enumerate(communities):
        unit = community["name"]
        units.append([f"{community['code']}-office", unit, community["code"], "community", unit, "", "", NOTE])
        # 29 of the 109 have one more.
        made = group(roster, unit, more(COMMUNITY_DUTIES, "楼栋长", 1 if at * 29 % 109 < 29 else 0), "社区", community)
        roster.post(made[3], "避难场所责任人", "社区", community, "成员")
        helpers.append(made[4])
    # Every fourth community lends a grid worker to the next one of its street.
    for at in range(0, len(communities) - 1, 4):
        here, there = communities[at], communities[at + 1]
        if here["parent_code"] == there["parent_code"]:
            roster.post(helpers[at], "内涝点责任人", "社区", there, "成员")

    write(HERE, "organisations.csv", "id,name,region_code,kind,hats,duty_room_name,duty_room_phone,note", units)
    write(HERE, "people.csv", "姓名,手机,备用电话,单位,职务,责任,级别,责任区代码,责任区名称,岗位,备注", roster.rows)
    write(HERE, "shifts.csv", "organisation_id,starts_at,ends_at,role,person_name,person_phone", shifts)


if __name__ == "__main__":
    main()
