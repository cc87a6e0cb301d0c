//! Reading the audit trail.

use super::{AuditEvent, Effect};
use crate::ledger::db::{Ledger, LedgerError, rows};

/// The events to list.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only events of this act; empty: of all acts.
    pub act: String,
    /// Only events of this actor; empty: of all actors.
    pub actor: String,
    /// Only events with this effect; absent: with any.
    pub effect: Option<Effect>,
    /// Only events from this time on, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Only events before this time, in milliseconds since 1970.
    pub until: Option<i64>,
    /// The cursor: only events with a smaller id; empty: from the newest on.
    pub after: String,
    /// The most to return.
    pub limit: u32,
}

impl Ledger {
    /// Lists events, the newest first.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>, LedgerError> {
        // Without a filter the condition is constant, so that the planner can choose an index.
        let of = |column: &str, place: &str, value: &str| {
            let operand = if value.is_empty() { "''" } else { column };
            format!("AND {operand} = {place}")
        };
        let (act, actor) = (of("act", "$3", &filter.act), of("actor", "$4", &filter.actor));
        let with = filter.effect.map_or("", Effect::as_str);
        let effect = of("effect", "$5", with);
        let until = filter.until.map_or_else(|| "g".to_owned(), first_of);
        let before = Some(&filter.after).filter(|after| !after.is_empty() && **after < until);
        let rows = sqlx::query(self.inner.sql(&format!(
            "-- ledger::audit
            SELECT event FROM audit_events WHERE id >= $1 AND id < $2 {act} {actor} {effect} ORDER BY id DESC LIMIT $6"
        )))
        .bind(filter.since.map(first_of).unwrap_or_default())
        .bind(before.unwrap_or(&until))
        .bind(&filter.act)
        .bind(&filter.actor)
        .bind(with)
        .bind(i64::from(filter.limit))
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter()
            .map(|row| rows::json(row, "audit_events", "event"))
            .collect()
    }
}

/// Returns the lower bound of the ids of a millisecond. It sorts after all ids of earlier milliseconds.
fn first_of(ms: i64) -> String {
    let ms = u64::try_from(ms).unwrap_or(0).min((1 << 48) - 1);
    format!("{:08x}-{:04x}-0000-0000-000000000000", ms >> 16, ms & 0xffff)
}

#[cfg(test)]
mod tests {
    use uuid::{NoContext, Timestamp, Uuid};

    use super::first_of;

    #[test]
    fn ids_are_between_the_bounds_of_their_milliseconds() {
        for ms in [0, 1, 65_535, 65_536, 1_900_000_000_123] {
            let at = Timestamp::from_unix(NoContext, ms / 1_000, u32::try_from(ms % 1_000 * 1_000_000).unwrap());
            let id = Uuid::new_v7(at).to_string();
            let ms = i64::try_from(ms).unwrap();
            assert!(first_of(ms) <= id && id < first_of(ms + 1), "{ms} {id}");
        }
        assert_eq!(first_of(-1), first_of(0));
        assert!(*"g" > *first_of(i64::MAX));
    }
}
