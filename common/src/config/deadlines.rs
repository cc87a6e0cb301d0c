//! `[deadlines]`: how long a person's request may take.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::error::ConfigErrors;
use super::text::{self, NAME, is_name};
use crate::deadline::{CalendarSpan, GDPR, NONE, Regime};

/// How long a person's request may take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Deadlines {
    /// The regime of the erasure of a person, and of a request with a ground or a time of arrival, where it names none.
    /// `none`: no deadline.
    pub default: String,
    /// The time before a deadline from which a job is due soon. It is shorter than the time of each regime.
    #[serde(deserialize_with = "text::duration")]
    pub soon: Duration,
    /// The regimes beside `gdpr` and `ccpa`.
    #[serde(rename = "regime")]
    pub own: Vec<OwnRegime>,
}

/// `[[deadlines.regime]]`: a rule of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OwnRegime {
    /// The word in requests.
    pub name: String,
    /// The time from the request's arrival to its deadline.
    #[serde(deserialize_with = "span")]
    pub within: CalendarSpan,
    /// The most time that an extension adds. Default: no extension.
    #[serde(default, deserialize_with = "span")]
    pub extension: CalendarSpan,
}

/// Reads a number of months or days.
fn span<'de, D: Deserializer<'de>>(from: D) -> Result<CalendarSpan, D::Error> {
    let text: String = Deserialize::deserialize(from)?;
    text.parse().map_err(D::Error::custom)
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            default: GDPR.to_owned(),
            // A week leaves time for a person to look, and to tell the other person of an extension.
            soon: Duration::from_hours(7 * 24),
            own: Vec::new(),
        }
    }
}

impl Deadlines {
    /// Returns the regime with this name.
    pub fn regime(&self, name: &str) -> Option<Regime> {
        let mut own = self.own.iter().map(|own| Regime {
            name: own.name.clone(),
            within: own.within,
            extension: own.extension,
        });
        let known = Regime::known().into_iter().find(|regime| regime.name == name);
        known.or_else(|| own.find(|regime| regime.name == name))
    }

    /// Returns the regime with the shortest time.
    fn shortest(&self) -> Option<Regime> {
        let regimes = self.names().filter_map(|name| self.regime(&name));
        // A regime without time has an error of its own.
        let regimes = regimes.filter(|regime| !regime.within.is_zero());
        regimes.min_by_key(|regime| regime.within.shortest())
    }

    /// Returns the names of all regimes.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let known = Regime::known().into_iter().map(|regime| regime.name);
        known.chain(self.own.iter().map(|own| own.name.clone()))
    }

    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        // Otherwise a job of that regime would be due soon from its first moment on.
        if let Some(Regime { name, within, .. }) = self.shortest()
            && self.soon >= within.shortest()
        {
            let days = within.shortest().as_secs() / (24 * 60 * 60);
            let change = format!("write less than {days}d: the regime `{name}` gives no more time");
            errors.push("deadlines.soon", change);
        }
        for (n, own) in self.own.iter().enumerate() {
            let path = format!("deadlines.regime[{n}]");
            errors.require(is_name(&own.name), format_args!("{path}.name"), NAME);
            let is_new = own.name != NONE && self.names().filter(|name| *name == own.name).count() == 1;
            errors.require(
                is_new,
                format_args!("{path}.name"),
                "write another name: this one is taken",
            );
            errors.require(
                !own.within.is_zero(),
                format_args!("{path}.within"),
                "write a time, such as \"30d\"",
            );
        }
        errors.require(
            self.default == NONE || self.regime(&self.default).is_some(),
            "deadlines.default",
            "write \"gdpr\", \"ccpa\", \"none\" or the name of a [[deadlines.regime]]",
        );
    }
}
