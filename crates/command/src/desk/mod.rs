//! The duty desk (值班台), the first screen: what is in force, what to do, who does not answer.

mod api;
mod help;
mod page;
mod read;
mod timeline;
mod todo;

use anlan_kernel::{Actor, Instant, Permission as P, RegionCode, Scope};
use anlan_monitor::{Alarm, store::alarm_touching};
use anlan_store::{Event, StoreError, Urgency as Pace, params};
use anlan_warn::service::everywhere;
use anlan_web::{Access, Mounted, Routes};
use serde::{Deserialize, Serialize};

pub(crate) use todo::{LIFTING_SHOWN, OPEN_HELP, STANDING, asker, station_name, taken_words, todo};

use crate::{Command, Room, service::no_such};

/// Things to do the desk shows at once.
pub const MOST: usize = 7;

/// Somebody took note of a grave alarm; the siren of their desk, and of those below, is silent for it until it
/// becomes graver. A street's note does not silence its district.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmSeen {
    /// `<alarm>@<grade>@<region>`.
    pub id: String,
    /// The duty area of the desk.
    pub region: RegionCode,
    /// When.
    pub at: Instant,
    /// Who.
    pub by_whom: String,
}

anlan_store::table!(AlarmSeen, ALARM_SEEN, "alarm_seen", region: "region", {
    id: Text, region: Text, at: Time, by_whom: Text,
});

impl AlarmSeen {
    /// One alarm at one grade.
    pub(crate) fn key(alarm: &Alarm) -> String {
        format!("{}@{}", alarm.id, alarm.grade.get())
    }

    /// For which desk somebody of this scope takes note of an alarm that touches them.
    fn desk(scope: &Scope, alarm: &Alarm) -> RegionCode {
        let touched = |own: &&RegionCode| own.meets(&alarm.region) || alarm.areas.iter().any(|it| it.meets(own));
        let own = match scope {
            Scope::Everywhere => alarm.region.district(),
            Scope::Regions(own) => own.iter().find(touched).cloned(),
        };
        own.unwrap_or_else(|| alarm.region.clone())
    }

    /// Whether a note at `noted` was for a reader of this scope.
    pub(crate) fn is_for(noted: &RegionCode, scope: &Scope, alarm: &Alarm) -> bool {
        noted.covers(&Self::desk(scope, alarm))
    }
}

impl Command {
    /// 知悉 of a measured alarm that touches the actor's duty areas, at the grade it has now.
    ///
    /// # Errors
    /// The refusal `no_such_alarm`; what the store says.
    pub async fn alarm_seen(&self, by: &Actor, alarm: &str) -> Result<(), StoreError> {
        let (alarm, scope) = (alarm.to_owned(), by.scope.clone());
        self.world
            .write("alarm.seen", Pace::Urgent, &everywhere(by), move |tx| {
                let found = alarm_touching(tx, &scope, "id = $1", "", params![&alarm])?.pop();
                let found = found.ok_or_else(|| no_such("no_such_alarm"))?;
                let (region, by_whom) = (AlarmSeen::desk(&scope, &found), tx.actor().name.clone());
                let id = format!("{}@{region}", AlarmSeen::key(&found));
                if tx.insert(&AlarmSeen { id, region: region.clone(), at: tx.now(), by_whom })? {
                    tx.record(Event::new("alarm.seen", &found.id).region(&region))?;
                }
                Ok(())
            })
            .await
    }
}

pub(crate) fn routes(room: Room) -> Mounted {
    let (see, handle, record) =
        (Access::Needs(P::SeeDesk), Access::Needs(P::HandleSignal), Access::Needs(P::RecordAnswer));
    Routes::new(&room.site)
        .menu("/", "值班台", "Duty desk", Some(P::SeeDesk))
        .get("/", Access::SignedIn, "值班台", "Duty desk", page::show)
        .get("/desk/siren", see, "还在响的", "What rings", page::siren)
        .get("/desk/to-do", see, "全部待办", "Everything to do", page::all)
        .get("/api/v1/desk", see, "值班台：值班人员、待办", "The desk: who is on duty, what to do", api::desk)
        .post("/help/{id}/take", record, "接手求助", "Take a request for help", help::take)
        .get("/help/{id}/outcome", see, "一条求助", "A request for help", help::show)
        .post("/help/{id}/outcome", record, "求助结果", "What came of a request for help", help::end)
        .post("/alarms/{id}/seen", handle, "知悉告警", "Take note of an alarm", page::alarm_seen)
        .post("/api/v1/alarms/{id}/seen", handle, "知悉告警", "Take note of an alarm", api::alarm_seen)
        .finish(room)
}
