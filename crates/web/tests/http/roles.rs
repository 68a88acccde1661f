//! Roles, permissions and their holders in one table; for those who manage accounts and those who audit.

use anlan_kernel::Permission;
use anlan_testbed::Engine;
use anlan_web::roles;
use axum::http::StatusCode;
use rstest::rstest;

use crate::bed::{Bed, form, get, with};

#[rstest]
#[case("security_admin", true)]
#[case("audit_admin", true)]
#[case("system_admin", false)]
#[case("duty_leader", false)]
#[tokio::test]
async fn two_administrators_see_the_table_of_roles_and_who_holds_them(#[case] role: &str, #[case] sees: bool) {
    let bed = Bed::new(Engine::Sqlite).await;
    let cookie = bed.signed_in("somebody", role).await;
    bed.account("zhang", "duty_officer").await;
    for path in ["/roles", "/accounts"] {
        let want = if sees { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(bed.call(with(get(path), "cookie", &cookie)).await.status, want, "{role} at {path}");
    }
    if !sees {
        return;
    }
    let page = bed.call(with(get("/roles"), "cookie", &cookie)).await.text;
    for permission in Permission::ALL {
        assert!(page.contains(&permission.words().zh), "{permission:?}");
    }
    assert!(page.contains("href=\"/accounts?role=duty_officer\">1</a>"), "{page}");
    let held = bed.call(with(get("/accounts?role=duty_officer"), "cookie", &cookie)).await.text;
    assert!(held.contains("<td>姓名zhang</td>") && !held.contains("<td>姓名somebody</td>"), "{held}");
    let english = bed.call(with(with(get("/roles"), "cookie", &cookie), "accept-language", "en")).await.text;
    assert!(english.contains("approve emergency responses"), "{english}");
}

#[tokio::test]
async fn the_auditor_changes_nothing_of_accounts_and_roles() {
    let bed = Bed::new(Engine::Sqlite).await;
    let auditor = bed.signed_in("shenji", "audit_admin").await;
    for path in ["/accounts", "/accounts/shenji/unlock", "/accounts/shenji/invite", "/roles/second-factor"] {
        let answer = bed.call(with(form(path, &[("duty_officer", "1")]), "cookie", &auditor)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    let list = bed.call(with(get("/accounts"), "cookie", &auditor)).await.text;
    assert!(!list.contains("method=\"post\" action=\"/accounts\""), "no form to make one");
}

#[test]
fn every_permission_of_every_role_has_words_and_a_role() {
    for (role, ..) in roles::ALL {
        for permission in roles::permissions(role).unwrap() {
            assert!(Permission::ALL.contains(permission), "{permission:?} of {role} stands in no table");
        }
    }
    for permission in Permission::ALL {
        let words = permission.words();
        assert!(!words.zh.is_ascii() && words.en.is_ascii(), "{permission:?}");
        assert!(roles::ALL.iter().any(|it| roles::permissions(it.0).unwrap().contains(permission)), "{permission:?}");
    }
}
