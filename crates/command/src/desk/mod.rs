//! The duty desk (值班台), the first screen: what is in force, what to do, who does not answer.

mod api;
mod help;
mod page;
mod read;
mod timeline;
mod todo;

use anlan_kernel::{Actor, Instant, Permission as P, RegionCode};
use anlan_monitor::Alarm;
use anlan_store::{Event, StoreError, Urgency as Pace};
use anlan_web::{Access, Mounted, Routes};
use serde::{Deserialize, Serialize};

pub(crate) use todo::{LIFTING_SHOWN, OPEN_HELP, STANDING, asker, station_name, taken_words, todo};

use crate::{Command, Room, service::no_such};

/// Things to do the desk shows at once.
pub const MOST: usize = 7;

/// Somebody took note of a grave alarm; the siren is silent for it until it becomes graver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmSeen {
    /// `<alarm>@<grade>`.
    pub id: String,
    /// Where the alarm lies.
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
}

impl Command {
    /// 知悉 of a measured alarm at the grade it has now.
    ///
    /// # Errors
    /// The refusal `no_such_alarm`; what the store says.
    pub async fn alarm_seen(&self, by: &Actor, alarm: &str) -> Result<(), StoreError> {
        let alarm = alarm.to_owned();
        self.world
            .write("alarm.seen", Pace::Urgent, by, move |tx| {
                let found = tx.get::<Alarm>(&alarm)?.ok_or_else(|| no_such("no_such_alarm"))?;
                let (id, by_whom) = (AlarmSeen::key(&found), tx.actor().name.clone());
                let region = found.region.clone();
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
