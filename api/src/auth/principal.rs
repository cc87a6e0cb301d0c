//! The caller of a request: its rights, and the memories that it reaches.
//!
//! All decisions follow from the credentials, without a store or the ledger. A caller that is bound to a person, to
//! workspaces or to targets never reaches beyond them, whatever a request says.

use std::collections::BTreeSet;

use lethe_common::config::{Bounds, Config, Scope, Target};
use lethe_common::ledger::{Actor, Aim, JobView, Whose};

use super::denied::Denied;
use super::origin::Origin;

/// A caller, as its credentials prove it.
// Bounds hold a person's id: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The caller's name in jobs and logs: the key's name, or a word made of a token's issuer and subject. The word
    /// identifies no person.
    pub(crate) name: String,
    pub(super) scopes: BTreeSet<Scope>,
    pub(super) bounds: Bounds,
    origin: Origin,
}

impl Principal {
    pub(crate) fn new(name: &str, scopes: impl IntoIterator<Item = Scope>, bounds: Bounds) -> Self {
        Self {
            name: name.to_owned(),
            scopes: scopes.into_iter().collect(),
            bounds,
            origin: Origin::default(),
        }
    }

    /// Returns the caller with the origin of its request.
    pub(super) fn from(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Returns the caller as the audit trail names it.
    pub(crate) fn actor(&self) -> Actor {
        self.origin.actor(&self.name)
    }

    pub(crate) fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// Refuses a caller that does not have `scope`.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), Denied> {
        if self.has(scope) {
            Ok(())
        } else {
            Err(Denied::Scope(scope))
        }
    }

    /// Returns the bounds that the credentials add to a request. With other bounds the same body is another request.
    pub(crate) fn adds(&self) -> Vec<u8> {
        let Bounds {
            user,
            workspaces,
            targets,
        } = &self.bounds;
        serde_json::to_vec(&(user, workspaces, targets)).expect("texts are JSON")
    }

    /// Refuses a caller that may erase nothing, before its body is read.
    pub(crate) fn require_erasing(&self) -> Result<(), Denied> {
        let scopes = [Scope::MemoriesDeleteAny, Scope::SubjectsErase];
        if scopes.into_iter().any(|scope| self.has(scope)) {
            return Ok(());
        }
        self.require(Scope::MemoriesDelete)
    }

    /// Returns the person to whom the caller is bound.
    pub(crate) fn user(&self) -> Option<&str> {
        self.bounds.user.as_deref()
    }

    /// Returns the owner condition of a deletion by ids or query; `asked` is the owner that the caller named.
    ///
    /// # Errors
    /// Denied if the caller may not erase at all, names a foreign owner, or has to name one.
    pub(crate) fn owner(&self, asked: Option<&str>) -> Result<Option<String>, Denied> {
        let any = self.has(Scope::MemoriesDeleteAny);
        if !any && !self.has(Scope::MemoriesDelete) {
            return Err(Denied::Scope(Scope::MemoriesDelete));
        }
        match (self.user(), asked) {
            (Some(user), None) => Ok(Some(user.to_owned())),
            (Some(user), Some(asked)) if user != asked => Err(Denied::OwnerForeign),
            (_, Some(asked)) => Ok(Some(asked.to_owned())),
            (None, None) if any => Ok(None),
            (None, None) => Err(Denied::OwnerNeeded),
        }
    }

    /// Returns the owner condition of a deletion of all memories of a person.
    ///
    /// A caller bound to a person may erase everything of that person with `memories:delete`.
    ///
    /// # Errors
    /// Denied if the caller may not erase persons, or names another person than its own.
    pub(crate) fn subject(&self, asked: Option<&str>) -> Result<Option<String>, Denied> {
        let own = self.user().is_some() && self.has(Scope::MemoriesDelete);
        if !own && !self.has(Scope::SubjectsErase) {
            return Err(Denied::Scope(Scope::SubjectsErase));
        }
        match (self.user(), asked) {
            (Some(user), None) => Ok(Some(user.to_owned())),
            (Some(user), Some(asked)) if user != asked => Err(Denied::OwnerForeign),
            (_, asked) => Ok(asked.map(str::to_owned)),
        }
    }

    /// Returns the workspace condition of a deletion; `asked` is the workspace that the caller named.
    ///
    /// # Errors
    /// Denied if the caller names a workspace that it may not reach, or has to name one.
    pub(crate) fn workspace(&self, asked: Option<&str>) -> Result<Option<String>, Denied> {
        let Some(bound) = &self.bounds.workspaces else {
            return Ok(asked.map(str::to_owned));
        };
        match asked {
            Some(asked) if bound.contains(asked) => Ok(Some(asked.to_owned())),
            Some(_) => Err(Denied::WorkspaceForeign),
            None if bound.len() == 1 => Ok(bound.first().cloned()),
            None => Err(Denied::WorkspaceNeeded),
        }
    }

    /// Returns the targets that the caller reaches; the others do not exist for it.
    pub(crate) fn targets<'a>(&self, config: &'a Config) -> Vec<&'a Target> {
        let reached = |target: &&Target| self.reaches(&target.name);
        config.targets.iter().filter(reached).collect()
    }

    /// Returns whether the caller reaches a target.
    pub(crate) fn reaches(&self, target: &str) -> bool {
        let targets = self.bounds.targets.as_ref();
        targets.is_none_or(|targets| targets.contains(target))
    }

    // Whether the caller sees jobs of other callers.
    // After its retention a job no longer tells whose memories it was about. So a caller bound to a person or to
    // workspaces sees only its own jobs.
    fn sees_all(&self) -> bool {
        !self.is_bound_inside() && (self.has(Scope::JobsRead) || self.has(Scope::JobsAdmin))
    }

    // Whether the caller reaches only a part of a target's memories.
    pub(crate) fn is_bound_inside(&self) -> bool {
        self.bounds.user.is_some() || self.bounds.workspaces.is_some()
    }

    /// Returns whether the caller sees this job.
    pub(crate) fn sees(&self, job: &JobView) -> bool {
        self.sees_job_of(&job.principal, &job.targets)
    }

    /// Returns whether the caller sees a job of `principal` about these targets.
    pub(crate) fn sees_job_of(&self, principal: &str, targets: &BTreeSet<String>) -> bool {
        self.reaches_all(targets) && (principal == self.name || self.sees_all())
    }

    /// Returns whether the caller sees the receipt of a job of `principal` about these targets.
    pub(crate) fn sees_receipt_of(&self, principal: &str, targets: &BTreeSet<String>) -> bool {
        self.reaches_all(targets) && (principal == self.name || self.sees_all_receipts())
    }

    // A receipt no longer tells whose memories it is about. So the scope is not enough for a bound caller.
    fn sees_all_receipts(&self) -> bool {
        self.sees_all() || !self.is_bound_inside() && self.has(Scope::ReceiptsRead)
    }

    /// Returns whether the caller sees a schedule of `principal`. Without `target` it is about several targets.
    pub(crate) fn sees_schedule(&self, principal: &str, target: Option<&str>) -> bool {
        let own = principal == self.name && target.is_none_or(|target| self.reaches(target));
        own || self.sees_all() && self.reaches_schedule(target)
    }

    /// Refuses a caller that may not cancel, retry or change a job. A caller that may erase controls its own jobs.
    pub(crate) fn require_control(&self, job: &JobView) -> Result<(), Denied> {
        self.require_control_of(&job.principal, self.reaches_all(&job.targets))
    }

    /// Refuses a caller that controls no job, not even one of its own.
    pub(crate) fn require_some_control(&self) -> Result<(), Denied> {
        self.require_control_of(&self.name, true)
    }

    /// Refuses a caller that may not change a schedule of `principal`. Without `target` it is about several targets.
    pub(crate) fn require_control_of_schedule(&self, principal: &str, target: Option<&str>) -> Result<(), Denied> {
        self.require_control_of(principal, self.reaches_schedule(target))
    }

    fn require_control_of(&self, principal: &str, is_reached: bool) -> Result<(), Denied> {
        let erases = [Scope::MemoriesDelete, Scope::MemoriesDeleteAny, Scope::SubjectsErase];
        let own = principal == self.name && erases.into_iter().any(|scope| self.has(scope));
        if !is_reached {
            return Err(Denied::Bound);
        }
        if own { Ok(()) } else { self.require(Scope::JobsAdmin) }
    }

    /// Returns whether a job lies within the caller's bounds. A new key under an old name takes over the jobs of that
    /// name, and may be bound to another person.
    pub(crate) fn is_within(&self, aim: &Aim) -> bool {
        let is_users = |user: &String| match &aim.subject {
            Some(subject) => {
                let mut names = subject.user_id.iter().chain(&subject.aliases).peekable();
                names.peek().is_some() && names.all(|name| name == user)
            }
            None => aim.owner.as_ref() == Some(user),
        };
        let workspace = || aim.workspace.as_ref();
        self.bounds.user.as_ref().is_none_or(is_users)
            && (self.bounds.workspaces.as_ref())
                .is_none_or(|bound| workspace().is_some_and(|workspace| bound.contains(workspace)))
    }

    /// Refuses a retry to a caller that could not submit the same job now, since each attempt erases. A caller with
    /// `jobs:admin` may retry jobs of others.
    pub(crate) fn require_again(&self, aim: &Aim) -> Result<(), Denied> {
        if !self.is_within(aim) {
            return Err(Denied::OwnerForeign);
        }
        if self.has(Scope::JobsAdmin) {
            return Ok(());
        }
        match &aim.subject {
            Some(subject) => self.subject(subject.user_id.as_deref()).map(drop),
            None => self.owner(aim.owner.as_deref()).map(drop),
        }
    }

    /// Refuses a caller whose credentials do not cover all of `target`, or everything if there is no target.
    pub(crate) fn require_all_of(&self, target: Option<&str>) -> Result<(), Denied> {
        let whole = target.is_some_and(|target| self.reaches(target)) || self.reaches_every_target();
        if self.is_bound_inside() || !whole {
            return Err(Denied::Bound);
        }
        Ok(())
    }

    /// Returns the filter for the jobs that the caller may list.
    pub(crate) fn seen(&self) -> Whose {
        self.whose(self.sees_all())
    }

    /// Returns the filter for the receipts that the caller may list.
    pub(crate) fn seen_receipts(&self) -> Whose {
        self.whose(self.sees_all_receipts())
    }

    fn whose(&self, all: bool) -> Whose {
        let name = self.name.clone();
        match &self.bounds.targets {
            _ if !all => Whose::Of(name),
            Some(targets) => Whose::OfOrAbout(name, targets.clone()),
            None => Whose::All,
        }
    }

    /// Returns whether the caller is bound to no targets.
    pub(crate) fn reaches_every_target(&self) -> bool {
        self.bounds.targets.is_none()
    }

    // Only a caller that reaches all targets of a job sees it.
    fn reaches_all(&self, targets: &BTreeSet<String>) -> bool {
        targets.iter().all(|target| self.reaches(target))
    }

    // A schedule about several targets may cover more targets later.
    fn reaches_schedule(&self, target: Option<&str>) -> bool {
        target.map_or_else(|| self.reaches_every_target(), |target| self.reaches(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(scopes: &[Scope], bounds: Bounds) -> Principal {
        Principal::new("p", scopes.iter().copied(), bounds)
    }

    fn of_user(user: &str) -> Bounds {
        Bounds {
            user: Some(user.to_owned()),
            ..Bounds::default()
        }
    }

    fn of_workspaces(names: &[&str]) -> Bounds {
        Bounds {
            workspaces: Some(names.iter().map(|&name| name.to_owned()).collect()),
            ..Bounds::default()
        }
    }

    #[test]
    fn an_owner_is_demanded_as_far_as_the_credentials_reach() {
        let some = |name: &str| Ok(Some(name.to_owned()));
        for (scopes, bounds, asked, expected) in [
            (&[Scope::MemoriesDelete][..], of_user("ana"), None, some("ana")),
            (&[Scope::MemoriesDelete], of_user("ana"), Some("ana"), some("ana")),
            (
                &[Scope::MemoriesDelete],
                of_user("ana"),
                Some("Ana"),
                Err(Denied::OwnerForeign),
            ),
            (&[Scope::Admin], of_user("ana"), None, some("ana")),
            (&[Scope::Admin], of_user("ana"), Some("ben"), Err(Denied::OwnerForeign)),
            (
                &[Scope::MemoriesDelete],
                Bounds::default(),
                None,
                Err(Denied::OwnerNeeded),
            ),
            (&[Scope::MemoriesDelete], Bounds::default(), Some("ben"), some("ben")),
            (&[Scope::MemoriesDeleteAny], Bounds::default(), None, Ok(None)),
            (
                &[Scope::SubjectsErase],
                of_user("ana"),
                None,
                Err(Denied::Scope(Scope::MemoriesDelete)),
            ),
        ] {
            assert_eq!(principal(scopes, bounds).owner(asked), expected, "{scopes:?} {asked:?}");
        }
    }

    #[test]
    fn a_person_may_erase_all_of_itself_and_nobody_else() {
        let own = principal(&[Scope::MemoriesDelete], of_user("ana"));
        assert_eq!(own.subject(None), Ok(Some("ana".to_owned())));
        assert_eq!(own.subject(Some("ben")), Err(Denied::OwnerForeign));
        let service = principal(&[Scope::MemoriesDeleteAny], Bounds::default());
        assert_eq!(service.subject(Some("ben")), Err(Denied::Scope(Scope::SubjectsErase)));
        let privacy = principal(&[Scope::SubjectsErase], Bounds::default());
        assert_eq!(privacy.subject(None), Ok(None));
    }

    #[test]
    fn a_workspace_is_imposed_where_there_is_one_and_named_where_there_are_several() {
        let of = |names| principal(&[Scope::Admin], of_workspaces(names));
        assert_eq!(of(&["w"]).workspace(None), Ok(Some("w".to_owned())));
        assert_eq!(of(&["v", "w"]).workspace(None), Err(Denied::WorkspaceNeeded));
        assert_eq!(of(&["v", "w"]).workspace(Some("w")), Ok(Some("w".to_owned())));
        assert_eq!(of(&["v"]).workspace(Some("w")), Err(Denied::WorkspaceForeign));
        assert_eq!(of(&[]).workspace(None), Err(Denied::WorkspaceNeeded));
        assert_eq!(principal(&[], Bounds::default()).workspace(None), Ok(None));
    }
}
