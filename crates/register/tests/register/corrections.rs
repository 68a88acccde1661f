//! A newer roster over an older one: numbers that changed, people who are others, posts that are gone.

use anlan_kernel::Lang;
use anlan_register::{Person, Post, import};
use anlan_store::journal;
use anlan_testbed::Engine;
use rstest::rstest;

use crate::bed::{Bed, clerk, system, table};

const UNIT: &str = "桂园街道办事处";

fn row(name: &str, phone: &str, spare: &str, duty: &str) -> String {
    format!("{name},{phone},{spare},{UNIT},负责人,{duty},街道,440303001,桂园街道,主责,")
}

async fn take(bed: &Bed, rows: &[String]) -> import::Report {
    bed.people(&system(), &rows.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// Name, number and spare number of everybody, by id.
async fn numbers(bed: &Bed) -> Vec<(String, Option<String>, Option<String>)> {
    bed.everybody().await.into_iter().map(|it| (it.name.unwrap(), it.phone, it.spare)).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|it| !it.is_empty())
}

#[rstest]
#[case::a_new_number("15400000001", "", "15400000009", "", ("15400000009", ""), 1)]
#[case::a_first_number("", "", "15400000009", "", ("15400000009", ""), 1)]
#[case::a_number_left_out("15400000001", "", "", "", ("15400000001", ""), 0)]
#[case::a_new_spare("15400000001", "15400000011", "15400000001", "15400000019", ("15400000001", "15400000019"), 1)]
#[case::a_first_spare("15400000001", "", "15400000001", "15400000019", ("15400000001", "15400000019"), 0)]
#[case::both("15400000001", "15400000011", "15400000009", "15400000019", ("15400000009", "15400000019"), 1)]
#[case::the_spare_moves_up("15400000001", "15400000011", "15400000011", "", ("15400000011", ""), 1)]
#[tokio::test]
async fn a_corrected_number_changes_the_person_who_holds_the_posts(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] phone: &str,
    #[case] spare: &str,
    #[case] new_phone: &str,
    #[case] new_spare: &str,
    #[case] want: (&str, &str),
    #[case] notes: usize,
) {
    let bed = Bed::district(engine).await;
    take(&bed, &["防汛责任人", "防台风责任人"].map(|duty| row("张三", phone, spare, duty))).await;
    let newer = ["防汛责任人", "防台风责任人"].map(|duty| row("张三", new_phone, new_spare, duty));
    let text = table(&newer.each_ref().map(String::as_str));
    let dry = import::run(&bed.world, &system(), "people", text.as_bytes(), "people.csv", true).await.unwrap();
    assert_eq!((dry.new, dry.notes.len()), (0, notes), "{:?}", dry.notes);
    for note in &dry.notes {
        let (zh, en) = (note.sentence(Lang::Zh), note.sentence(Lang::En));
        assert!(zh.starts_with("第2行 [手机] 号码更改：") && en.contains("number changed: "), "{zh} {en}");
        assert!(!zh.contains(new_phone) || new_phone.is_empty(), "masked: {zh}");
    }
    let done = take(&bed, &newer).await;
    assert_eq!((done.new, &done.notes), (0, &dry.notes));
    assert_eq!(numbers(&bed).await, [("张三".to_owned(), some(want.0), some(want.1))]);
    let posts = bed.read(&system(), |tx| tx.count::<Post>("1 = 1", &[])).await;
    assert_eq!(posts, 2, "the posts are the same");
    while journal::seal(&bed.world, None).await.unwrap() > 0 {}
    let entries = journal::after(&bed.world, &system(), 0, 100_000).await.unwrap();
    assert_eq!(entries.iter().filter(|it| it.event == "person.renumbered").count(), notes);
    let again = take(&bed, &newer).await;
    assert_eq!((again.new, again.changed, again.same, again.notes.len()), (0, 0, 2, 0));
}

#[rstest]
#[case::the_end("15400000009", "手机 154****0001 → 154****0009", "phone 154****0001 → 154****0009")]
#[case::the_middle("15490000001", "154****0001（改在隐去的几位）", "154****0001 (in the hidden digits)")]
#[tokio::test]
async fn a_number_that_changed_is_seen_to_have_changed(#[case] newer: &str, #[case] zh: &str, #[case] en: &str) {
    let bed = Bed::district(Engine::Sqlite).await;
    take(&bed, &[row("张三", "15400000001", "", "防汛责任人")]).await;
    let notes = take(&bed, &[row("张三", newer, "", "防汛责任人")]).await.notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].message.zh.ends_with(zh) && notes[0].message.en.ends_with(en), "{notes:?}");
}

#[rstest]
#[case::both_stand_in_the_file(&[("张三", "15400000001"), ("张三", "15400000002")])]
#[case::another_name(&[("张四", "15400000002")])]
#[tokio::test]
async fn whoever_is_somebody_else_is_made_anew(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] newer: &[(&str, &str)],
) {
    let bed = Bed::district(engine).await;
    take(&bed, &[row("张三", "15400000001", "", "防汛责任人")]).await;
    let newer: Vec<_> = newer.iter().map(|it| row(it.0, it.1, "", "防汛责任人")).collect();
    assert!(take(&bed, &newer).await.notes.is_empty());
    let people = numbers(&bed).await;
    assert_eq!((people.len(), people[0].1.as_deref()), (2, Some("15400000001")), "{people:?}");
}

#[rstest]
#[tokio::test]
async fn two_of_one_name_at_one_post_are_not_taken_for_each_other(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    take(&bed, &["15400000001", "15400000002"].map(|phone| row("张三", phone, "", "防汛责任人"))).await;
    let report = take(&bed, &[row("张三", "15400000003", "", "防汛责任人")]).await;
    assert_eq!((report.new, report.missing, report.notes.len()), (1, 2, 0), "an officer has to look");
    assert_eq!(numbers(&bed).await.len(), 3);
}

#[rstest]
#[tokio::test]
async fn posts_that_a_newer_file_leaves_out_are_counted_and_stay(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    let other = "李四,15400000002,,黄贝街道办事处,负责人,防汛责任人,街道,440303002,黄贝街道,主责,".to_owned();
    let both = [row("张三", "15400000001", "", "防汛责任人"), row("王五", "15400000005", "", "防台风责任人")];
    assert_eq!(take(&bed, &[both[0].clone(), both[1].clone(), other]).await.missing, 0);
    let report = take(&bed, &both[..1]).await;
    assert_eq!((report.same, report.missing), (1, 1), "of the units of the file only");
    assert_eq!(bed.read(&system(), |tx| tx.count::<Person>("1 = 1", &[])).await, 3, "and nobody is deleted");
    let own = bed.people(&clerk("440303001"), &[both[1].as_str()]).await;
    assert_eq!((own.same, own.missing), (1, 1));
}
