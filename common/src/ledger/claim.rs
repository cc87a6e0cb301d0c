//! Claiming: the exclusive right to partitions that are due, for the time of a lease.

mod ahead;
mod jobs;
mod lease;
mod leases;
mod take;
