//! What people do with a response: decide, propose by hand, judge the event, look.

use std::sync::Arc;

use anlan_kernel::{Actor, Grade, Problem, RegionCode};
use anlan_store::{Event, StoreError, Urgency as Pace, params};
use anlan_warn::{
    api::{List, ListQuery},
    service::everywhere,
};
use anlan_web::ApiResult;
use serde_json::json;

use super::{
    flow::{self, Decide},
    model::{Kind, Response, Step, StepState},
    service::{Cause, begin, open_of, open_step, propose, save, supersede},
};
use crate::{
    Command,
    service::{home_of, list_page, no_such, step_of},
};

impl Command {
    /// Decides a step: 签批, 电话口头同意, 不同意, 补签.
    ///
    /// # Errors
    /// `no_such_step`, a refusal of the flow; what the store says.
    pub async fn decide(self: &Arc<Self>, by: &Actor, id: &str, what: Decide) -> Result<Step, StoreError> {
        let (command, id) = (Arc::clone(self), id.to_owned());
        self.world
            .write("response.decide", Pace::Urgent, by, move |tx| {
                let step = step_of(tx, &id)?;
                let within = command.plan().approval.sign_within;
                let signs = matches!(what, Decide::Sign { .. });
                let decided = flow::decide(&step, what.clone(), tx.now(), within).map_err(StoreError::Refused)?;
                save(tx, &decided)?;
                let mut response = tx.get::<Response>(&decided.response)?.ok_or_else(|| no_such("no_such_response"))?;
                if signs {
                    tx.clear_deadline("response.sign", &decided.id)?;
                } else {
                    response = flow::carried(&response, &decided, tx.now());
                    save(tx, &response)?;
                    tx.clear_deadline("response.ask", &decided.id)?;
                    if let Some(due) = decided.sign_due_at {
                        tx.set_deadline("response.sign", &decided.id, due)?;
                    }
                }
                let event = match (signs, decided.state, decided.kind) {
                    (true, ..) => "response.signed",
                    (_, StepState::Declined, _) => "response.declined",
                    (_, _, Kind::Start) => "response.started",
                    (_, _, Kind::Raise) => "response.raised",
                    (_, _, Kind::Lower) => "response.lowered",
                    (_, _, Kind::End) => "response.ended",
                };
                let detail = json!({
                    "step": decided.number, "level": response.level, "verbal": decided.verbal,
                    "title": decided.decision_words().zh,
                });
                let event = Event::new(event, &response.id).region(&response.region).pack(&decided.pack);
                tx.record(event.detail(detail))?;
                Ok(Step { revision: decided.revision + 1, ..decided })
            })
            .await
    }

    /// An officer proposes by hand: a level for a plan of the pack, or none to end it.
    ///
    /// # Errors
    /// `no_such_plan`, `nothing_to_propose`, `bad_level`, `bad_words`; what the store says.
    pub async fn propose(
        self: &Arc<Self>,
        by: &Actor,
        plan: &str,
        level: Option<u8>,
        words: &str,
    ) -> Result<Step, StoreError> {
        if level.is_some_and(|it| Grade::new(it).is_none()) {
            let (zh, en) = ("响应级别为 1 至 4", "a response level is 1 to 4");
            return Err(StoreError::Refused(Problem::new("bad_level", zh, en).field("level")));
        }
        let Some(words) = crate::forward::words(words) else {
            let (zh, en) = ("请写明事由", "say why");
            return Err(StoreError::Refused(Problem::new("bad_words", zh, en).field("words")));
        };
        let home = home_of(by)?;
        let district = home.district().unwrap_or(home);
        let (command, plan) = (Arc::clone(self), plan.to_owned());
        self.world
            .write("response.propose", Pace::Urgent, by, move |tx| {
                let plans = command.plan();
                let plan = plans.responses.iter().find(|it| it.id == plan);
                let plan = plan.ok_or_else(|| no_such("no_such_plan"))?;
                let found = open_of(tx, &plan.id, &district)?;
                let Some((kind, level)) = flow::wanted(found.as_ref(), level) else {
                    let (zh, en) = ("响应已是这一级", "the response stands at this level");
                    return Err(StoreError::Refused(Problem::new("nothing_to_propose", zh, en)));
                };
                if let Some(step) = found.as_ref().map(|it| open_step(tx, &it.id)).transpose()?.flatten() {
                    supersede(tx, step)?;
                }
                let hazard = plan.hazards.first().cloned().unwrap_or_default();
                let response = match found {
                    Some(it) => it,
                    None => begin(tx, plan, &hazard, &district, false)?,
                };
                let name = tx.actor().name.clone();
                let cause = Cause { id: &name, words: words.clone(), warning: None, invented: false };
                propose(&command, tx, response, (kind, level), "值班建议", &cause)
            })
            .await
    }

    /// 事件等级, judged by a person; none takes it back.
    ///
    /// # Errors
    /// `no_such_response`, `bad_grade`; what the store says.
    pub async fn grade(&self, by: &Actor, id: &str, grade: Option<u8>) -> Result<Response, StoreError> {
        if grade.is_some_and(|it| Grade::new(it).is_none()) {
            let (zh, en) = ("事件等级为 1（特别重大）至 4（一般）", "an event's grade is 1 (gravest) to 4");
            return Err(StoreError::Refused(Problem::new("bad_grade", zh, en).field("grade")));
        }
        let id = id.to_owned();
        self.world
            .write("response.grade", Pace::Urgent, by, move |tx| {
                let response = tx.get::<Response>(&id)?.ok_or_else(|| no_such("no_such_response"))?;
                let graded = Response { event_grade: grade, ..response };
                save(tx, &graded)?;
                let event = Event::new("response.graded", &graded.id).region(&graded.region);
                tx.record(event.detail(json!({"grade": grade})))?;
                Ok(graded)
            })
            .await
    }

    /// A response with its whole sequence, in the reader's duty areas; a street sees its district's.
    ///
    /// # Errors
    /// What the store says.
    pub async fn response(&self, by: &Actor, id: &str) -> Result<Option<(Response, Vec<Step>)>, StoreError> {
        let (id, own) = (id.to_owned(), by.scope.clone());
        self.world
            .read(&everywhere(by), move |tx| {
                let Some(response) = tx.get::<Response>(&id)?.filter(|it| touches(&own, &it.region)) else {
                    return Ok(None);
                };
                let steps = tx.find("response = $1", "ORDER BY number", params![&id])?;
                Ok(Some((response, steps)))
            })
            .await
    }

    /// Responses in the reader's duty areas, newest first.
    ///
    /// # Errors
    /// `bad_cursor`, `bad_limit`; what the store says.
    pub async fn responses(&self, by: &Actor, query: &ListQuery) -> ApiResult<List<Response>> {
        list_page(&self.world, by, "opened_at", query, |it: &Response| (it.opened_at, it.id.as_str())).await
    }
}

fn touches(scope: &anlan_kernel::Scope, region: &RegionCode) -> bool {
    match scope {
        anlan_kernel::Scope::Everywhere => true,
        anlan_kernel::Scope::Regions(own) => own.iter().any(|it| it.meets(region)),
    }
}
