//! Readers who would see the same share one look at the store, never one older than their question.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use anlan_kernel::{Actor, Lang, Permission, Scope};
use anlan_testbed::Engine;
use anlan_web::{ApiError, Lack, Site, Who};
use axum::http::StatusCode;
use futures_util::future::join_all;
use rstest::rstest;

use crate::bed::{Bed, region};

fn reader(lang: Lang, permission: Permission, duty_area: &str) -> Who {
    Who {
        actor: Actor { name: "user:zhang".into(), hat: None, scope: Scope::Regions(vec![region(duty_area)]) },
        name: "张".into(),
        lang,
        role: String::new(),
        permissions: BTreeSet::from([permission]),
        stations: None,
        browser: true,
        lacks: Lack::Nothing,
    }
}

fn desk() -> Who {
    reader(Lang::Zh, Permission::SeeDesk, "440303")
}

/// Asks; a look tells which one it was.
async fn ask(site: &Site, who: &Who, looks: &AtomicU64) -> u64 {
    let look = async {
        let number = looks.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::task::yield_now().await;
        Ok(maud::html! { (number) })
    };
    let seen = site.together("/", who, look).await.expect("a look");
    seen.0.parse().expect("a look has a number")
}

#[tokio::test]
async fn who_asks_while_a_look_is_taken_waits_for_the_next_one_and_shares_it() {
    let (bed, looks) = (Bed::new(Engine::Sqlite).await, AtomicU64::new(0));
    let seen = join_all((0..50).map(|_| async { ask(&bed.site, &desk(), &looks).await })).await;
    assert_eq!((seen[0], seen[1..].iter().max(), looks.load(Ordering::SeqCst)), (1, Some(&2), 2));
    assert_eq!(ask(&bed.site, &desk(), &looks).await, 3, "what was asked later is not answered from before");
}

#[rstest]
#[case::another_duty_area(reader(Lang::Zh, Permission::SeeDesk, "440303001"))]
#[case::another_permission(reader(Lang::Zh, Permission::Unmask, "440303"))]
#[case::another_language(reader(Lang::En, Permission::SeeDesk, "440303"))]
#[tokio::test]
async fn who_would_see_something_else_has_a_look_of_their_own(#[case] other: Who) {
    let (bed, looks) = (Bed::new(Engine::Sqlite).await, AtomicU64::new(0));
    let (desk, both) = (desk(), AtomicU64::new(0));
    let (first, second) = tokio::join!(ask(&bed.site, &desk, &looks), ask(&bed.site, &other, &both));
    assert_eq!((first, second), (1, 1));
}

#[tokio::test]
async fn a_look_that_fails_is_told_to_all_who_waited_for_it() {
    let (bed, looks) = (Bed::new(Engine::Sqlite).await, AtomicU64::new(0));
    let failing = || async {
        looks.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Err(ApiError::of(StatusCode::SERVICE_UNAVAILABLE))
    };
    let desk = desk();
    let answers = join_all((0..50).map(|_| bed.site.together("/", &desk, failing()))).await;
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(looks.load(Ordering::SeqCst), 2, "nobody waits for fifty failures in turn");
    assert_eq!(ask(&bed.site, &desk, &looks).await, 3);
}
