//! What keeps the program honest about itself: health, metrics, clock, OpenAPI.

use std::{collections::BTreeMap, sync::Arc};

use anlan_kernel::{Actor, Permission};
use anlan_store::{Event, StoreError, Urgency, journal, params};
use anlan_web::{Access, ApiResult, Mounted, Routes, Site, Who};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value as Json_, json};

use crate::house::House;

/// Routes of the program itself.
pub fn routes(site: &Arc<Site>, house: House) -> Mounted {
    Routes::new(site)
        .get("/healthz", Access::Public, "健康状况", "Health", healthz)
        .get(
            "/metrics",
            Access::Public,
            "运行指标（Prometheus；只有计数，没有个人信息）",
            "Metrics (Prometheus; counts only, nothing of persons)",
            metrics,
        )
        .get(
            "/api/v1/clock",
            Access::Needs(Permission::SeeDesk),
            "时钟与数据截至",
            "Clock and how fresh the data is",
            clock,
        )
        .post(
            "/api/v1/clock/confirm",
            Access::Needs(Permission::RunRound),
            "确认时钟无误，继续逐级叫应",
            "The clock is right: escalations go on",
            confirm,
        )
        .finish(house)
}

/// Numbers that tell whether a night is being served.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    /// Last sealed position.
    pub sealed: i64,
    /// Entries waiting for their number.
    pub unsealed: i64,
    /// Outbox items by state.
    pub outbox: BTreeMap<String, i64>,
    /// Calls by state.
    pub calls: BTreeMap<String, i64>,
    /// Deadlines that are due.
    pub overdue: i64,
}

/// Reads the pulse of a world.
///
/// # Errors
/// What the store says.
pub async fn pulse(house: &House) -> Result<Pulse, StoreError> {
    let sealed = journal::sealed_position(&house.world).await?;
    house
        .world
        .read(&Actor::system("pulse"), move |tx| {
            let now = tx.now();
            let mut by_state = |table: &str| -> Result<BTreeMap<String, i64>, StoreError> {
                let sql = format!("SELECT state, COUNT(*) FROM {table} WHERE {{scope:region}} GROUP BY state");
                tx.query(&sql, &[])?.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
            };
            let (outbox, calls) = (by_state("outbox")?, by_state("call")?);
            let mut one = |sql: &str, values: &[anlan_store::Value]| -> Result<i64, StoreError> {
                tx.query(sql, values)?.first().map_or(Ok(0), |it| it.int(0))
            };
            let unsealed = one("SELECT COUNT(*) FROM journal WHERE position IS NULL AND {scope:region}", &[])?;
            let overdue = one("SELECT COUNT(*) FROM deadline WHERE due_at <= $1", params![now])?;
            Ok(Pulse { sealed, unsealed, outbox, calls, overdue })
        })
        .await
}

async fn healthz(State(house): State<House>) -> Response {
    match pulse(&house).await {
        Ok(pulse) => {
            let jump = house.hold.jump().map(|it| it.seconds);
            let body = json!({
                "status": if jump.is_some() { "clock held" } else { "ok" },
                "world": house.world.name(), "now": house.world.now(), "sealed": pulse.sealed,
                "unsealed": pulse.unsealed, "clock_jump_s": jump, "version": env!("CARGO_PKG_VERSION"),
            });
            Json(body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "store does not answer"}))).into_response()
        }
    }
}

async fn metrics(State(house): State<House>) -> ApiResult<Response> {
    let pulse = pulse(&house).await?;
    let mut text = String::new();
    let world = house.world.name();
    let mut line = |name: &str, labels: &str, value: i64| {
        text.push_str(&format!("{name}{{world=\"{world}\"{labels}}} {value}\n"));
    };
    line("anlan_journal_sealed_position", "", pulse.sealed);
    line("anlan_journal_unsealed", "", pulse.unsealed);
    line("anlan_deadlines_overdue", "", pulse.overdue);
    line("anlan_clock_held", "", i64::from(house.hold.jump().is_some()));
    for (state, count) in &pulse.outbox {
        line("anlan_outbox", &format!(",state=\"{state}\""), *count);
    }
    for (state, count) in &pulse.calls {
        line("anlan_calls", &format!(",state=\"{state}\""), *count);
    }
    if let Some(handle) = RECORDER.get() {
        text.push_str(&handle.render());
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

/// Counters of the libraries and mechanisms, where the server installed a recorder.
pub static RECORDER: std::sync::OnceLock<metrics_exporter_prometheus::PrometheusHandle> = std::sync::OnceLock::new();

/// Starts counting; the second call does nothing.
pub fn count_metrics() {
    if RECORDER.get().is_none()
        && let Ok(handle) = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()
    {
        // Somebody else was first: their recorder counts.
        let _ = RECORDER.set(handle);
    }
}

async fn clock(State(house): State<House>) -> Json<Json_> {
    Json(json!({
        "now": house.world.now(), "driven": house.world.clock().is_driven(),
        "jump_s": house.hold.jump().map(|it| it.seconds),
    }))
}

async fn confirm(State(house): State<House>, who: Who) -> ApiResult<Json<Json_>> {
    let held = house.hold.confirm();
    if held {
        house
            .world
            .write("clock.confirm", Urgency::Urgent, &who.actor, |tx| tx.record(Event::new("clock.confirmed", "clock")))
            .await?;
    }
    Ok(Json(json!({"confirmed": held})))
}
