//! How a notice moves, without store, clock or carrier.

use std::time::Duration;

use anlan_kernel::{Instant, RegionCode};
use anlan_register::Who;
use anlan_warn::notice::{
    Content, Kind, Notice, Paper, Standing,
    flow::{Decision, Effect, Event, SIGNATURE_WITHIN, apply},
    model::{Facts, Place},
};
use proptest::prelude::*;
use rstest::rstest;

const NOON: Instant = Instant::from_secs(1_693_540_800);

fn code(text: &str) -> RegionCode {
    RegionCode::parse(text).unwrap()
}

fn content(words: &str) -> Content {
    Content {
        title: format!("台风风险提示单{words}"),
        facts: Facts::default(),
        advice: words.into(),
        measures: vec!["停止户外作业".into()],
        places: vec![Place { code: code("440303"), name: "罗湖区".into() }],
        until: NOON.plus(Duration::from_secs(36_000)),
        audience: vec![Who::DutyRoom],
        reason: words.into(),
    }
}

fn blank() -> Notice {
    Notice {
        id: "wp.n1".into(),
        process: "wp".into(),
        hazard: "typhoon".into(),
        region: code("440303"),
        areas: vec![code("440303")],
        hat: "区三防办".into(),
        standing: Standing::Unissued,
        live: true,
        issued: 0,
        working: None,
        number: None,
        title: String::new(),
        public_version: None,
        opened_at: NOON,
        changed_at: NOON,
        revision: 0,
    }
}

/// A notice with its papers; an event is applied to the newest paper, or to the one named.
#[derive(Clone)]
struct File {
    notice: Notice,
    papers: Vec<Paper>,
    now: Instant,
}

impl File {
    fn new() -> Self {
        Self { notice: blank(), papers: Vec::new(), now: NOON }
    }

    fn paper(&self, version: Option<i64>) -> Option<&Paper> {
        let wanted = version.or(self.notice.working).unwrap_or(self.notice.issued);
        self.papers.iter().find(|it| it.version == wanted)
    }

    fn try_apply(&mut self, version: Option<i64>, event: Event, by: &str) -> Result<Vec<Effect>, String> {
        let aside = matches!(event, Event::Begin { .. });
        let paper = if aside { self.notice.working.and_then(|it| self.paper(Some(it))) } else { self.paper(version) };
        let Decision { notice, paper, effects } =
            apply(&self.notice, paper, event, by, self.now).map_err(|it| it.code)?;
        self.papers.retain(|it| it.version != paper.version);
        if !effects.contains(&Effect::Drop) {
            self.papers.push(paper);
        }
        self.notice = notice;
        Ok(effects)
    }

    fn does(mut self, event: Event, by: &str) -> Self {
        self.try_apply(None, event, by).unwrap();
        self
    }
}

fn begin(kind: Kind) -> Event {
    Event::Begin { kind, content: Box::new(content("甲")) }
}

fn edit() -> Event {
    Event::Edit(Box::new(content("乙")))
}

fn refuse() -> Event {
    Event::Refuse { reason: "区域不对".into() }
}

fn verbal() -> Event {
    Event::Verbal { said_by: "胡主任".into(), said_from: "13800000000".into(), said_at: NOON }
}

fn empty() -> File {
    File::new()
}

fn draft() -> File {
    empty().does(begin(Kind::First), "zhou")
}

fn submitted() -> File {
    draft().does(Event::Submit, "zhou")
}

fn issued() -> File {
    submitted().does(Event::Sign, "hu")
}

fn unsigned() -> File {
    draft().does(verbal(), "zhou")
}

fn updating() -> File {
    issued().does(begin(Kind::Update), "zhou")
}

fn lifted() -> File {
    issued().does(begin(Kind::Lift), "zhou").does(Event::Sign, "hu")
}

fn withdrawn() -> File {
    draft().does(Event::Withdraw, "zhou")
}

#[rstest]
#[case::a_draft_is_edited(draft(), edit(), "zhou", Ok("notice.edited"))]
#[case::an_edit_takes_a_submission_back(submitted(), edit(), "zhou", Ok("notice.edited"))]
#[case::a_draft_is_submitted(draft(), Event::Submit, "zhou", Ok("notice.submitted"))]
#[case::not_twice(submitted(), Event::Submit, "zhou", Err("submitted_already"))]
#[case::the_second_person_signs(submitted(), Event::Sign, "hu", Ok("notice.signed"))]
#[case::also_what_was_not_submitted(draft(), Event::Sign, "hu", Ok("notice.signed"))]
#[case::the_drafter_does_not_sign(submitted(), Event::Sign, "zhou", Err("same_person"))]
#[case::nor_who_changed_a_word(draft().does(edit(), "wu"), Event::Sign, "wu", Err("same_person"))]
#[case::it_is_sent_back(submitted(), refuse(), "hu", Ok("notice.refused"))]
#[case::with_a_reason(submitted(), Event::Refuse { reason: " ".into() }, "hu", Err("bad_reason"))]
#[case::only_what_was_submitted(draft(), refuse(), "hu", Err("not_submitted"))]
#[case::a_verbal_yes_issues(draft(), verbal(), "zhou", Ok("notice.verbally_approved"))]
#[case::it_names_who(draft(), Event::Verbal { said_by: " ".into(), said_from: "8201".into(), said_at: NOON }, "zhou", Err("bad_said_by"))]
#[case::and_the_number(draft(), Event::Verbal { said_by: "胡".into(), said_from: "?".into(), said_at: NOON }, "zhou", Err("bad_said_from"))]
#[case::and_is_no_promise(draft(), Event::Verbal { said_by: "胡".into(), said_from: "8201".into(), said_at: NOON.plus(Duration::from_secs(1)) }, "zhou", Err("bad_said_at"))]
#[case::it_is_signed_afterwards(unsigned(), Event::Sign, "hu", Ok("notice.signed_afterwards"))]
#[case::not_by_who_heard_it(unsigned(), Event::Sign, "zhou", Err("same_person"))]
#[case::a_signer_may_disagree(unsigned(), refuse(), "hu", Ok("notice.refused"))]
#[case::the_day_passes(unsigned(), Event::Overdue, "system:timekeeper", Ok("notice.signature_overdue"))]
#[case::once(unsigned().does(Event::Overdue, "system:timekeeper"), Event::Overdue, "system:timekeeper", Err("issued_is_final"))]
#[case::not_what_is_signed(issued(), Event::Overdue, "system:timekeeper", Err("issued_is_final"))]
#[case::issued_words_stay(issued(), edit(), "zhou", Err("issued_is_final"))]
#[case::issued_is_not_withdrawn(issued(), Event::Withdraw, "zhou", Err("issued_is_final"))]
#[case::an_update_follows(issued(), begin(Kind::Update), "zhou", Ok("notice.drafted"))]
#[case::one_draft_at_a_time(updating(), begin(Kind::Update), "zhou", Err("draft_exists"))]
#[case::a_correction_does_not_wait(updating(), begin(Kind::Correction), "wu", Ok("notice.draft_set_aside"))]
#[case::nor_a_lifting(updating(), begin(Kind::Lift), "wu", Ok("notice.draft_set_aside"))]
#[case::nothing_to_correct(draft(), begin(Kind::Correction), "zhou", Err("not_in_this_state"))]
#[case::lifted_is_not_updated(lifted(), begin(Kind::Update), "zhou", Err("not_in_this_state"))]
#[case::but_corrected(lifted(), begin(Kind::Correction), "zhou", Ok("notice.drafted"))]
#[case::a_draft_is_withdrawn(draft(), Event::Withdraw, "zhou", Ok("notice.withdrawn"))]
#[case::an_update_is_withdrawn(updating(), Event::Withdraw, "zhou", Ok("notice.withdrawn"))]
#[case::withdrawn_is_over(withdrawn(), begin(Kind::First), "zhou", Err("not_in_this_state"))]
#[case::no_draft_no_edit(empty(), edit(), "zhou", Err("no_draft"))]
fn notice_moves(#[case] mut file: File, #[case] event: Event, #[case] by: &str, #[case] want: Result<&str, &str>) {
    let got = file.try_apply(None, event, by);
    let got = got.map(|effects| match effects.into_iter().find(|it| matches!(it, Effect::Record(_))) {
        Some(Effect::Record(name)) => name.to_owned(),
        other => panic!("no entry: {other:?}"),
    });
    assert_eq!(got.as_deref().map_err(String::as_str), want);
}

#[test]
fn what_is_incomplete_is_not_issued_and_the_field_is_named() {
    for (spoil, field) in [
        (Box::new(|it: &mut Content| it.title.clear()) as Box<dyn Fn(&mut Content)>, "title"),
        (Box::new(|it: &mut Content| it.places.clear()), "areas"),
        (Box::new(|it: &mut Content| it.measures.clear()), "measures"),
    ] {
        let mut words = content("甲");
        spoil(&mut words);
        let file = draft().does(Event::Edit(Box::new(words)), "zhou");
        for event in [Event::Submit, Event::Sign, verbal()] {
            let problem = apply(&file.notice, file.paper(None), event, "hu", NOON).unwrap_err();
            assert_eq!((problem.code.as_str(), problem.place.field.as_deref()), ("bad_draft", Some(field)));
        }
    }
}

#[test]
fn a_verbal_yes_sets_the_deadline_and_the_signature_takes_it_back() {
    let mut file = draft();
    let effects = file.try_apply(None, verbal(), "zhou").unwrap();
    assert!(
        effects.contains(&Effect::SignatureDue(Some(NOON.plus(SIGNATURE_WITHIN)))) && effects.contains(&Effect::Issue)
    );
    let effects = file.try_apply(Some(1), Event::Sign, "hu").unwrap();
    assert!(effects.contains(&Effect::SignatureDue(None)) && !effects.contains(&Effect::Issue), "it went out already");
}

fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![Just(Kind::First), Just(Kind::Update), Just(Kind::Correction), Just(Kind::Lift)];
    let words = "[a-c]{0,2}";
    prop_oneof![
        (kind, words).prop_map(|(kind, words)| Event::Begin { kind, content: Box::new(content(&words)) }),
        words.prop_map(|words| Event::Edit(Box::new(content(&words)))),
        Just(Event::Submit),
        Just(refuse()),
        Just(Event::Sign),
        Just(Event::Sign),
        Just(verbal()),
        Just(Event::Withdraw),
        Just(Event::Overdue),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_issued_words_stay_and_two_people_stand_behind_them(
        steps in proptest::collection::vec((event(), 0usize..4, proptest::option::of(1i64..5)), 0..60)
    ) {
        let mut file = File::new();
        let mut out: Vec<(i64, Content)> = Vec::new();
        for (event, who, version) in steps {
            let by = ["zhou", "wu", "hu", "li"][who];
            let before = file.clone();
            file.now = file.now.plus(Duration::from_secs(60));
            let Ok(effects) = file.try_apply(version, event, by) else {
                prop_assert_eq!(&file.notice, &before.notice, "a refusal changes nothing");
                continue;
            };
            if effects.contains(&Effect::Issue) {
                let paper = file.paper(Some(file.notice.issued)).unwrap();
                prop_assert_eq!(file.notice.issued, before.notice.issued + 1, "versions have no gap");
                out.push((paper.version, paper.content.clone()));
            }
            for (version, words) in &out {
                let paper = file.paper(Some(*version));
                prop_assert!(paper.is_some_and(|it| it.issued_at.is_some() && it.content == *words), "issued words changed");
            }
            for paper in &file.papers {
                if let Some(signer) = &paper.signed_by {
                    prop_assert!(!paper.drafters.contains(signer) && paper.heard_by.as_ref() != Some(signer));
                }
                prop_assert!(paper.issued_at.is_none() || paper.signed_at.is_some() || paper.said_by.is_some());
                prop_assert!(paper.issued_at.is_some() || file.notice.working == Some(paper.version)
                    || file.notice.standing == Standing::Withdrawn, "one draft at most");
            }
            let notice = &file.notice;
            prop_assert_eq!(notice.issued, out.len() as i64);
            prop_assert_eq!(notice.live, matches!(notice.standing, Standing::Unissued | Standing::InForce));
            prop_assert_eq!(notice.standing == Standing::Unissued || notice.standing == Standing::Withdrawn, notice.issued == 0);
            if before.notice.standing == Standing::Lifted {
                prop_assert_eq!(notice.standing, Standing::Lifted, "lifted stays lifted");
            }
        }
    }
}
