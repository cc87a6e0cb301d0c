//! Groups claimed partitions that share calls to the stores.

use lethe_common::ledger::{Kind, Lease, Work};

/// The maximum number of small partitions in one claim.
// One group of them fills a batch of the default size.
pub(crate) const SMALL_JOBS_A_CLAIM: u32 = 1_000;

/// Returns how many small partitions form a group after so many failures: an eighth as many each time. A slow partition
/// is soon alone, and partitions that met a slow store still share calls.
fn company(failures: u32) -> usize {
    ((SMALL_JOBS_A_CLAIM as usize) >> failures.saturating_mul(3).min(usize::BITS - 1)).max(1)
}

/// Groups small partitions of one route, kind and failure count, as many as fit into a batch.
pub(crate) fn grouped(leases: Vec<Lease>, batch: usize) -> Vec<Vec<Lease>> {
    let mut groups: Vec<(usize, Vec<Lease>)> = Vec::new();
    for lease in leases {
        let size = match &lease.work {
            Work::Ids(ids) => ids.len(),
            // Each list of points is read back, and looked at again, on its own.
            Work::Listed(_) | Work::Range { .. } | Work::Points | Work::Subject | Work::Query => batch,
        };
        let shares = shares_calls(&lease);
        let fitting = groups.iter_mut().find(|(used, group)| {
            shares
                && used + size <= batch
                && group.len() < company(lease.failures)
                && group.first().is_some_and(|first| {
                    let alike = first.kind == lease.kind && first.failures == lease.failures;
                    shares_calls(first) && alike && first.route == lease.route
                })
        });
        match fitting {
            Some((used, group)) => {
                *used += size;
                group.push(lease);
            }
            None => groups.push((size, vec![lease])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn shares_calls(lease: &Lease) -> bool {
    !lease.alone && lease.intent.is_none() && matches!(lease.kind, Kind::Erase | Kind::ReadBack)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fixture::lease_with;

    #[test]
    fn lists_of_ids_share_calls_and_lists_of_points_do_not() {
        let of = |work: fn(Arc<[String]>) -> Work| {
            let small = |token| Lease {
                work: work(["1".to_owned()].into()),
                kind: Kind::ReadBack,
                alone: false,
                ..lease_with(token)
            };
            grouped(vec![small(1), small(2)], 1_000).len()
        };
        assert_eq!((of(Work::Ids), of(Work::Listed)), (1, 2));
    }

    #[test]
    fn a_group_that_failed_is_tried_in_parts() {
        let groups = |failures| {
            let small = |token| Lease {
                work: Work::Ids(["1".to_owned()].into()),
                kind: Kind::Erase,
                alone: false,
                failures,
                ..lease_with(token)
            };
            let groups = grouped((0..1_000).map(small).collect(), 1_000);
            groups.iter().map(Vec::len).max().unwrap()
        };
        assert_eq!([0, 1, 2, 3, 4, 40].map(groups), [1_000, 125, 15, 1, 1, 1]);
    }
}
