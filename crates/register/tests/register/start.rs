//! 拖进一张 Excel: what a bureau's own sheet becomes, and what is said about one that is wrong.

use anlan_kernel::RegionCode;
use anlan_register::{Organisation, Post, Rank, Region};
use anlan_store::journal;
use anlan_testbed::{Caller, Engine, Reply};
use axum::http::Method;
use rstest::rstest;
use rust_xlsxwriter::{Format, Workbook, Worksheet};
use serde_json::{Value as Json, json};

use crate::bed::{Bed, DISTRICT, OTHER, STREET, demo, system};

const GROUPS: [(&str, u16, u16); 6] = [
    ("所在区域", 1, 3),
    ("防护对象", 5, 6),
    ("第一责任人", 7, 12),
    ("副职（B岗）", 13, 17),
    ("技术责任人", 18, 20),
    ("巡查责任人", 21, 22),
];
const ALONE: [(u16, &str); 10] = [
    (0, "序号"),
    (4, "职责类别"),
    (23, "出生年月"),
    (24, "政治面貌"),
    (25, "学历"),
    (26, "管辖人口（万人）"),
    (27, "任职时间"),
    (28, "更新日期"),
    (29, "微信号"),
    (30, "备注"),
];
const DETAILS: [(u16, &str); 21] = [
    (1, "街道"),
    (2, "社区"),
    (3, "责任区/网格"),
    (5, "水库/山塘/地灾点名称"),
    (6, "级别"),
    (7, "姓名"),
    (8, "职务"),
    (9, "单位"),
    (10, "手机号码"),
    (11, "办公电话"),
    (12, "备用电话"),
    (13, "姓名"),
    (14, "职务"),
    (15, "单位"),
    (16, "手机号码"),
    (17, "办公电话"),
    (18, "姓名"),
    (19, "职务"),
    (20, "手机"),
    (21, "姓名"),
    (22, "手机"),
];

/// A bureau's sheet: a title over 31 columns, two rows of titles, and the rows below.
struct Bureau {
    sheet: Worksheet,
    next: u32,
}

impl Bureau {
    fn new() -> Self {
        let mut sheet = Worksheet::new();
        let plain = Format::new();
        sheet.merge_range(0, 0, 0, 30, "罗湖区2024年防汛责任人名册", &plain).unwrap();
        for (title, from, until) in GROUPS {
            sheet.merge_range(1, from, 1, until, title, &plain).unwrap();
        }
        for (at, title) in ALONE {
            sheet.merge_range(1, at, 2, at, title, &plain).unwrap();
        }
        for (at, title) in DETAILS {
            sheet.write_string(2, at, title).unwrap();
        }
        Self { sheet, next: 3 }
    }

    /// Writes cells into the next row; returns its number.
    fn row(&mut self, cells: &[(u16, &str)]) -> usize {
        for (at, text) in cells {
            self.sheet.write_string(self.next, *at, *text).unwrap();
        }
        self.next += 1;
        self.next as usize
    }

    fn bytes(self) -> Vec<u8> {
        book(vec![self.sheet])
    }
}

fn book(sheets: Vec<Worksheet>) -> Vec<u8> {
    let mut book = Workbook::new();
    for it in sheets {
        book.push_worksheet(it);
    }
    book.save_to_buffer().unwrap()
}

/// A sheet of plain rows.
fn rows(rows: &[&[&str]]) -> Vec<u8> {
    let mut sheet = Worksheet::new();
    for (row, cells) in rows.iter().enumerate() {
        for (at, text) in cells.iter().enumerate() {
            sheet.write_string(u32::try_from(row).unwrap(), u16::try_from(at).unwrap(), *text).unwrap();
        }
    }
    book(vec![sheet])
}

async fn keeper(bed: &Bed) -> Caller {
    bed.caller("register_keeper", DISTRICT).await
}

async fn drop_file(keeper: &Caller, bytes: &[u8]) -> Json {
    let reply = keeper.post("/api/v1/drafts?file=roster.xlsx", bytes.to_vec()).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

async fn choose(keeper: &Caller, work: &Json, choices: Json) -> Json {
    let path = format!("/api/v1/drafts/{}", work["id"].as_str().unwrap());
    keeper.send(Method::PUT, &path, "application/json", choices.to_string()).await.json()
}

async fn take(keeper: &Caller, work: &Json) -> Reply {
    keeper.post(&format!("/api/v1/drafts/{}/take", work["id"].as_str().unwrap()), "").await
}

fn keys(work: &Json) -> Vec<&str> {
    work["matching"]["columns"].as_array().unwrap().iter().map(|it| it["key"].as_str().unwrap_or("-")).collect()
}

fn notes(work: &Json, kind: &str) -> usize {
    work["glance"]["notes"][kind].as_array().map_or(0, Vec::len)
}

async fn posts(bed: &Bed) -> Vec<Post> {
    bed.read(&system(), |tx| tx.find("1 = 1", "ORDER BY region, duty, rank, id", &[])).await
}

/// Communities of the demo with the street each lies in.
fn communities() -> Vec<(String, String)> {
    let table = String::from_utf8(demo("saola/regions.csv")).unwrap();
    let lines: Vec<Vec<String>> = table.lines().map(|it| it.split(',').map(str::to_owned).collect()).collect();
    let street = |code: &str| lines.iter().find(|it| it[0] == code).unwrap()[1].clone();
    lines.iter().filter(|it| it[0].len() == 12).map(|it| (street(&it[3]), it[1].clone())).collect()
}

/// 845 rows of three people each.
fn whole_district() -> Vec<u8> {
    const FAMILY: [char; 20] = [
        '赵', '钱', '孙', '李', '周', '吴', '郑', '王', '冯', '陈', '褚', '卫', '蒋', '沈', '韩', '杨', '朱', '秦',
        '尤', '许',
    ];
    const GIVEN: [char; 20] = [
        '安', '澜', '青', '山', '明', '月', '清', '风', '海', '川', '江', '河', '林', '木', '云', '石', '春', '秋',
        '文', '武',
    ];
    let name = |n: usize| -> String { [FAMILY[n % 20], GIVEN[n / 20 % 20], GIVEN[n / 400 % 20]].iter().collect() };
    let phone = |n: usize| format!("154{n:08}");
    let (mut bureau, communities) = (Bureau::new(), communities());
    for n in 0..845 {
        let (street, community) = &communities[n % communities.len()];
        let grid = format!("第{}网格", n + 1);
        let people: Vec<_> = (0..3).map(|it| (name(3 * n + it), phone(3 * n + it))).collect();
        bureau.row(&[
            (0, &(n + 1).to_string()),
            (1, street),
            (2, community),
            (3, &grid),
            (4, "防汛责任人"),
            (7, &people[0].0),
            (8, "主任"),
            (10, &people[0].1),
            (13, &people[1].0),
            (14, "副主任"),
            (16, &people[1].1),
            (21, &people[2].0),
            (22, &people[2].1),
            (24, "中共党员"),
            (26, "1.2万"),
            (27, "2021年3月"),
        ]);
    }
    bureau.row(&[(0, "合计"), (1, "845")]);
    bureau.row(&[(0, "填表人：张三"), (20, "审核：李四")]);
    bureau.bytes()
}

#[rstest]
#[tokio::test]
async fn a_whole_district_comes_out_of_one_sheet(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine);
    let keeper = keeper(&bed).await;
    let work = drop_file(&keeper, &whole_district()).await;
    let wanted = [
        "-",
        "street",
        "community",
        "grid",
        "duty",
        "object",
        "level",
        "lead.name",
        "lead.title",
        "lead.unit",
        "lead.phone",
        "lead.office",
        "lead.spare",
        "deputy_a.name",
        "deputy_a.title",
        "deputy_a.unit",
        "deputy_a.phone",
        "deputy_a.office",
        "technical.name",
        "technical.title",
        "technical.phone",
        "patrol.name",
        "patrol.phone",
        "-",
        "-",
        "-",
        "-",
        "-",
        "-",
        "-",
        "note",
    ];
    assert_eq!(keys(&work), wanted);
    assert_eq!((&work["district"]["name"], &work["problems"]), (&json!("罗湖区"), &json!([])), "{}", work["unclear"]);
    assert_eq!(work["skipped"].as_array().unwrap().len(), 2, "a total and a footer: {}", work["skipped"]);
    let glance = &work["glance"];
    let counts = ["people", "posts", "streets", "communities", "new_regions"].map(|it| glance[it].as_i64().unwrap());
    assert_eq!(counts, [2535, 2535, 10, 109, 120]);
    let found = ["no_number", "bad_number", "shared_number", "no_deputy"].map(|it| notes(&work, it));
    assert_eq!(
        (found, notes(&work, "nobody")),
        ([0, 0, 0, 0], 10),
        "no street has anybody of its own: {}",
        glance["notes"]
    );
    assert_eq!(bed.everybody().await.len(), 0, "nothing is written before");

    let done = take(&keeper, &work).await;
    assert_eq!(
        (done.status, &done.json()["people"], &done.json()["left"]),
        (200, &json!(2535), &json!(0)),
        "{}",
        done.text()
    );
    assert_eq!((bed.everybody().await.len(), posts(&bed).await.len()), (2535, 2535));
    let regions: Vec<Region> = bed.read(&system(), |tx| tx.find("1 = 1", "ORDER BY code", &[])).await;
    assert!(regions.iter().any(|it| it.code.as_str() == STREET && it.name == "桂园街道"), "with their real codes");

    let again = drop_file(&keeper, &whole_district()).await;
    assert_eq!(again["glance"]["counted"], json!([0, 0, 2535]), "the same sheet again changes nothing");
    assert_eq!(take(&keeper, &again).await.json()["counted"], json!([0, 0, 2535]));
    while journal::seal(&bed.world, None).await.unwrap() > 0 {}
    assert!(journal::verify(&bed.world, None).await.is_ok());
}

#[rstest]
#[case::flat(
    &["序号", "街道/镇", "社区/村", "职责类别", "责任人姓名", "职务", "单位", "手机号码", "办公电话", "备用电话", "B岗姓名", "B岗职务", "B岗电话", "备注"],
    &["-", "street", "community", "duty", "lead.name", "lead.title", "lead.unit", "lead.phone", "lead.office", "lead.spare", "deputy_a.name", "deputy_a.title", "deputy_a.phone", "note"],
)]
#[case::persons_by_their_duty(
    &["镇（街）", "村（居）", "第一责任人", "职务", "联系电话", "第二责任人", "职务", "联系电话", "网格员", "电话"],
    &["street", "community", "lead.name", "lead.title", "lead.phone", "deputy_a.name", "deputy_a.title", "deputy_a.phone", "patrol.name", "patrol.phone"],
)]
#[case::the_same_titles_twice(
    &["社区", "姓名", "职务", "手机", "姓名", "职务", "手机"],
    &["community", "lead.name", "lead.title", "lead.phone", "deputy_a.name", "deputy_a.title", "deputy_a.phone"],
)]
#[case::ranks_in_a_column(&["单位", "姓名", "职务", "手机号", "A/B岗", "联系电话"], &["lead.unit", "lead.name", "lead.title", "lead.phone", "rank", "lead.spare"])]
#[case::three_of_a_reservoir(
    &["水库名称", "行政责任人姓名", "行政责任人手机", "技术责任人姓名", "技术责任人手机", "巡查责任人姓名", "巡查责任人手机"],
    &["object", "lead.name", "lead.phone", "technical.name", "technical.phone", "patrol.name", "patrol.phone"],
)]
#[case::street_and_community(
    &["街道", "街道责任人", "职务", "手机", "社区", "社区责任人", "职务", "手机"],
    &["street", "street.name", "street.title", "street.phone", "community", "lead.name", "lead.title", "lead.phone"],
)]
#[case::blanks_stars_and_hints(&["*姓 名", "手机号码（11位）", "街 道", "区划代码"], &["lead.name", "lead.phone", "street", "code"])]
#[case::english(&["name", "mobile", "organisation", "duty", "region_code", "rank"], &["lead.name", "lead.phone", "lead.unit", "duty", "code", "rank"])]
#[tokio::test]
async fn titles_are_recognised_as_bureaus_write_them(#[case] titles: &[&str], #[case] wanted: &[&str]) {
    let bed = Bed::new(Engine::Sqlite);
    let work = drop_file(&keeper(&bed).await, &rows(&[&["罗湖区责任人名册"], titles])).await;
    assert_eq!(keys(&work), wanted);
}

#[tokio::test]
async fn columns_whose_titles_were_swapped_are_told_by_what_stands_in_them() {
    let bed = Bed::new(Engine::Sqlite);
    let sheet = rows(&[
        &["街道", "手机", "姓名"],
        &["桂园街道", "张三", "15400000001"],
        &["黄贝街道", "李四光", "15400000002"],
        &["东门街道", "王五", "0755-25666666"],
    ]);
    let work = drop_file(&keeper(&bed).await, &sheet).await;
    assert_eq!(keys(&work), ["street", "lead.name", "lead.phone"]);
    assert_eq!(work["matching"]["columns"][1]["why"], "samples");
}

const ONE: &[&str] = &["街道", "社区", "姓名", "电话", "编号乙"];

#[tokio::test]
async fn what_was_chosen_for_a_column_is_remembered_for_the_same_titles() {
    let bed = Bed::new(Engine::Sqlite);
    let keeper = keeper(&bed).await;
    let sheet = rows(&[ONE, &["桂园街道", "", "张三", "15400000001", "防汛责任人"]]);
    let work = drop_file(&keeper, &sheet).await;
    assert_eq!(keys(&work), ["street", "community", "lead.name", "lead.phone", "-"]);
    let work = choose(&keeper, &work, json!({"columns": [null, null, null, null, "duty"]})).await;
    assert_eq!(keys(&work)[4], "duty");

    let other = bed.caller("register_keeper", OTHER).await;
    let next_month = rows(&[ONE, &["黄贝街道", "", "李四", "15400000002", "三防责任人"]]);
    let work = drop_file(&other, &next_month).await;
    assert_eq!((keys(&work)[4], &work["matching"]["columns"][4]["why"]), ("duty", &json!("remembered")));
    let strange = drop_file(&other, &rows(&[&["街道", "社区", "姓名", "电话", "编号丙"]])).await;
    assert_eq!(keys(&strange)[4], "-");
}

#[tokio::test]
async fn people_of_one_row_get_posts_of_their_own() {
    let bed = Bed::new(Engine::Sqlite);
    let keeper = keeper(&bed).await;
    let mut bureau = Bureau::new();
    bureau.row(&[
        (1, "桂园街道"),
        (2, "老围社区"),
        (4, "防汛责任人"),
        (5, "东湖水库"),
        (7, "张三"),
        (8, "主任"),
        (9, "老围社区居委会"),
        (10, "15400000001"),
        (11, "25666666"),
        (13, "李四"),
        (16, "15400000002"),
        (18, "王五"),
        (20, "15400000003"),
        (21, "赵六"),
        (22, "15400000004"),
    ]);
    let work = drop_file(&keeper, &bureau.bytes()).await;
    let work = choose(&keeper, &work, json!({"area_code": "0755"})).await;
    assert_eq!(work["problems"], json!([]), "{work}");
    take(&keeper, &work).await;
    let mut found: Vec<_> = posts(&bed).await.into_iter().map(|it| (it.duty, it.rank, it.organisation)).collect();
    found.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    let unit = || "老围社区居委会".to_owned();
    let wanted = [
        ("东湖水库防汛责任人".to_owned(), Rank::Lead, unit()),
        ("东湖水库防汛责任人".to_owned(), Rank::DeputyA, unit()),
        ("东湖水库巡查责任人".to_owned(), Rank::Member, unit()),
        ("东湖水库技术责任人".to_owned(), Rank::Member, unit()),
    ];
    assert_eq!(found, wanted);
    let people = bed.everybody().await;
    let lead = people.iter().find(|it| it.name.as_deref() == Some("张三")).unwrap();
    assert_eq!(lead.spare.as_deref(), Some("075525666666"), "with the area code");
    let unit: Option<Organisation> = bed.read(&system(), |tx| tx.get("老围社区居委会")).await;
    let unit = unit.unwrap();
    assert_eq!((unit.kind.as_str(), unit.region.street()), ("community", RegionCode::parse(STREET).ok()));
}

#[tokio::test]
async fn bad_rows_come_back_in_the_same_sheet_and_good_ones_are_taken() {
    let bed = Bed::new(Engine::Sqlite);
    let keeper = keeper(&bed).await;
    let mut bureau = Bureau::new();
    bureau.row(&[(1, "桂园街道"), (2, "老围社区"), (7, "张三"), (10, "15400000001")]);
    let nameless = bureau.row(&[(1, "桂园街道"), (2, "老围社区"), (10, "15400000002")]);
    let nowhere = bureau.row(&[(1, "月亮街道"), (7, "李四"), (10, "15400000003")]);
    let twice = bureau.row(&[(1, "桂园街道"), (2, "老围社区"), (7, "张三"), (10, "15400000001")]);
    bureau.row(&[(1, "桂园街道"), (7, "王五"), (10, "待补")]);
    bureau.row(&[(1, "黄贝街道"), (7, "赵六")]);
    let work = drop_file(&keeper, &bureau.bytes()).await;
    let found: Vec<_> = work["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["row"].as_u64().unwrap() as usize, it["code"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [(nameless, "empty"), (nowhere, "unknown_region"), (twice, "duplicate")], "{}", work["problems"]);
    assert_eq!([notes(&work, "bad_number"), notes(&work, "no_number")], [1, 1]);

    let id = work["id"].as_str().unwrap();
    let sheet = keeper.get(&format!("/start/{id}/mend.xlsx")).await;
    assert_eq!(sheet.status, 200);
    assert!(
        sheet.headers["content-disposition"].to_str().unwrap().contains("%E9%9C%80%E4%BF%AE%E6%94%B9"),
        "named …-需修改.xlsx"
    );
    let back = drop_file(&keeper, &sheet.body).await;
    assert_eq!(keys(&back)[..31], keys(&work)[..], "the titles are those of the sheet that was dropped");
    assert_eq!(back["problems"].as_array().unwrap().len(), 2, "a row that stood twice is good by itself");

    let mended = choose(&keeper, &work, json!({"places": {"月亮街道": OTHER}})).await;
    assert_eq!(mended["problems"].as_array().unwrap().len(), found.len() - 1, "a name is mended on the page");
    let done = take(&keeper, &mended).await.json();
    assert_eq!(done["left"], found.len() - 1);
    assert!(posts(&bed).await.iter().any(|it| it.region.as_str() == OTHER));
}

#[tokio::test]
async fn the_sheet_most_of_which_is_known_is_read_and_another_can_be_chosen() {
    let bed = Bed::new(Engine::Sqlite);
    let keeper = keeper(&bed).await;
    let (mut cover, mut people, mut few) = (Worksheet::new(), Worksheet::new(), Worksheet::new());
    cover.set_name("说明").unwrap().write_string(0, 0, "本表由三防办填写").unwrap();
    for (at, title) in ["街道", "社区", "姓名", "职务", "手机"].into_iter().enumerate() {
        people.write_string(0, u16::try_from(at).unwrap(), title).unwrap();
    }
    few.set_name("旧表").unwrap().write_string(0, 0, "姓名").unwrap().write_string(0, 1, "手机").unwrap();
    let work = drop_file(&keeper, &book(vec![cover, people, few])).await;
    assert_eq!((&work["sheet"], work["sheets"].as_array().unwrap().len()), (&json!(1), 3));
    let chosen = choose(&keeper, &work, json!({"sheet": 1, "columns": ["", null, null, null, null]})).await;
    assert_eq!(keys(&chosen)[0], "-", "naming the sheet that is read anyway keeps what was chosen for its columns");
    let work = choose(&keeper, &work, json!({"sheet": 2})).await;
    assert_eq!(keys(&work), ["lead.name", "lead.phone"]);
}

#[tokio::test]
async fn cells_merged_downwards_and_cells_written_once_stand_in_every_row() {
    let bed = Bed::new(Engine::Sqlite);
    let keeper = keeper(&bed).await;
    let mut sheet = Worksheet::new();
    for (at, title) in ["街道", "社区", "姓名", "手机"].into_iter().enumerate() {
        sheet.write_string(0, u16::try_from(at).unwrap(), title).unwrap();
    }
    sheet.merge_range(1, 0, 3, 0, "桂园街道", &Format::new()).unwrap();
    for (row, (community, name, phone)) in
        [("", "张三", "15400000001"), ("老围社区", "李四", "15400000002"), ("鹿丹村社区", "王五", "15400000003")]
            .into_iter()
            .enumerate()
    {
        let row = u32::try_from(row).unwrap() + 1;
        sheet
            .write_string(row, 1, community)
            .unwrap()
            .write_string(row, 2, name)
            .unwrap()
            .write_string(row, 3, phone)
            .unwrap();
    }
    let merged = drop_file(&keeper, &book(vec![sheet])).await;
    assert_eq!((&merged["problems"], &merged["glance"]["communities"]), (&json!([]), &json!(2)), "{merged}");
    let text = "街道,社区,姓名,手机\n桂园街道,老围社区,张三,15400000001\n,,李四,15400000002\n,鹿丹村社区,王五,15400000003\n黄贝街道,,赵六,15400000004\n";
    let (gbk, ..) = encoding_rs::GBK.encode(text);
    let once = keeper.post("/api/v1/drafts?file=a.csv", gbk.into_owned()).await.json();
    assert_eq!(
        (&once["problems"], &once["glance"]["communities"], &once["glance"]["streets"]),
        (&json!([]), &json!(2), &json!(2)),
        "{once}"
    );
}

#[tokio::test]
async fn a_district_without_official_communities_is_built_from_the_sheet() {
    let bed = Bed::new(Engine::Sqlite);
    let keeper = bed.caller("register_keeper", "440803").await;
    let sheet = rows(&[
        &["镇街", "村居", "姓名", "手机"],
        &["甲街道", "一社区", "张三", "15400000001"],
        &["甲街道", "二社区", "李四", "15400000002"],
    ]);
    let work = drop_file(&keeper, &sheet).await;
    // Streets are in the official table, so 甲街道 is a fault; it can be made on the page.
    assert_eq!(work["unclear"][0][0]["name"], "甲街道");
    let work = choose(&keeper, &work, json!({"places": {"甲街道": "new"}})).await;
    assert_eq!((&work["problems"], &work["glance"]["communities"]), (&json!([]), &json!(2)), "{work}");
    assert_eq!(take(&keeper, &work).await.status, 200);
    assert!(
        posts(&bed).await.iter().all(|it| it.region.as_str().starts_with("440803900")),
        "a number no official street has"
    );
}

#[rstest]
#[case::old_xls(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "old_format")]
#[case::pdf(b"%PDF-1.7", "not_a_table")]
#[case::torn(b"PK\x03\x04 torn", "not_a_table")]
#[case::nothing(b"", "bad_body")]
#[case::only_blanks(b"\n\n , \n", "bad_sheet")]
#[case::neither_encoding(b"\xe5\xa7\xff\xff\xff,\x80\n", "bad_encoding")]
#[tokio::test]
async fn a_file_that_is_no_roster_is_refused_in_clear_words(#[case] bytes: &[u8], #[case] code: &str) {
    let bed = Bed::new(Engine::Sqlite);
    let keeper = keeper(&bed).await;
    let reply = keeper.post("/api/v1/drafts", bytes.to_vec()).await;
    assert_eq!(reply.refusal(), (400, code.to_owned()));
    let form =
        [b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.xls\"\r\n\r\n", bytes, b"\r\n--x--\r\n"]
            .concat();
    let page = keeper.send(Method::POST, "/start", "multipart/form-data; boundary=x", form).await;
    assert!(
        page.status == 400 && page.text().contains("data-said"),
        "the words stand at the drop zone: {}",
        page.text()
    );
}

#[tokio::test]
async fn a_sheet_without_titles_says_so_and_writes_nothing() {
    let bed = Bed::new(Engine::Sqlite);
    let keeper = keeper(&bed).await;
    let work = drop_file(&keeper, &rows(&[&["甲", "乙"], &["1", "2"]])).await;
    assert_eq!(take(&keeper, &work).await.refusal(), (409, "nothing_to_take".to_owned()));
    let page = keeper.get(&format!("/start/{}", work["id"].as_str().unwrap())).await;
    assert!(page.status == 200 && page.text().contains("没找到表头"));
}

#[tokio::test]
async fn a_draft_is_its_owners_alone_and_is_forgotten() {
    let bed = Bed::new(Engine::Sqlite);
    let (keeper, other) = (keeper(&bed).await, bed.caller("register_keeper", OTHER).await);
    let work = drop_file(&keeper, &rows(&[ONE, &["桂园街道", "", "张三", "15400000001", ""]])).await;
    let path = format!("/api/v1/drafts/{}", work["id"].as_str().unwrap());
    for reply in [
        other.get(&path).await,
        other.post(&format!("{path}/take"), "").await,
        other.send(Method::DELETE, &path, "", "").await,
    ] {
        assert_eq!(reply.refusal(), (404, "no_such_draft".to_owned()));
    }
    let officer = bed.caller("duty_officer", DISTRICT).await;
    assert_eq!(officer.get("/start").await.status, 403);
    assert_eq!(bed.stranger().get(&path).await.status, 401);
    bed.world.clock().move_to(bed.world.now().plus(std::time::Duration::from_secs(25 * 3_600)));
    while anlan_store::deadline::fire_due(&bed.world, &anlan_register::handlers(), None).await.unwrap() > 0 {}
    assert_eq!(keeper.get(&path).await.refusal(), (404, "no_such_draft".to_owned()));
}

#[tokio::test]
async fn after_an_erasure_no_file_waits() {
    let bed = Bed::new(Engine::Sqlite);
    let keeper = keeper(&bed).await;
    let sheet = rows(&[ONE, &["桂园街道", "", "张三", "15400000001", ""]]);
    let work = drop_file(&keeper, &sheet).await;
    take(&keeper, &work).await;
    let waits = drop_file(&keeper, &sheet).await;
    let person = bed.everybody().await[0].id.clone();
    assert_eq!(keeper.post(&format!("/api/v1/people/{person}/erase"), "").await.status, 200);
    let reply = keeper.get(&format!("/api/v1/drafts/{}", waits["id"].as_str().unwrap())).await;
    assert_eq!(reply.refusal(), (404, "no_such_draft".to_owned()));
}

#[tokio::test]
async fn a_keeper_of_one_street_takes_that_street_only() {
    let bed = Bed::district(Engine::Sqlite).await;
    let keeper = bed.caller("register_keeper", STREET).await;
    let sheet =
        rows(&[ONE, &["桂园街道", "", "张三", "15400000001", ""], &["黄贝街道", "", "李四", "15400000002", ""]]);
    let work = drop_file(&keeper, &sheet).await;
    assert_eq!(work["problems"][0]["code"], "out_of_scope", "{work}");
    take(&keeper, &work).await;
    assert_eq!(posts(&bed).await.iter().map(|it| it.region.to_string()).collect::<Vec<_>>(), [STREET]);
}

#[tokio::test]
async fn the_pages_mask_numbers_and_lead_an_empty_register_to_its_first_page() {
    let bed = Bed::new(Engine::Sqlite);
    let keeper = keeper(&bed).await;
    let first = keeper.get("/start/first").await;
    assert_eq!((first.status, first.headers["location"].to_str().unwrap()), (303, "/start"));
    assert!(keeper.get("/start").await.text().contains("multipart/form-data"), "a file can be sent without script");
    let sheet =
        rows(&[ONE, &["桂园街道", "", "张三", "15400000001", ""], &["月亮街道", "", "李四", "15400000002", ""]]);
    let work = drop_file(&keeper, &sheet).await;
    let path = format!("/start/{}", work["id"].as_str().unwrap());
    let page = keeper.get(&path).await.text();
    assert!(page.contains("154****0001") && !page.contains("15400000001") && page.contains("place:月亮街道"), "{page}");
    let form = |text: &str| text.to_owned();
    let kind = "application/x-www-form-urlencoded";
    let mended = keeper
        .send(Method::POST, &path, kind, form("place%3A%E6%9C%88%E4%BA%AE%E8%A1%97%E9%81%93=440303002&c4=note"))
        .await;
    assert_eq!(mended.status, 303, "{}", mended.text());
    let taken = keeper.send(Method::POST, &format!("{path}/take"), kind, form("")).await;
    assert_eq!(taken.status, 303, "{}", taken.text());
    let page = keeper.get(&path).await.text();
    assert!(page.contains("/tests/new") && bed.everybody().await.len() == 2, "{page}");
    assert_eq!(keeper.send(Method::POST, &format!("{path}/take"), kind, form("")).await.status, 409, "once");
    assert_eq!(keeper.get("/start/first").await.headers["location"].to_str().unwrap(), "/");
}

mod matching {
    use std::collections::BTreeSet;

    use anlan_kernel::Text;
    use anlan_register::import::matching::{Family, Known, Looks, Seen, Target, Why, digest, recognise};
    use proptest::prelude::*;

    /// A target of its own: any kind of record brings one.
    fn target() -> Target {
        let known = |key: &str, titles: &[&str], family, looks| Known {
            key: key.into(),
            label: Text::new(key, key),
            titles: titles.iter().map(|it| (*it).to_owned()).collect(),
            family,
            looks,
            required: false,
        };
        Target {
            kind: "shelter".into(),
            columns: vec![
                known("name", &["避难场所名称", "名称"], None, Looks::Any),
                known("keeper", &["管理员", "姓名"], Some("keeper"), Looks::Name),
                known("phone", &["手机", "电话"], Some("keeper"), Looks::Phone),
                known("other", &["副管理员", "姓名"], Some("other"), Looks::Name),
                known("other_phone", &["手机", "电话"], Some("other"), Looks::Phone),
            ],
            families: vec![
                Family { id: "other", words: &["副管理员"], order: 2 },
                Family { id: "keeper", words: &["管理员"], order: 1 },
            ],
        }
    }

    fn seen(titles: &[String]) -> Vec<Seen> {
        titles.iter().map(|it| Seen { title: it.clone(), ..Seen::default() }).collect()
    }

    proptest! {
        #[test]
        fn whatever_the_titles_no_key_stands_twice(
            titles in prop::collection::vec(prop::sample::select(vec![
                "名称", "姓名", "手机", "电话", "副管理员", "管理员", "副管理员电话", "", "备注", "避难场所名称（全称）",
            ]), 0..24),
            chosen in prop::collection::vec(prop::option::of(prop::sample::select(vec!["", "name", "keeper", "phone"])), 0..24),
        ) {
            let titles: Vec<String> = titles.into_iter().map(str::to_owned).collect();
            let (target, seen) = (target(), seen(&titles));
            let mut matching = recognise(&seen, &target);
            prop_assert_eq!(matching.columns.len(), seen.len());
            prop_assert_eq!(&matching, &recognise(&seen, &target), "the same titles mean the same");
            let chosen: Vec<Option<String>> = chosen.into_iter().map(|it| it.map(str::to_owned)).collect();
            matching.choose(&chosen, Why::Chosen);
            let keys: Vec<&String> = matching.columns.iter().filter_map(|it| it.key.as_ref()).collect();
            prop_assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        }

        #[test]
        fn titles_are_known_again_whatever_blanks_and_stars_stand_in_them(titles in prop::collection::vec("[a-z姓名手机]{1,6}", 1..12)) {
            let dressed: Vec<String> = titles.iter().map(|it| format!(" *{it}： ")).collect();
            prop_assert_eq!(digest(&seen(&titles)), digest(&seen(&dressed)));
            let mut other = titles.clone();
            other.push("另一列".into());
            prop_assert_ne!(digest(&seen(&titles)), digest(&seen(&other)));
        }
    }
}
