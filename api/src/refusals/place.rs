//! The object of a refused act.

use lethe_common::config::{Config, is_name};
use lethe_common::job::JobId;
use lethe_common::ledger::{Ledger, LedgerError, Object};

/// The object that a path names. Nobody has checked yet that it exists.
// A caller may write anything into a path, also a memory's id or a person: no `Debug`.
pub(super) enum Place {
    Job(JobId),
    Key(String),
    Schedule(String),
    Hold(String),
    Target(String),
}

impl Place {
    /// Returns the object that the path of a native route or of a page names.
    pub(super) fn of(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/v1/").or_else(|| path.strip_prefix("/console/"))?;
        let mut parts = rest.split('/');
        let (kind, name) = (parts.next()?, parts.next()?);
        if kind == "jobs" {
            return name.parse().ok().map(Self::Job);
        }
        let named: fn(String) -> Self = match kind {
            "keys" => Self::Key,
            "schedules" => Self::Schedule,
            "holds" => Self::Hold,
            "targets" => Self::Target,
            _ => return None,
        };
        is_name(name).then(|| named(name.to_owned()))
    }

    /// Returns the object as the trail names it, if it exists.
    pub(super) async fn object(&self, config: &Config, ledger: &Ledger) -> Result<Option<Object<'_>>, LedgerError> {
        let (exists, object) = match self {
            Self::Job(id) => (ledger.job(*id).await?.is_some(), Object::Job(*id)),
            Self::Key(name) => {
                let is_configured = config.auth.keys.iter().any(|key| key.name == *name);
                let exists = is_configured || ledger.key_by_name(name).await?.is_some();
                (exists, Object::Key(name))
            }
            Self::Schedule(name) => (ledger.schedule(name).await?.is_some(), Object::Schedule(name)),
            Self::Hold(name) => (ledger.hold(name).await?.is_some(), Object::Hold(name)),
            Self::Target(name) => (config.target(name).is_some(), Object::Target(name)),
        };
        Ok(exists.then_some(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_native_routes_and_pages_name_an_object() {
        assert!(matches!(Place::of("/v1/keys/nightly/rotate"), Some(Place::Key(name)) if name == "nightly"));
        for root in ["/v1", "/console"] {
            let job = format!("{root}/jobs/00000000-0000-7000-8000-000000000000/cancel");
            assert!(matches!(Place::of(&job), Some(Place::Job(_))), "{job}");
        }
        for path in [
            "/v1/jobs",
            "/v1/jobs/ana/cancel",
            "/v1/keys/ana@example.com",
            "/v1/keys/%61",
            "/v1/keys/",
            "/v1/memories/ana/",
            "/memories/v1/keys/ana",
            "/keys/ana",
        ] {
            assert!(Place::of(path).is_none(), "{path}");
        }
    }
}
