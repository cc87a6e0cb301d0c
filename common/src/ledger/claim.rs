//! Claiming: the exclusive right to due partitions, for the time of a lease.

mod ahead;
mod jobs;
mod lease;
mod leases;
mod take;
