//! Leases: one node at a time does a job, and what it does is fenced.

use std::time::Duration;

use anlan_kernel::Actor;

use crate::{StoreError, Tx, Urgency, World, params};

/// A job held until `ttl` of the database's clock has passed since the last renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is held.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// Grows with every change of holder.
    pub fence: i64,
}

fn db_now(world: &World) -> &'static str {
    if world.is_postgres() {
        "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
    } else {
        "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
    }
}

impl World {
    /// Takes or renews the lease; `None` while another holder's has not run out.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn lease(&self, name: &str, holder: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let now = db_now(self);
        let until = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX / 4);
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write("lease", Urgency::Urgent, &Actor::system("lease"), move |tx| {
            tx.execute_unjournaled(
                "INSERT INTO lease(name, holder, fence, expires_at) VALUES ($1, '', 0, 0) ON CONFLICT (name) DO NOTHING",
                params![&name],
            )?;
            let taken = tx.execute_unjournaled(
                &format!(
                    "UPDATE lease SET fence = CASE WHEN holder = $2 THEN fence ELSE fence + 1 END, holder = $2, expires_at = {now} + $3
                      WHERE name = $1 AND (holder = $2 OR expires_at <= {now})"
                ),
                params![&name, &holder, until],
            )?;
            if taken == 0 {
                return Ok(None);
            }
            let rows = tx.query("SELECT fence FROM lease WHERE name = $1", params![&name])?;
            let fence = rows.first().map_or(Ok(0), |it| it.int(0))?;
            Ok(Some(Lease { name: name.clone(), holder: holder.clone(), fence }))
        })
        .await
    }

    /// Gives the lease back at once.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write("lease", Urgency::Urgent, &Actor::system("lease"), move |tx| {
            tx.execute_unjournaled(
                "UPDATE lease SET expires_at = 0 WHERE name = $1 AND holder = $2 AND fence = $3",
                params![&lease.name, &lease.holder, lease.fence],
            )
            .map(drop)
        })
        .await
    }
}

impl Tx<'_> {
    /// Ties this transaction to the lease: it commits only if no other holder took it meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when somebody did.
    pub fn hold(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.must_write()?;
        // On PostgreSQL the row is kept from a next holder until this transaction ends; on SQLite there is
        // one writer anyhow.
        let kept = if self.conn.is_pg() { "FOR SHARE" } else { "" };
        let sql = format!("SELECT 1 FROM lease WHERE name = $1 AND holder = $2 AND fence = $3 {kept}");
        let held = self.conn.query(&sql, params![&lease.name, &lease.holder, lease.fence])?;
        if held.is_empty() { Err(StoreError::Fenced(lease.name.clone())) } else { Ok(()) }
    }
}
