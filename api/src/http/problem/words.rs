//! Problems in the words of other systems.

use super::kind::Kind;
use super::value::Problem;

impl Problem {
    /// Renames the field for a compatible API. `words` pairs the beginnings of native names with those of that API.
    pub(crate) fn in_words(self, words: &[(&str, &str)]) -> Self {
        let renamed = self.field.as_ref().and_then(|field| {
            let there = |(here, there): &(&str, &str)| Some(format!("{there}{}", field.strip_prefix(here)?));
            Some((format!("`{field}`"), words.iter().find_map(there)?))
        });
        match renamed {
            Some((here, there)) => Self {
                detail: self.detail.replacen(&here, &format!("`{there}`"), 1),
                field: Some(there),
                ..self
            },
            None => self,
        }
    }

    /// Replaces the detail.
    pub(crate) fn says(self, detail: String) -> Self {
        Self { detail, ..self }
    }

    /// Writes `what` before the detail, if the problem is of this kind.
    pub(crate) fn beginning(self, kind: Kind, what: &str) -> Self {
        if self.kind == kind {
            let detail = format!("{what}: {}", self.detail);
            return self.says(detail);
        }
        self
    }

    /// Returns the problem of a request that only reads. It makes no job, so its advice names no idempotency key.
    pub(crate) fn of_reading(self) -> Self {
        match self.kind {
            Kind::LedgerUnavailable | Kind::Slow if self.detail == self.kind.usual_detail() => {
                self.says("send the request again".to_owned())
            }
            _ => self,
        }
    }

    /// Returns the text for a body that has one text only.
    pub(crate) fn text(&self, request_id: &str) -> String {
        match self.kind {
            Kind::Internal => {
                format!("Internal server error; the service's log has details under the request id {request_id}")
            }
            // Only the native API has idempotency keys.
            _ => match self.detail.split_once(", with the same idempotency key") {
                Some((detail, _)) => detail.to_owned(),
                None => self.detail.clone(),
            },
        }
    }
}
