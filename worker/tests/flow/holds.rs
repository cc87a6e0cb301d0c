//! Holds, and the jobs that they hold back: what stays, what goes, and what goes after the release.

mod moments;
mod placed;
mod points;
mod rows;
mod several;
