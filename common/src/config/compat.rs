//! `[compat]`: the delete APIs of other systems.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use strum::{EnumString, VariantNames};

use super::error::ConfigErrors;
use super::target::Target;
use super::text;

/// The types of memories in OpenSearch.
const TYPES: [&str; 4] = ["sessions", "working", "long-term", "history"];

/// The delete APIs of other systems.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Compat {
    /// The time that a request waits for its job before the answer 202. 0: no wait.
    #[serde(deserialize_with = "text::duration")]
    pub wait: Duration,
    /// The answer to Agno's, Mielto's and MemoryPlugin's clients whose job has not ended by then.
    pub on_timeout: OnTimeout,
    /// The place of Mielto's memories.
    pub mielto: CompatTarget,
    /// The place of MemoryPlugin's memories.
    pub memoryplugin: CompatTarget,
    /// The place of mem0's memories.
    pub mem0: CompatTarget,
    /// The meaning of OpenSearch's containers and types of memories.
    pub opensearch: OpenSearch,
}

/// The answer to a client whose job has not ended in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, EnumString, VariantNames)]
#[serde(try_from = "String")]
pub enum OnTimeout {
    /// 202 with the job.
    #[default]
    #[strum(serialize = "202")]
    Accepted,
    /// 503: the client repeats the request, and waits for the same job.
    #[strum(serialize = "503")]
    Unavailable,
}

impl TryFrom<String> for OnTimeout {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text::word(&text)
    }
}

/// The meaning of OpenSearch's containers and types of memories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct OpenSearch {
    /// The meaning of a container.
    pub containers: Containers,
    /// The target whose workspaces are the containers; default: the only one.
    pub target: Option<String>,
    /// The table of each type of memory, where its name is not the type's.
    pub types: BTreeMap<String, String>,
}

/// The meaning of a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, EnumString, VariantNames)]
#[serde(try_from = "String")]
#[strum(serialize_all = "lowercase")]
pub enum Containers {
    /// A target.
    #[default]
    Targets,
    /// A workspace of one target.
    Workspaces,
}

impl TryFrom<String> for Containers {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text::word(&text)
    }
}

/// The place of a system's memories, if the system's API names neither a database nor a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CompatTarget {
    /// The target; default: the only one.
    pub target: Option<String>,
    /// The table inside it; default: the only one.
    pub table: Option<String>,
}

impl Default for Compat {
    fn default() -> Self {
        Self {
            // Several times a deletion with healthy stores. Below the time limit of 10 s of usual clients.
            wait: Duration::from_secs(5),
            on_timeout: OnTimeout::default(),
            mielto: CompatTarget::default(),
            memoryplugin: CompatTarget::default(),
            mem0: CompatTarget::default(),
            opensearch: OpenSearch::default(),
        }
    }
}

impl Compat {
    pub(super) fn check(&self, targets: &[Target], errors: &mut ConfigErrors) {
        for (name, place) in [
            ("mielto", &self.mielto),
            ("memoryplugin", &self.memoryplugin),
            ("mem0", &self.mem0),
        ] {
            place.check(name, targets, errors);
        }
        self.opensearch.check(targets, errors);
    }
}

impl OpenSearch {
    fn check(&self, targets: &[Target], errors: &mut ConfigErrors) {
        let place = CompatTarget {
            target: self.target.clone(),
            table: None,
        };
        place.check("opensearch", targets, errors);
        errors.require(
            self.target.is_none() || self.containers == Containers::Workspaces,
            "compat.opensearch.target",
            "remove it, or write containers = \"workspaces\"",
        );
        for name in self.types.keys() {
            errors.require(
                TYPES.contains(&name.as_str()),
                format_args!("compat.opensearch.types.{name}"),
                "unknown type; write sessions, working, long-term or history",
            );
        }
    }
}

impl CompatTarget {
    // `lethe up` adds its own target later, so a name is checked only if the file has targets.
    fn check(&self, system: &str, targets: &[Target], errors: &mut ConfigErrors) {
        let known = |name: &String| targets.iter().find(|target| target.name == *name);
        let target = match &self.target {
            Some(name) => known(name),
            None => targets.first().filter(|_| targets.len() == 1),
        };
        errors.require(
            self.target.is_none() || target.is_some() || targets.is_empty(),
            format_args!("compat.{system}.target"),
            "write the name of a [[target]]",
        );
        let Some((target, table)) = target.zip(self.table.as_ref()) else {
            return;
        };
        errors.require(
            target.table(table).is_some(),
            format_args!("compat.{system}.table"),
            "write the name of a [[target.table]] of this target",
        );
    }
}
