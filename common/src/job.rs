//! The types of a job that every part shares: ids, selectors, conditions, outcomes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoStaticStr};
use uuid::Uuid;

/// The id of a job: a version 7 UUID, so that ids sort by the time of acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl JobId {
    /// Returns a new id.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Returns the bound of ids made at a time, in milliseconds since 1970: ids from then on are greater.
    pub fn first_at(at: i64) -> Self {
        let at = u64::try_from(at).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(at, &[0; 10]).into_uuid())
    }

    /// Returns the bound after all ids of the same millisecond. It tells no more of this id than its time.
    #[must_use]
    pub fn bound_after(self) -> Self {
        // The time is in the first 48 bits.
        Self::first_at(i64::try_from(self.0.as_u128() >> 80).unwrap_or(0) + 1)
    }
}

impl Default for JobId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// A person, or an agent that acts for one, whose memories are erased; all fields that are given must match.
// No `Debug` with the values: a subject is personal data.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Other names of the owner: another account, an e-mail address, a number in another system. Memories under
    /// each name are looked for, with the same other fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
    /// The run or session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(..)")
    }
}

impl Subject {
    /// Returns whether no field is given.
    pub fn is_empty(&self) -> bool {
        self.fields().next().is_none()
    }

    /// Returns the fields that are given, each with its meaning.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &str)> {
        self.fields_as(0)
    }

    /// Returns the fields that are given, under one of the owner's names: 0 is `user_id`, the others are
    /// the aliases.
    ///
    /// # Panics
    /// If there is no such name: the fields would then match every owner.
    pub fn fields_as(&self, name: u32) -> impl Iterator<Item = (Field, &str)> {
        let user = match self.alias(name) {
            None if name > 0 => panic!("a partition is about an alias that its job has"),
            user => user,
        };
        [
            (Field::User, user),
            (Field::Agent, self.agent_id.as_deref()),
            (Field::App, self.app_id.as_deref()),
            (Field::Run, self.run_id.as_deref()),
            (Field::Workspace, self.workspace.as_deref()),
        ]
        .into_iter()
        .filter_map(|(field, value)| value.map(|value| (field, value)))
    }

    /// Returns how many names the owner has, at least one.
    pub fn names(&self) -> u32 {
        u32::try_from(self.aliases.len()).unwrap_or(u32::MAX - 1) + 1
    }

    fn alias(&self, name: u32) -> Option<&str> {
        match name.checked_sub(1) {
            None => self.user_id.as_deref(),
            Some(alias) => self.aliases.get(alias as usize).map(String::as_str),
        }
    }
}

/// The meaning of a mapped column or payload field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// The owner.
    User,
    /// The agent.
    Agent,
    /// The application.
    App,
    /// The run or session.
    Run,
    /// The workspace.
    Workspace,
    /// The kind of memory.
    Kind,
}

/// The kind of selector of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SelectorKind {
    /// A list of ids.
    Ids,
    /// A filter.
    Query,
    /// Everything of a person.
    Subject,
}

impl SelectorKind {
    /// Returns the word used in the ledger and in answers.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The part that a store plays inside a target, for any product.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum StoreKind {
    /// The SQL database.
    Sql,
    /// The vector store.
    Vector,
}

impl StoreKind {
    /// Returns the word used in the ledger, in answers and in metric labels.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The outcome of one memory in one store. Later variants weigh more: of the outcomes that keep a job from
/// succeeding, the last one names its error.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// It was there and is gone.
    Erased,
    /// It was not there, or not under the job's conditions.
    Absent,
    /// A hold keeps it.
    Held,
    /// It changed since it was selected.
    Conflicted,
    /// The store cannot do the requested operation.
    Unsupported,
    /// A vector without a row, whose owner is unknown; it stays.
    Unverifiable,
    /// It could not be erased.
    Failed,
    /// Not touched: the job was cancelled, or it was a dry run.
    Left,
}

impl Outcome {
    /// Returns the word used in the ledger, in answers and in metric labels.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns whether a job with such a memory fails: the memory may still be there, against the request.
    pub const fn fails_job(self) -> bool {
        match self {
            Self::Unsupported | Self::Unverifiable | Self::Failed => true,
            Self::Erased | Self::Absent | Self::Held | Self::Conflicted | Self::Left => false,
        }
    }

    /// Returns whether nothing remains to be done about such a memory.
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Erased | Self::Absent => true,
            Self::Held | Self::Conflicted | Self::Unsupported | Self::Unverifiable | Self::Failed | Self::Left => false,
        }
    }

    /// Returns whether a retry of the job asks for such a memory again. Memories that were left are not listed: a retry
    /// continues their partitions.
    pub const fn is_retried(self) -> bool {
        match self {
            Self::Held | Self::Conflicted | Self::Unsupported | Self::Unverifiable | Self::Failed => true,
            Self::Erased | Self::Absent | Self::Left => false,
        }
    }

    /// Returns whether such memories are listed by id. The others are only counted.
    pub const fn is_listed(self) -> bool {
        match self {
            Self::Absent | Self::Held | Self::Conflicted | Self::Unsupported | Self::Unverifiable | Self::Failed => {
                true
            }
            Self::Erased | Self::Left => false,
        }
    }
}
