//! How much is measured.

/// How much is measured.
pub(crate) struct Sizes {
    /// Single deletions of a run.
    pub(crate) singles: usize,
    /// Deletions that are waited for, at each number of connections.
    pub(crate) waited: usize,
    /// How often each is measured; the median counts.
    pub(crate) times: usize,
    /// Memories of a large job by ids.
    pub(crate) ids: usize,
    /// Rows of the largest purge by query.
    pub(crate) rows: usize,
    /// Jobs beside which the console is read.
    pub(crate) jobs: usize,
}

impl Sizes {
    /// What figures are taken from.
    const FULL: Self = Self {
        singles: 10_000,
        waited: 1_500,
        times: 3,
        ids: 100_000,
        rows: 1_000_000,
        jobs: 100_000,
    };

    /// A look at whether the benchmark itself works.
    const SMOKE: Self = Self {
        singles: 200,
        waited: 50,
        times: 1,
        ids: 2_000,
        rows: 5_000,
        jobs: 2_000,
    };

    /// Returns the sizes of a run; `LETHE_BENCH_ROWS` says another number of rows.
    #[expect(clippy::disallowed_methods, reason = "the benchmark is told how long it may take")]
    pub(crate) fn of(smoke: bool) -> Self {
        let sizes = if smoke { Self::SMOKE } else { Self::FULL };
        let rows = std::env::var("LETHE_BENCH_ROWS");
        Self {
            rows: rows.map_or(sizes.rows, |rows| rows.parse().unwrap()),
            ..sizes
        }
    }
}
