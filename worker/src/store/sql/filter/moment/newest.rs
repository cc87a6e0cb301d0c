//! The greatest moment in a column, and the condition that a moment is no later.

use jiff::Timestamp;
use jiff::tz::Offset;
use lethe_common::filter::{Comparison, Stored, Zone, stored};

use super::super::super::column::Holds;
use super::super::super::dialect::Dialect;
use super::super::{Bind, Compiler, joined};
use super::text::{self, ReadText};
use super::{Test, Value, as_text, comparable, form, is_moment, native};

impl Compiler<'_> {
    /// Returns an expression of the greatest moment in a column, as a text that [`newest_of`] reads.
    pub(in super::super) fn newest_moment(&mut self, name: &str, holds: &Holds) -> String {
        let zone = self.mapping.zone.as_ref();
        let (from, value, is_local, form, readable) = if let Holds::Time { type_name } = holds {
            let (form, is_local) = native(self.dialect, type_name);
            let is_local = if is_local { "1 = 1" } else { "1 = 0" };
            let readable = is_moment(self.dialect, name, type_name);
            (None, name.to_owned(), is_local.to_owned(), form, readable)
        } else {
            let ReadText { from, value, is_local } = text::read(self.dialect, &as_text(self.dialect, name));
            (from, value, is_local, form(self.dialect), "1 = 1".to_owned())
        };
        let mut greatest = |local: bool| {
            let mut conditions = vec![readable.clone()];
            conditions.push(if local {
                is_local.clone()
            } else {
                format!("NOT ({is_local})")
            });
            if let Some(zone) = zone.filter(|_| local) {
                let value = Value {
                    text: &value,
                    form,
                    zone: Some(zone),
                };
                conditions.extend(self.doubtful(&value, zone).map(|doubtful| format!("NOT {doubtful}")));
            }
            let chosen = format!("CASE WHEN {} THEN {value} END", joined(&conditions, "AND"));
            let chosen = match &from {
                Some(from) => format!("(SELECT {chosen} FROM ({from}) AS n)"),
                None => chosen,
            };
            let text = match self.dialect {
                Dialect::Postgres => format!("max({chosen})::pg_catalog.text"),
                Dialect::Sqlite => format!("max({chosen})"),
                Dialect::Mysql => format!("CAST(max({chosen}) AS CHAR)"),
            };
            format!("COALESCE({text}, '')")
        };
        format!("({} || '|' || {})", greatest(true), greatest(false))
    }

    /// Returns the condition that a moment is certainly no later than another one. Local times that are ambiguous or
    /// do not exist are compared by their local order.
    pub(in super::super) fn until_moment(&mut self, name: &str, holds: &Holds, at: Timestamp) -> String {
        if let Holds::Time { type_name } = holds {
            let (form, is_local) = native(self.dialect, type_name);
            let value = Value {
                text: &comparable(name, type_name),
                form,
                zone: self.mapping.zone.as_ref().filter(|_| is_local),
            };
            let compared = self.no_later(&value, at);
            return format!("({compared} AND {})", is_moment(self.dialect, name, type_name));
        }
        let ReadText { from, value, is_local } = text::read(self.dialect, &as_text(self.dialect, name));
        let form = form(self.dialect);
        let of = |zone| Value {
            text: &value,
            form,
            zone,
        };
        let local = self.no_later(&of(self.mapping.zone.as_ref()), at);
        let utc = self.no_later(&of(None), at);
        let condition = format!("CASE WHEN {is_local} THEN {local} ELSE {utc} END");
        match from {
            Some(from) => format!("(SELECT {condition} FROM ({from}) AS n)"),
            None => format!("({condition})"),
        }
    }

    /// Returns the condition that a value is no later than a moment.
    ///
    /// If the clocks of the zone show the moment's local time twice, a row with an earlier local time may be later. Then
    /// the condition excludes all local times that are doubtful with it. Around any other moment, an interval of doubtful
    /// times is all before it or all after it. The current time may be such a doubtful moment. So may the greatest
    /// moment of a column, if that value has an offset: of local times, only those without doubt count.
    fn no_later(&mut self, value: &Value<'_>, at: Timestamp) -> String {
        let since = value.zone.and_then(|zone| zone.doubtful_since(zone.local(at)));
        let Some(since) = since else {
            return self.compared(value, &Test::Within(vec![(Comparison::Lte, at)]));
        };
        let Value { text, form, .. } = value;
        let bound = self.bind(Bind::Text(form.written(since)));
        format!("{text} < {}", form.cast(&bound))
    }
}

/// Reads the answer to the expression of [`Compiler::newest_moment`].
pub(in super::super) fn newest_of(zone: Option<&Zone>, text: &str) -> Option<Timestamp> {
    let (local, utc) = text.split_once('|')?;
    let read = |text: &str| stored(text.trim_end_matches('.'));
    let local = read(local).and_then(|read| match (read, zone) {
        (Stored::At(at), _) => Some(at),
        (Stored::Local(at), Some(zone)) => zone.moment(at),
        (Stored::Local(at), None) => Offset::UTC.to_timestamp(at).ok(),
    });
    let utc = read(utc).and_then(|read| match read {
        Stored::At(at) => Some(at),
        Stored::Local(at) => Offset::UTC.to_timestamp(at).ok(),
    });
    local.max(utc)
}
