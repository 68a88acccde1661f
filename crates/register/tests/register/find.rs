//! One box finds anything the reader may see, and nothing else.

use std::collections::BTreeSet;

use anlan_kernel::{Actor, RegionCode};
use anlan_register::{
    Hooks, erase,
    find::{self, Ask, Count, Entry, Hit, Why, Word},
};
use anlan_store::{Clock, StoreError, Tx, Urgency, World, WorldConfig, backup, rebuild};
use anlan_testbed::{Engine, NOON};
use proptest::prelude::*;
use rstest::rstest;

use crate::bed::{Bed, DISTRICT, MODULES, OTHER, STREET, clerk, code, system};

const CREDIT: &str = "91440300MA5F4L2K8X";

/// Subject, region, title, detail, words.
type Thing = (&'static str, &'static str, &'static str, &'static str, Vec<Word<'static>>);

fn things() -> Vec<Thing> {
    vec![
        ("record:ridge", "440303001002", "打鼓岭雨量站", "红岭路2068号", vec![Word::Phone("0755-25666666")]),
        ("record:pond", STREET, "桂园水库", "打鼓岭旁", vec![Word::Name("新塘")]),
        (
            "record:firm",
            STREET,
            "深圳市长乐五金有限公司",
            "宝安南路3号楼",
            vec![Word::Code(CREDIT), Word::Phone("15400000042")],
        ),
        ("record:noodles", OTHER, "重庆小面（东门店）", "东门中路1号", vec![Word::Plate("粤B12D45")]),
        ("record:village", OTHER, "单家村B座", "Ｐｕｍｐ House 7", vec![]),
        ("record:green", DISTRICT, "绿道驿站", "", vec![Word::Address("仙桐路12号"), Word::Text("备用发电机")]),
        ("record:long", DISTRICT, "深圳市罗湖区清水河街道银湖社区卫生服务中心分站", "", vec![]),
    ]
}

async fn filled(engine: Engine) -> Bed {
    let bed = Bed::new(engine);
    put(&bed, things()).await;
    bed
}

async fn put(bed: &Bed, things: Vec<Thing>) {
    bed.write(move |tx| {
        let regions: Vec<RegionCode> = things.iter().map(|it| code(it.1)).collect();
        let entries: Vec<Entry<'_>> = things
            .iter()
            .zip(&regions)
            .map(|(it, region)| Entry {
                subject: it.0,
                kind: "place",
                region,
                title: it.2,
                detail: it.3,
                words: it.4.clone(),
                personal: false,
            })
            .collect();
        find::put_many(tx, &entries)
    })
    .await;
}

async fn hits_of(bed: &Bed, by: &Actor, text: &str, clear: bool) -> Vec<Hit> {
    let text = text.to_owned();
    bed.read(by, move |tx| find::search(tx, &Ask { text: &text, kinds: None, without: &[], most: 50, clear })).await
}

async fn found(bed: &Bed, by: &Actor, text: &str) -> Vec<String> {
    hits_of(bed, by, text, true)
        .await
        .into_iter()
        .map(|it| it.subject.trim_start_matches("record:").to_owned())
        .collect()
}

async fn counted(bed: &Bed, by: &Actor, text: &str, clear: bool) -> Vec<Count> {
    let text = text.to_owned();
    bed.read(by, move |tx| find::counts(tx, &Ask { text: &text, kinds: None, without: &[], most: 50, clear })).await
}

#[rstest]
#[case::title("打鼓岭", &["ridge", "pond"])]
#[case::part_of_a_title("雨量", &["ridge"])]
#[case::one_character("岭", &["ridge"])]
#[case::initials("dgl", &["ridge"])]
#[case::two_initials("dg", &["ridge"])]
#[case::long_initials("dglylz", &["ridge"])]
#[case::initials_inside("ylz", &["ridge"])]
#[case::spelling("daguling", &["ridge"])]
#[case::spelling_cut_off("dagul", &["ridge"])]
#[case::spelling_inside("yuliang", &["ridge"])]
#[case::one_syllable("ling", &["ridge"])]
#[case::capitals("DGL", &["ridge"])]
#[case::another_name("新塘", &["pond"])]
#[case::another_name_spelled("xint", &["pond"])]
#[case::heteronym("chongqing", &["noodles"])]
#[case::heteronym_read_wrong("zhongqing", &["noodles"])]
#[case::heteronym_initials("cqxm", &["noodles"])]
#[case::long_le("changle", &["firm"])]
#[case::long_yue("changyue", &["firm"])]
#[case::family_name("shanjia", &["village"])]
#[case::family_name_read_wrong("danjia", &["village"])]
#[case::v_for_u("lvdao", &["green"])]
#[case::whole_number("0755 2566 6666", &["ridge"])]
#[case::tail("6666", &["ridge"])]
#[case::mobile_tail("0042", &["firm"])]
#[case::longer_tail("00000042", &["firm"])]
#[case::three_digits_are_no_tail("666", &[])]
#[case::beginning_of_a_number("1540", &[])]
#[case::credit_code("91440300MA5F4L2K8X", &["firm"])]
#[case::small_letters("91440300ma5f4l2k8x", &["firm"])]
#[case::beginning_of_a_code("91440300", &["firm"])]
#[case::end_of_a_code("2k8x", &[])]
#[case::plate("粤B12D45", &["noodles"])]
#[case::plate_without_province("B12D45", &["noodles"])]
#[case::plate_with_a_dot("粤B·12D45", &["noodles"])]
#[case::end_of_a_plate("12d45", &["noodles"])]
#[case::address("红岭路2068号", &["ridge"])]
#[case::address_cut_off("红岭路206", &["ridge"])]
#[case::address_number("宝安南路3号", &["firm"])]
#[case::another_number("宝安南路4号", &[])]
#[case::address_word("仙桐路", &["green"])]
#[case::text("发电机", &["green"])]
#[case::full_width("pump", &["village"])]
#[case::letters_and_characters("B座", &["village"])]
#[case::two_words("打鼓岭 红岭路", &["ridge"])]
#[case::words_in_any_order("水库 guiyuan", &["pond"])]
#[case::spelling_and_characters("dgl 雨量", &["ridge"])]
#[case::characters_and_tail("打鼓岭 6666", &["ridge"])]
#[case::one_word_is_missing("打鼓岭 宝安", &[])]
#[case::a_long_spelling("shenzhenshiluohuquqingshuihejiedaoyinhu", &["long"])]
#[case::a_long_spelling_that_ends_elsewhere("shenzhenshiluohuquqingshuihejiedaobuxin", &[])]
#[case::nothing("", &[])]
#[case::signs("\"' & | * ( ! :", &[])]
#[case::signs_around("（打鼓岭雨量站）", &["ridge"])]
#[case::nobody("不存在", &[])]
#[tokio::test]
async fn a_thing_is_found_as_people_type(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] text: &str,
    #[case] want: &[&str],
) {
    let bed = filled(engine).await;
    assert_eq!(found(&bed, &system(), text).await, want, "{text}");
}

#[rstest]
#[tokio::test]
async fn the_nearest_comes_first_and_says_why(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine);
    let things: Vec<Thing> = vec![
        ("record:1", STREET, "旧清水河泵站", "", vec![]),
        ("record:2", STREET, "清水河桥", "", vec![]),
        ("record:3", STREET, "清水河", "", vec![]),
        ("record:4", STREET, "银湖闸", "清水河边", vec![]),
        ("record:5", STREET, "清水河东桥", "", vec![]),
    ];
    put(&bed, things.clone()).await;
    let want = [
        ("record:3", Why::Key),
        ("record:2", Why::Start),
        ("record:5", Why::Start),
        ("record:1", Why::Title),
        ("record:4", Why::Words),
    ];
    for _ in 0..2 {
        let hits = hits_of(&bed, &system(), "清水河", true).await;
        let hits: Vec<_> = hits.iter().map(|it| (it.subject.as_str(), it.why)).collect();
        assert_eq!(hits, want);
        put(&bed, things.iter().rev().cloned().collect()).await;
    }
    let spelled = hits_of(&bed, &system(), "qsh", true).await;
    assert_eq!(spelled.iter().map(|it| it.why).collect::<Vec<_>>(), [Why::Start, Why::Start, Why::Start, Why::Title]);
}

#[rstest]
#[tokio::test]
async fn what_is_changed_or_removed_is_found_no_more(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = filled(engine).await;
    put(&bed, vec![("record:ridge", OTHER, "梧桐山雨量站", "", vec![])]).await;
    assert_eq!(found(&bed, &system(), "dgl").await, [] as [&str; 0]);
    assert_eq!(found(&bed, &system(), "6666").await, [] as [&str; 0]);
    assert_eq!(found(&bed, &system(), "雨量").await, ["ridge"]);
    assert_eq!(found(&bed, &clerk(STREET), "雨量").await, [] as [&str; 0], "it moved to another street");
    bed.write(|tx| find::remove(tx, "record:ridge")).await;
    assert_eq!(found(&bed, &system(), "雨量").await, [] as [&str; 0]);
    let failed: Result<(), StoreError> = bed
        .world
        .write("test", Urgency::Urgent, &system(), |tx| {
            find::remove(tx, "record:pond")?;
            Err(StoreError::Io("no".into()))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(found(&bed, &system(), "水库").await, ["pond"], "all or nothing");
}

#[rstest]
#[case::street(STREET, &["firm", "pond", "ridge"])]
#[case::other(OTHER, &["noodles", "village"])]
#[case::community("440303001002", &["ridge"])]
#[case::another_community("440303001003", &[])]
#[case::between_levels("4403030", &["firm", "noodles", "pond", "ridge", "village"])]
#[case::district(DISTRICT, &["firm", "green", "long", "noodles", "pond", "ridge", "village"])]
#[case::another_district("440304", &[])]
#[tokio::test]
async fn nobody_finds_or_counts_what_lies_elsewhere(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] area: &str,
    #[case] want: &[&str],
) {
    let bed = filled(engine).await;
    let by = clerk(area);
    let words = [
        "打鼓岭",
        "桂园",
        "水库",
        "changle",
        "chongqing",
        "单家",
        "lvdao",
        "shenzhen",
        "6666",
        "0042",
        "9144",
        "12d45",
    ];
    let mut seen = BTreeSet::new();
    for word in words {
        let hits = found(&bed, &by, word).await;
        let counts = counted(&bed, &by, word, true).await;
        assert_eq!(counts.iter().map(|it| it.count).sum::<usize>(), hits.len(), "{word}: {counts:?} {hits:?}");
        seen.extend(hits);
    }
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), want);
    let nowhere = Actor { scope: anlan_kernel::Scope::Regions(vec![]), ..by };
    assert_eq!(found(&bed, &nowhere, "打鼓岭").await, [] as [&str; 0]);
}

const ROWS: [&str; 3] = [
    "单重阳,15400007777,15400008888,桂园街道办事处,负责人,三防责任人,街道,440303001,桂园街道,主责,",
    "单重阳明,15400001111,,桂园街道办事处,值班员,三防责任人,街道,440303001,桂园街道,副A,",
    "李四,15400000002,,黄贝街道办事处,负责人,防汛责任人,街道,440303002,黄贝街道,主责,",
];

#[rstest]
#[case::name("单重阳", &["单重阳", "单重阳明"])]
#[case::initials("scy", &["单重阳", "单重阳明"])]
#[case::spelling("shanchongyang", &["单重阳", "单重阳明"])]
#[case::end_of_a_number("7777", &["单重阳"])]
#[case::end_of_the_spare("8888", &["单重阳"])]
#[case::whole_number("154 0000 7777", &["单重阳"])]
#[case::a_hidden_digit("07777", &[])]
#[case::name_and_post("scy 值班员", &["单重阳明"])]
#[tokio::test]
async fn whoever_sees_names_finds_people_by_any_part(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] text: &str,
    #[case] want: &[&str],
) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &ROWS).await;
    let hits = hits_of(&bed, &clerk(STREET), text, true).await;
    let people: Vec<_> = hits.iter().filter(|it| it.kind == find::PERSON).map(|it| it.title.as_str()).collect();
    assert_eq!(people, want);
}

#[rstest]
#[case::whole_name("单重阳", &["单**"])]
#[case::whole_number("15400007777", &["单**"])]
#[case::whole_spare("15400008888", &["单**"])]
#[case::part_of_the_name("重阳", &[])]
#[case::family_name("单", &[])]
#[case::initials("scy", &[])]
#[case::spelling("shanchongyang", &[])]
#[case::end_of_the_number("7777", &[])]
#[case::post("三防责任人", &[])]
#[case::name_and_post("单重阳 负责人", &[])]
#[tokio::test]
async fn whoever_sees_no_names_finds_a_person_by_the_whole_alone(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] text: &str,
    #[case] want: &[&str],
) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &ROWS).await;
    let hits = hits_of(&bed, &clerk(STREET), text, false).await;
    let people: Vec<_> = hits.iter().filter(|it| it.kind == find::PERSON).map(|it| it.title.as_str()).collect();
    assert_eq!(people, want);
    let counts = counted(&bed, &clerk(STREET), text, false).await;
    let people = counts.iter().find(|it| it.kind == find::PERSON).map_or(0, |it| it.count);
    assert_eq!(people, want.len(), "nor are they counted");
}

#[rstest]
#[tokio::test]
async fn an_import_is_found_at_once_and_a_correction_replaces_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &ROWS).await;
    let kinds = |hits: Vec<Hit>| hits.into_iter().map(|it| it.kind).collect::<Vec<_>>();
    assert_eq!(kinds(hits_of(&bed, &clerk(STREET), "440303001", true).await)[0], find::REGION);
    assert!(kinds(hits_of(&bed, &clerk(DISTRICT), "lhqswj", true).await).contains(&find::ORGANISATION.to_owned()));
    let posts = hits_of(&bed, &clerk(STREET), "三防责任人", true).await;
    assert_eq!(posts.iter().filter(|it| it.kind == find::POST).count(), 2, "{posts:?}");
    bed.people(&system(), &[&ROWS[0].replace("15400007777", "15400009999")]).await;
    assert_eq!(hits_of(&bed, &system(), "7777", true).await, []);
    assert_eq!(hits_of(&bed, &system(), "9999", true).await.len(), 1);
    let unit = "编号,名称,区划代码,类别\nguiyuan-new,蔡屋围服务站,440303001,street\n";
    bed.import(&system(), "organisations", unit.as_bytes(), "o.csv").await.unwrap();
    assert_eq!(hits_of(&bed, &clerk(STREET), "cww", true).await[0].title, "蔡屋围服务站");
    assert_eq!(hits_of(&bed, &clerk(OTHER), "cww", true).await, []);
}

#[rstest]
#[tokio::test]
async fn an_erasure_takes_the_person_out_in_the_same_transaction(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &ROWS).await;
    let id = bed.everybody().await.into_iter().find(|it| it.name.as_deref() == Some("李四")).unwrap().id;
    let gone = id.clone();
    bed.world
        .write("erase", Urgency::Urgent, &system(), move |tx| {
            assert!(erase(tx, &Hooks::default(), &gone)?);
            let ask = Ask { text: "李四", kinds: None, without: &[], most: 9, clear: true };
            assert_eq!(find::search(tx, &ask)?, []);
            Ok(())
        })
        .await
        .unwrap();
    for text in ["李四", "ls", "0002", "15400000002", "防汛责任人"] {
        let hits = hits_of(&bed, &system(), text, true).await;
        assert!(hits.iter().all(|it| !it.subject.contains("000000003")), "{text}: {hits:?}");
    }
    find::rebuild(&bed.world, &[]).await.unwrap();
    assert_eq!(hits_of(&bed, &system(), "李四", true).await, [], "nor does it come back");
}

#[rstest]
#[tokio::test]
async fn an_index_that_is_lost_is_made_again(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &ROWS).await;
    let asked = ["scy", "三防责任人", "440303", "应急管理局", "9999"];
    let mut before = Vec::new();
    for text in asked {
        before.push((hits_of(&bed, &system(), text, true).await, counted(&bed, &system(), text, true).await));
    }
    rebuild(&bed.world).await.unwrap();
    find::rebuild(&bed.world, &[]).await.unwrap();
    for (text, before) in asked.into_iter().zip(&before) {
        let after = (hits_of(&bed, &system(), text, true).await, counted(&bed, &system(), text, true).await);
        assert_eq!(after, *before, "{text}");
    }
    bed.world.tamper("DELETE FROM derived_finder");
    assert_eq!(hits_of(&bed, &system(), "scy", true).await, []);
    find::ready(&bed.world, &[]).await.unwrap();
    assert_eq!(hits_of(&bed, &system(), "scy", true).await, before[0].0);
    bed.write(|tx| find::remove(tx, "region:440303001")).await;
    find::ready(&bed.world, &[]).await.unwrap();
    let left = hits_of(&bed, &system(), "440303001", true).await;
    assert!(left.iter().all(|it| it.subject != "region:440303001"), "what is ready is left alone: {left:?}");
}

#[rstest]
#[case(Engine::Sqlite, Engine::Postgres)]
#[case(Engine::Postgres, Engine::Sqlite)]
#[tokio::test]
async fn the_index_is_in_no_backup_and_is_made_after_a_restore(#[case] from: Engine, #[case] to: Engine) {
    let bed = Bed::district(from).await;
    bed.people(&system(), &ROWS).await;
    let file = bed.world.folder().join("it.backup");
    let written = backup::backup(&bed.world, &file).await.unwrap();
    let fresh = anlan_testbed::world(to, Clock::driven(NOON), MODULES);
    fresh.tamper("DELETE FROM world");
    let config = WorldConfig { keys: bed.world.keys().clone(), ..fresh.config(Clock::driven(NOON)) };
    let restored = fresh.again_as(config);
    assert_eq!(backup::restore(&restored, &file).await.unwrap().rows, written.rows);
    assert!(!find::is_ready(&restored).await.unwrap());
    find::ready(&restored, &[]).await.unwrap();
    assert!(find::is_ready(&restored).await.unwrap());
    let ask = |tx: &mut Tx<'_>| {
        let hits = find::search(tx, &Ask { text: "scy", kinds: None, without: &[], most: 9, clear: true })?;
        Ok(hits.into_iter().map(|it| it.title).collect::<Vec<_>>())
    };
    assert_eq!(restored.read(&clerk(STREET), ask).await.unwrap(), ["单重阳", "单重阳明"]);
}

#[tokio::test]
async fn a_new_world_is_ready_and_stays_untouched() {
    let mut world = anlan_testbed::world(Engine::Sqlite, Clock::driven(NOON), MODULES);
    find::ready(&world, &[]).await.unwrap();
    let place = world.place().clone();
    world.reopen();
    assert!(World::remove_untouched(&place, true).unwrap());
}

#[rstest]
#[tokio::test]
async fn who_may_see_neither_people_nor_the_register_is_turned_away(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &ROWS).await;
    put(&bed, things()).await;
    let auditor = bed.caller("audit_admin", DISTRICT).await;
    for path in ["/find?q=scy", "/api/v1/find?q=scy"] {
        assert_eq!((bed.stranger().get(path).await.status, auditor.get(path).await.status), (401, 403), "{path}");
    }
    let street = bed.caller("street_officer", STREET).await;
    let items = street.get("/api/v1/find?q=scy&limit=1").await.json()["items"].clone();
    assert_eq!((items.as_array().unwrap().len(), items[0]["title"].as_str()), (1, Some("单重阳")));
    assert_eq!(items[0]["url"].as_str(), Some("/people?q=%E5%8D%95%E9%87%8D%E9%98%B3"));
    let items = street.get("/api/v1/find?q=dgl&kinds=person").await.json()["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 0, "of the kinds asked for only");
    let page = street.get("/find?q=%E4%B8%89%E9%98%B2%E8%B4%A3%E4%BB%BB%E4%BA%BA").await.text();
    for part in ["<h2>责任人</h2><span class=\"num\">2</span>", "<h2>岗位</h2>", "单重阳 · 桂园街道办事处 负责人"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("15400007777") && !page.contains("李四"));
    let nothing = street.in_english().get("/find?q=zzzz").await.text();
    assert!(nothing.contains("Nothing found in your duty areas"), "{nothing}");
}

fn titles() -> impl Strategy<Value = Vec<String>> {
    // Common characters, heteronyms among them, letters and digits.
    let letters = "深圳市罗湖区重庆长乐单行都石会车六绿女站水库桥闸山河路号栋村A3b9".chars().collect::<Vec<_>>();
    let title = proptest::collection::vec(proptest::sample::select(letters), 2..24);
    proptest::collection::vec(title.prop_map(|it| it.into_iter().collect()), 1..8)
}

#[rstest]
fn whatever_was_put_is_found_by_every_pair_and_by_its_spelling(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let bed = runtime.block_on(filled(engine));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        max_shrink_iters: 100,
        ..ProptestConfig::with_cases(4)
    });
    let outcome = runner.run(&titles(), |titles| {
        runtime.block_on(async {
            for (i, title) in titles.iter().enumerate() {
                let (subject, title, region) = (format!("record:{i}"), title.clone(), code(STREET));
                bed.write(move |tx| {
                    let none = Vec::new();
                    let (subject, title) = (subject.as_str(), title.as_str());
                    let entry = Entry {
                        subject,
                        kind: "place",
                        region: &region,
                        title,
                        detail: "",
                        words: none,
                        personal: false,
                    };
                    find::put(tx, &entry)
                })
                .await;
            }
            for (i, title) in titles.iter().enumerate() {
                for question in questions(title) {
                    let hits = found(&bed, &clerk(STREET), &question).await;
                    prop_assert!(hits.contains(&i.to_string()), "{title} by {question}: {hits:?}");
                }
            }
            Ok(())
        })
    });
    outcome.unwrap();
}

/// Every pair of characters, the whole title, its spelling and its initials.
fn questions(title: &str) -> Vec<String> {
    use pinyin::ToPinyin as _;
    let letters: Vec<char> = title.chars().collect();
    let syllable =
        |it: char| it.to_pinyin().map_or_else(|| it.to_lowercase().to_string(), |it| it.plain().replace('ü', "v"));
    let spelling: String = letters.iter().map(|it| syllable(*it)).collect();
    let initials: String = letters.iter().map(|it| syllable(*it).remove(0)).collect();
    let pairs = letters.windows(2).filter(|it| it.iter().all(|it| !it.is_ascii())).map(|it| it.iter().collect());
    pairs.chain([title.to_owned(), spelling, initials]).collect()
}
