//! The acts of the audit trail, and their objects.

use std::fmt;

use strum::{EnumIter, EnumString, IntoStaticStr};

use crate::job::JobId;

/// An act of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, EnumString, IntoStaticStr)]
pub enum Act {
    /// An API key was created.
    #[strum(serialize = "key.create")]
    KeyCreate,
    /// An API key was given another secret.
    #[strum(serialize = "key.rotate")]
    KeyRotate,
    /// An API key was revoked.
    #[strum(serialize = "key.revoke")]
    KeyRevoke,
    /// API keys were listed, with the users to which they are bound.
    #[strum(serialize = "key.list")]
    KeyList,
    /// Everything, or a target, was paused.
    #[strum(serialize = "pause")]
    Pause,
    /// The pause of everything, or of a target, was lifted.
    #[strum(serialize = "resume")]
    Resume,
    /// A job was submitted. The trail has only refused submissions: the row of an accepted job records its caller.
    #[strum(serialize = "job.create")]
    JobCreate,
    /// A job was cancelled.
    #[strum(serialize = "job.cancel")]
    JobCancel,
    /// A job was queued for another attempt.
    #[strum(serialize = "job.retry")]
    JobRetry,
    /// A job was given another rate limit.
    #[strum(serialize = "job.throttle")]
    JobThrottle,
    /// The deadline of a job was extended.
    #[strum(serialize = "job.extend")]
    JobExtend,
    /// Ids of a job's memories were read.
    #[strum(serialize = "job.items")]
    JobItems,
    /// The result of a task was deleted.
    #[strum(serialize = "task.forget")]
    TaskForget,
    /// A schedule was created.
    #[strum(serialize = "schedule.create")]
    ScheduleCreate,
    /// A schedule was replaced.
    #[strum(serialize = "schedule.replace")]
    ScheduleReplace,
    /// A schedule was deleted.
    #[strum(serialize = "schedule.delete")]
    ScheduleDelete,
    /// A schedule was paused.
    #[strum(serialize = "schedule.pause")]
    SchedulePause,
    /// The pause of a schedule was lifted.
    #[strum(serialize = "schedule.resume")]
    ScheduleResume,
    /// Schedules were read, with the persons and ids that their jobs name.
    #[strum(serialize = "schedule.read")]
    ScheduleRead,
    /// A hold was placed, or replaced.
    #[strum(serialize = "hold.put")]
    HoldPut,
    /// A hold was released.
    #[strum(serialize = "hold.release")]
    HoldRelease,
    /// A hold expired.
    #[strum(serialize = "hold.expire")]
    HoldExpire,
    /// Holds were read, with the persons and ids that they name.
    #[strum(serialize = "hold.read")]
    HoldRead,
    /// A published mapping was retired.
    #[strum(serialize = "mapping.retire")]
    MappingRetire,
    /// Somebody signed in to the console. The trail has only refused sign-ins: the acts of a session have events.
    #[strum(serialize = "console.sign_in")]
    SignIn,
    /// The audit trail was read.
    #[strum(serialize = "audit.read")]
    AuditRead,
}

impl Act {
    /// Returns the word used in the ledger, in answers and in logs.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The object of an act.
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// All of its kind.
    All,
    /// A job.
    Job(JobId),
    /// An API key, by its name.
    Key(&'a str),
    /// A target, by its name.
    Target(&'a str),
    /// A schedule, by its name.
    Schedule(&'a str),
    /// A hold, by its name.
    Hold(&'a str),
    /// A mapping, by its target and table.
    Mapping(&'a str, &'a str),
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = self.parts();
        write!(f, "{kind}/{id}")
    }
}

impl Object<'_> {
    /// Returns its type and its id.
    pub(super) fn parts(self) -> (&'static str, String) {
        match self {
            Self::All => ("all", "*".to_owned()),
            Self::Job(id) => ("job", id.to_string()),
            Self::Key(name) => ("key", name.to_owned()),
            Self::Target(name) => ("target", name.to_owned()),
            Self::Schedule(name) => ("schedule", name.to_owned()),
            Self::Hold(name) => ("hold", name.to_owned()),
            Self::Mapping(target, table) => ("mapping", format!("{target}/{table}")),
        }
    }
}
