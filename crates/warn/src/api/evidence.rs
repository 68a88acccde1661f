//! 尽职证据包: who may open it, and the look that is journaled.

use anlan_kernel::{Actor, Permission, RegionCode, Scope, Text};
use anlan_register::callee_title;
use anlan_store::{Event, Urgency, journal};
use anlan_web::{ApiError, ApiResult, Who, accounts, accounts::Account};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::json;

use super::{Room, processes::read_process};
use crate::{
    effect::{
        account,
        evidence::{self, Evidence},
        timeline,
    },
    model::Round,
    pages::hazard,
};

/// The document as JSON.
pub(super) async fn evidence(
    State(room): State<Room>,
    who: Who,
    Path((process, person)): Path<(String, String)>,
) -> ApiResult<Json<Evidence>> {
    Ok(Json(read_evidence(&room, &who, process, person).await?))
}

/// See [`evidence`]. The person themself may open it, and whoever is above them in their duty area.
pub(crate) async fn read_evidence(room: &Room, who: &Who, process: String, person: String) -> ApiResult<Evidence> {
    let view = read_process(room, who, process).await?;
    let (id, region) = (view.process.id.clone(), view.process.region.clone());
    let world = &room.site.world;
    let lines = timeline::read(world, &who.actor, &view).await?;
    let (items, name, unit) = if person.starts_with("user:") {
        let of = superior_or_self(room, who, &person).await?;
        let items = account::read(world, &who.actor, &id, &lines, &person).await?;
        (items, of.name, of.hat.unwrap_or_default())
    } else {
        if !who.may(Permission::SeePeople) {
            return Err(ApiError::of(StatusCode::FORBIDDEN));
        }
        let rounds: Vec<Round> = view.rounds.iter().map(|it| it.round.clone()).collect();
        let signals: Vec<_> = timeline::signals(&lines);
        let found = evidence::of_callee(world, &who.actor, &id, &rounds, &signals, &person).await?;
        let items = found.ok_or_else(ApiError::not_found)?;
        let callee = person.clone();
        let title = world.read(&who.actor, move |tx| callee_title(tx, &callee)).await?;
        let (name, unit) = title.map_or_else(
            || (person.clone(), String::new()),
            |it| (it.name, format!("{} {}", it.organisation, it.title).trim().to_owned()),
        );
        (items, name, unit)
    };
    looked(room, who, &id, &person, &region).await?;
    let what = |lang| hazard(&view.process.hazard, lang);
    let (zh, en) = (what(anlan_kernel::Lang::Zh), what(anlan_kernel::Lang::En));
    Ok(Evidence {
        title: Text::new(format!("{zh}天气过程尽职记录"), format!("Record of duty in the {en} process")),
        at: world.now(),
        head: journal::sign_head(world).await?,
        process: id,
        person,
        name,
        unit,
        items,
    })
}

async fn superior_or_self(room: &Room, who: &Who, person: &str) -> ApiResult<Account> {
    let accounts = accounts::list(&room.site.world, &Actor::system("names")).await?;
    let named = |actor: &str| accounts.iter().find(|it| actor.strip_prefix("user:") == Some(it.login.as_str()));
    let theirs = named(person).ok_or_else(ApiError::not_found)?;
    if who.actor.name == person {
        return Ok(theirs.clone());
    }
    let own = named(&who.actor.name).map_or("", |it| it.role.as_str());
    if who.may(Permission::SeePeople) && is_above(&who.actor.scope, own, theirs) {
        return Ok(theirs.clone());
    }
    // Whether such an account exists is nobody's business outside of it.
    Err(ApiError::not_found())
}

/// A wider duty area, or the same one as its leader.
fn is_above(scope: &Scope, role: &str, of: &Account) -> bool {
    let covers = |it: &RegionCode| scope.covers(it);
    let wider = match scope {
        Scope::Everywhere => true,
        Scope::Regions(own) => own.iter().any(|mine| of.regions.iter().all(|it| it != mine && mine.covers(it))),
    };
    let leads = matches!(role, "duty_leader" | "director") && of.role != role;
    !of.regions.is_empty() && of.regions.iter().all(covers) && (wider || leads)
}

async fn looked(room: &Room, who: &Who, process: &str, person: &str, region: &RegionCode) -> ApiResult<()> {
    let (process, person, region) = (process.to_owned(), person.to_owned(), region.clone());
    room.site
        .world
        .write("evidence", Urgency::Urgent, &who.actor, move |tx| {
            let detail = json!({"process": process});
            tx.record(Event::new("evidence.seen", &person).region(&region).detail(detail))
        })
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn account(role: &str, region: &str) -> Account {
        Account {
            login: "x".into(),
            name: "x".into(),
            role: role.into(),
            regions: vec![RegionCode::parse(region).unwrap()],
            hat: None,
            disabled: false,
            made_at: anlan_kernel::Instant::from_secs(0),
        }
    }

    #[rstest]
    #[case::district_over_street("440303", "duty_officer", "street_officer", "440303001", true)]
    #[case::leader_over_officer("440303", "duty_leader", "duty_officer", "440303", true)]
    #[case::colleague("440303", "duty_officer", "duty_officer", "440303", false)]
    #[case::leader_beside_leader("440303", "duty_leader", "duty_leader", "440303", false)]
    #[case::another_street("440303002", "duty_leader", "street_officer", "440303001", false)]
    #[case::from_below("440303001", "duty_leader", "duty_officer", "440303", false)]
    fn a_superior_has_the_wider_area_or_leads_the_same(
        #[case] own: &str,
        #[case] role: &str,
        #[case] their_role: &str,
        #[case] theirs: &str,
        #[case] want: bool,
    ) {
        let scope = Scope::Regions(vec![RegionCode::parse(own).unwrap()]);
        assert_eq!(is_above(&scope, role, &account(their_role, theirs)), want);
    }
}
