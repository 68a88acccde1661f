//! Devices (设备): credentials limited to their own stations.

use anlan_kernel::{Actor, Lang, Problem};
use anlan_store::{Event, StoreError, Urgency, World};
use serde_json::json;

use crate::{
    Who, secret,
    session::{self, Credential},
    store::DeviceRow,
};

/// The first word of a device's secret.
pub const DEVICE_SECRET: &str = "device";

/// Gives the device a new secret, shown once; an older one ends with it.
pub async fn create(world: &World, by: &Actor, id: &str, stations: Vec<String>) -> Result<String, StoreError> {
    check(id, &stations)?;
    let secret = secret::credential(DEVICE_SECRET, world.name())?;
    let (id, hash) = (id.to_owned(), secret::digest(DEVICE_SECRET, &secret));
    world
        .write("device.issue", Urgency::Urgent, by, move |tx| {
            let row = DeviceRow {
                id: id.clone(),
                stations: stations.clone(),
                secret_hash: hash.clone(),
                disabled: false,
                made_at: tx.now(),
            };
            tx.put(&row)?;
            tx.record(Event::new("device.issued", &id).detail(json!({"stations": stations})))
        })
        .await?;
    Ok(secret)
}

/// Takes the device's credential away.
pub async fn disable(world: &World, by: &Actor, id: &str) -> Result<(), StoreError> {
    let id = id.to_owned();
    world
        .write("device.disable", Urgency::Urgent, by, move |tx| {
            let device = tx.get::<DeviceRow>(&id)?.ok_or_else(|| missing(&id))?;
            tx.put(&DeviceRow { disabled: true, ..device })?;
            tx.record(Event::new("device.disabled", &id))
        })
        .await
}

/// Every device, by id.
pub async fn list(world: &World, by: &Actor) -> Result<Vec<DeviceRow>, StoreError> {
    world.read(by, |tx| tx.find("1 = 1", "ORDER BY id", &[])).await
}

/// The device behind an id and its secret; for log-ins that are not HTTP.
pub async fn device_of(world: &World, id: &str, secret: &str) -> Result<Option<Who>, StoreError> {
    let secret = secret.rsplit_once('.').map_or(secret, |(_, it)| it).to_owned();
    let credential = Credential::Bearer { id: Some(id.to_owned()), secret };
    let who = session::holder(world, credential, Lang::default()).await?;
    Ok(who.filter(|it| it.stations.is_some()))
}

fn check(id: &str, stations: &[String]) -> Result<(), Problem> {
    let fine =
        |it: &str| (1..=64).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !fine(id) {
        return Err(Problem::new(
            "bad_device_id",
            "设备编号应为 1 至 64 个字母、数字、点、横线或下划线",
            "a device id is 1 to 64 letters, digits, dots, hyphens or underscores",
        )
        .field("id"));
    }
    if stations.is_empty() || stations.iter().any(|it| it.trim().is_empty()) {
        return Err(Problem::new(
            "bad_stations",
            "请写明设备属于哪些测站：站号，或以 * 结尾的前缀",
            "name the stations of the device: ids, or prefixes ending in *",
        )
        .field("stations"));
    }
    Ok(())
}

fn missing(id: &str) -> Problem {
    Problem::new("no_such_device", format!("没有设备 {id}"), format!("there is no device {id}")).field("id")
}
