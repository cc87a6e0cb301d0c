//! The deadline of a job, by the regime of its request.
//!
//! A job by person has the regime of `deadlines.default` unless its request names another. Other jobs have a deadline only
//! if their request has a legal field. A dry run has none.

use jiff::Timestamp;
use lethe_common::clock::to_millis;
use lethe_common::config::Config;
use lethe_common::deadline::{NONE, Regime};
use lethe_common::ledger::{Deadline, Legal};

use super::request::Options;
use crate::http::problem::Problem;

/// Returns the legal facts of a job that is accepted at `now`. `of_person`: it is about all memories of a person.
pub(crate) fn legal(config: &Config, options: &Options, of_person: bool, now: Timestamp) -> Result<Legal, Problem> {
    let asked = &options.legal;
    asked.check_arrival(now)?;
    let is_asked = of_person || asked.ground.is_some() || asked.received_at.is_some();
    let default = is_asked.then_some(config.deadlines.default.as_str());
    let Some(regime) = regime(config, asked.regulation.as_deref().or(default))? else {
        if asked.received_at.is_some() {
            let what = "leave it out, or name a `regulation`: without one there is no deadline";
            return Err(Problem::invalid("received_at", what));
        }
        return Ok(Legal {
            ground: asked.ground.filter(|_| !options.dry_run),
            deadline: None,
        });
    };
    let received_at = to_millis(asked.received_at.unwrap_or(now));
    let due_at = regime.due(received_at).ok_or_else(|| {
        let what = "write a time whose deadline is in the calendar";
        Problem::invalid("received_at", what)
    })?;
    if options.dry_run {
        return Ok(Legal::default());
    }
    let deadline = Deadline {
        regulation: regime.name,
        received_at,
        due_at,
        extended: None,
    };
    Ok(Legal {
        ground: asked.ground,
        deadline: Some(deadline),
    })
}

/// Returns the regime with a name. `None`: without a name, or with the word for no deadline.
fn regime(config: &Config, name: Option<&str>) -> Result<Option<Regime>, Problem> {
    let Some(name) = name.filter(|name| *name != NONE) else {
        return Ok(None);
    };
    let regime = config.deadlines.regime(name);
    regime.map(Some).ok_or_else(|| {
        let names: Vec<_> = config.deadlines.names().map(|name| format!("`{name}`")).collect();
        let what = format!("write {} or `{NONE}`", names.join(", "));
        Problem::invalid("regulation", what)
    })
}

#[cfg(test)]
mod tests {
    use lethe_common::receipt::ErasureGround;

    use super::*;
    use crate::deletion::request::AskedLegal;

    const NOW: &str = "2026-03-01T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn asked(regulation: Option<&str>, received_at: Option<&str>) -> Options {
        Options {
            legal: AskedLegal {
                regulation: regulation.map(str::to_owned),
                ground: None,
                received_at: received_at.map(at),
            },
            ..Options::default()
        }
    }

    fn due(text: &str, options: &Options, of_person: bool) -> Option<String> {
        let config = Config::from_toml(text).unwrap();
        let legal = legal(&config, options, of_person, at(NOW)).map_err(|problem| problem.detail);
        let due = legal.unwrap().deadline.map(|deadline| deadline.due_at);
        due.and_then(lethe_common::clock::from_millis).map(|at| at.to_string())
    }

    #[test]
    fn a_job_by_person_has_the_default_regime_and_another_job_has_none() {
        let april = Some("2026-04-01T12:00:00Z".to_owned());
        assert_eq!(due("", &asked(None, None), true), april);
        assert_eq!(due("", &asked(None, None), false), None);
        assert_eq!(due("", &asked(Some("gdpr"), None), false), april);
        assert_eq!(due("", &asked(Some("none"), None), true), None);
        let off = "[deadlines]\ndefault = \"none\"";
        assert_eq!(due(off, &asked(None, None), true), None);
        assert_eq!(due(off, &asked(Some("gdpr"), None), true), april);
        let dry = Options {
            dry_run: true,
            ..asked(Some("gdpr"), None)
        };
        assert_eq!(due("", &dry, true), None);
        let grounded = Options {
            legal: AskedLegal {
                ground: Some(ErasureGround::ConsentWithdrawn),
                ..AskedLegal::default()
            },
            ..Options::default()
        };
        assert_eq!(due("", &grounded, false), april);
        assert_eq!(due(off, &grounded, false), None);
    }

    #[test]
    fn the_arrival_begins_the_time() {
        let january = asked(None, Some("2026-01-31T08:00:00Z"));
        assert_eq!(due("", &january, false).unwrap(), "2026-02-28T08:00:00Z");
        let own = "[[deadlines.regime]]\nname = \"contract\"\nwithin = \"10d\"";
        let asked = asked(Some("contract"), Some("2026-02-20T08:00:00Z"));
        assert_eq!(due(own, &asked, false).unwrap(), "2026-03-02T08:00:00Z");
    }

    #[test]
    fn a_regime_that_nobody_knows_and_a_time_to_come_are_refused() {
        let config = Config::from_toml("[deadlines]\ndefault = \"none\"").unwrap();
        let field = |options: &Options| legal(&config, options, true, at(NOW)).unwrap_err().field;
        assert_eq!(field(&asked(Some("hipaa"), None)).as_deref(), Some("regulation"));
        for wrong in ["2026-03-01T12:02:00Z", "2015-01-01T00:00:00Z"] {
            let options = asked(Some("gdpr"), Some(wrong));
            assert_eq!(field(&options).as_deref(), Some("received_at"), "{wrong}");
        }
        let without = asked(None, Some("2026-02-20T08:00:00Z"));
        assert_eq!(field(&without).as_deref(), Some("received_at"));
    }
}
