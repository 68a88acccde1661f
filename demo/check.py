"""Checks the demonstration data and the packs: counts, keys, and that the files agree.

Standard library only; reads nothing outside the repository. Run: python3 demo/check.py
"""

import csv
import json
import re
import tomllib
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORY = ROOT / "demo" / "saola"
PACKS = ROOT / "packs"
RESERVED = re.compile("预警|警报|蓝色|黄色|橙色|红色|warning|alert", re.I)
FINAL = {"not_reached"}
DONE = []


def check(name, holds, shown=""):
    assert holds, f"{name}: {shown}"
    DONE.append(name)


def rows(path, encoding="utf-8"):
    with open(path, encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def same(name, have, want):
    check(name, have == want, f"{have} instead of {want}")


def regions():
    found = rows(STORY / "regions.csv")
    same("regions per level", Counter(it["level"] for it in found), {"3": 1, "4": 10, "5": 109})
    codes = {it["code"]: it for it in found}
    check("every region lies in its parent", all(
        it["parent_code"] in codes and it["code"].startswith(it["parent_code"]) for it in found if it["level"] != "3"))
    return codes


def stations(codes):
    found = rows(STORY / "stations.csv")
    same("stations", len({it["station_id"] for it in found}), 30)
    same("stations without coordinates", sorted(it["station_id"] for it in found if not it["longitude"]),
         ["hong-kong-sea-school", "north-point"])
    served = [code for it in found for code in it["serves"].split(";") if code]
    same("the ten streets are served once each", sorted(served), sorted(c for c, it in codes.items() if it["level"] == "4"))
    same("who speaks for Luohu", {it["name_zh"] for it in found if it["serves"]}, {"打鼓岭", "石岗", "大美督"})
    return {it["station_id"] for it in found}


def observations(known):
    found = rows(STORY / "observations.csv")
    same("rows", len(found), 2 * 5190)
    same("missing values", sum(it["value"] == "" for it in found), 2 * 387)
    check("missing is bad and nothing else is", all((it["value"] == "") == (it["quality"] == "bad") for it in found))
    check("stations are known", {it["station_id"] for it in found} == known)
    same("no duplicates", len({(it["station_id"], it["quantity"], it["observed_at"]) for it in found}), len(found))
    times = [it["observed_at"] for it in found]
    check("in order", times == sorted(times))
    same("last of Tsing Yi", max(it["observed_at"] for it in found if it["station_id"] == "tsing-yi" and it["value"]),
         "2023-09-01T22:10:00+08:00")
    return times[0], times[-1]


def organisations(codes):
    found = rows(STORY / "organisations.csv")
    same("organisations", Counter(it["kind"] for it in found),
         {"district_bureau": 1, "member_unit": 14, "street": 10, "community": 109})
    check("names and ids are used once", len({it["name"] for it in found}) == len({it["id"] for it in found}) == len(found))
    check("their regions exist", all(it["region_code"] in codes for it in found))
    rooms = [it["duty_room_phone"] for it in found if it["duty_room_phone"]]
    same("duty rooms with a number of their own", len(set(rooms)), 25)
    return found, set(rooms)


def people(codes, units, rooms):
    found = rows(STORY / "people.csv")
    who = lambda it: (it["姓名"], it["单位"])
    persons = {who(it): it for it in found}
    same("persons", len(persons), 2535)
    same("persons per level", Counter(it["级别"] for it in persons.values()), {"区级": 60, "街道": 375, "社区": 2100})
    check("everyone is marked", all(it["备注"] == "演示数据" for it in found))
    check("units exist", {it["单位"] for it in found} <= {it["name"] for it in units})
    check("regions exist under their name", all(codes[it["责任区代码"]]["name"] == it["责任区名称"] for it in found))
    tier = {6: "区级", 9: "街道", 12: "社区"}
    check("level fits the region", all(tier[len(it["责任区代码"])] == it["级别"] for it in found))
    numbers = [n for it in persons.values() for n in (it["手机"], it["备用电话"]) if n]
    check("numbers are well formed", all(re.fullmatch(r"154000[01]\d{4}", n) for n in numbers))
    check("a number belongs to one person", len(set(numbers)) == len(numbers) and not rooms & set(numbers))
    same("persons without any number", sum(not it["手机"] and not it["备用电话"] for it in persons.values()), 4)
    same("persons with a spare number only", sum(not it["手机"] and bool(it["备用电话"]) for it in persons.values()), 2)
    check("one person, one pair of numbers", all(
        (it["手机"], it["备用电话"]) == (persons[who(it)]["手机"], persons[who(it)]["备用电话"]) for it in found))
    posts = defaultdict(Counter)
    for it in found:
        if it["责任"] == "防汛责任人":
            posts[it["责任区代码"]][it["岗位"]] += 1
    for code in codes:
        same(f"lead and deputies of {code}", [posts[code][p] for p in ("主责", "副A", "副B")], [1, 1, 1])
    posts_held = Counter(who(it) for it in found)
    check("some hold several posts", sum(n > 1 for n in posts_held.values()) > 100)
    return {(it["姓名"], it["手机"] or it["备用电话"]) for it in found}


def shifts(units, persons):
    found = rows(STORY / "shifts.csv")
    known = {it["id"] for it in units}
    same("shifts", len(found), 11 * 3 * 4)
    check("of known organisations", all(it["organisation_id"] in known for it in found))
    check("roles", {it["role"] for it in found} == {"带班领导", "主班", "副班", "备勤"})
    strangers = [it for it in found if (it["person_name"], it["person_phone"]) not in persons]
    same("on a shift and in no roster", [(it["role"], it["organisation_id"]) for it in strangers],
         [("备勤", "440303003-office"), ("备勤", "440303008-office")])
    return {it["person_name"] for it in found}


def signals(codes):
    with open(STORY / "signals.jsonl", encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    fields = ["at", "id", "issuer", "title", "text", "hazard", "colour", "action", "areas", "invented"]
    check("fields", all(list(it) == fields for it in found))
    check("in order, each once", [it["at"] for it in found] == sorted(it["at"] for it in found)
          and len({it["id"] for it in found}) == len(found))
    for it in found:
        if it["invented"]:
            check("invented is said", it["title"].startswith("【演示编造】") and "演示编造" in it["issuer"] and "演示编造" in it["text"])
            check("areas exist", it["areas"] and all(code in codes for code in it["areas"]))
        else:
            check("real claims nothing", it["colour"] is None and it["areas"] == [] and "罗湖" not in it["text"])
    same("levels in turn", [it["colour"] for it in found if it["invented"] and it["action"] in ("发布", "升级")],
         ["blue", "yellow", "orange", "red"])
    return {it["id"]: datetime.fromisoformat(it["at"]) for it in found}


def seconds(text):
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]


def story(first, last, sent, units, names):
    found = tomllib.loads((STORY / "story.toml").read_text("utf-8"))
    same("starts at the first reading", found["starts_at"], first)
    check("ends after the last", found["ends_at"] > last)
    check("packs exist", all((PACKS / it / "pack.toml").is_file() for it in found["packs"]))
    logins = {it["login"] for it in found["officer"]}
    check("officers are on a shift", all(it["name"].removeprefix("演示·") in names for it in found["officer"]
                                       if it["post"] not in ("系统管理员", "台账管理员")))
    hats = {it["id"]: it["hats"].split(";") for it in units}
    check("officers act under a hat of their office", all(it["hat"] in hats[it["organisation"]] for it in found["officer"]))
    moments = []
    for it in found["script"]:
        check("somebody acts", it["as"] in logins)
        if "at" in it:
            moments.append(datetime.fromisoformat(it["at"]))
        else:
            signal = it["after"].removeprefix("signal:")
            moments.append(sent[signal] + timedelta(seconds=seconds(it["delay"])))
        if "signal" in it["args"]:
            check("an officer handles a signal that came", it["args"]["signal"] in sent)
    check("the script lies within the story", all(
        datetime.fromisoformat(first) <= it <= datetime.fromisoformat(found["ends_at"]) for it in moments))
    check("in order", moments == sorted(moments))
    for verb in ("acknowledge_signal", "forward_signal"):
        same(f"every signal: {verb}", {it["args"]["signal"] for it in found["script"] if it["do"] == verb}, set(sent))


def packs():
    for folder in sorted(it for it in PACKS.iterdir() if it.is_dir()):
        meta = tomllib.loads((folder / "pack.toml").read_text("utf-8"))
        same("a pack is named like its folder", meta["id"], folder.name)
        sources = {it["id"] for it in meta["source"]}
        if (folder / "rules.toml").is_file():
            rules(tomllib.loads((folder / "rules.toml").read_text("utf-8")), sources)
        if (folder / "ladders.toml").is_file():
            ladders(tomllib.loads((folder / "ladders.toml").read_text("utf-8")), sources)
        if (folder / "notice.toml").is_file():
            for it in tomllib.loads((folder / "notice.toml").read_text("utf-8"))["measure"]:
                check("a measure has a source", it["source"] in sources, it["text"]["zh"])


def rules(found, sources):
    for rule in found["rule"]:
        check("a rule has a source", rule["source"] in sources, rule["id"])
        check("a rule is titled by its measurement", not any(RESERVED.search(rule["title"][it]) for it in ("zh", "en")),
              rule["title"])
        grades = [it["grade"] for it in rule["level"]]
        check("grades are 1 to 4, the gravest first", grades == sorted(set(grades)) and set(grades) <= {1, 2, 3, 4}, rule["id"])


def ladders(found, sources):
    known = {it["id"] for it in found["ladder"]}
    for ladder in found["ladder"]:
        steps = {it["id"]: it for it in ladder["step"]}
        at, seen = ladder["first"], []
        while at not in FINAL:
            check("a ladder neither loops nor ends nowhere", at in steps and at not in seen, ladder["id"])
            seen.append(at)
            at = steps[at]["then"]
        check("every step is reached", set(seen) == set(steps), ladder["id"])
        check("a ladder has a source", ladder["source"] in sources, ladder["id"])
    levels = found["call_out"]
    same("call-out levels", sorted(it["level"] for it in levels), [1, 2, 3, 4])
    same("each colour once", sorted(it for level in levels for it in level["signals"]), ["blue", "orange", "red", "yellow"])
    same("each grade once", sorted(it for level in levels for it in level["alarms"]), [1, 2, 3, 4])
    check("their ladders exist", all(a["ladder"] in known for level in levels for a in level["audience"]))
    gravest = next(it for it in levels if it["level"] == 1)
    same("level 1 calls everyone", {it["who"] for it in gravest["audience"]},
         {"duty_room", "on_duty", "district", "street", "community"})


def fixtures():
    folder = ROOT / "demo" / "fixtures"
    found = rows(folder / "people-with-faults.csv")
    same("faulty roster", len(found), 356)
    same("rows twice in it", sum(n - 1 for n in Counter(tuple(it.values()) for it in found).values()), 1)
    same("rows without a number", sum(not it["手机"] and not it["备用电话"] for it in found), 1)
    same("one number for many", max(Counter(it["手机"] for it in found).values()), 3)
    with open(folder / "roster-two-headers-gbk.csv", encoding="gbk", newline="") as file:
        same("two header rows under a title", len(list(csv.reader(file))), 3 + 35)


def main():
    codes = regions()
    known = stations(codes)
    first, last = observations(known)
    units, rooms = organisations(codes)
    persons = people(codes, units, rooms)
    names = shifts(units, persons)
    story(first, last, signals(codes), units, names)
    packs()
    fixtures()
    print(f"{len(DONE)} checks hold")


if __name__ == "__main__":
    main()
