//! What waiting callers see beside a purge of the same target.

use std::sync::Arc;

use lethe_tests::memories;
use serde_json::json;

use crate::figures::Figures;
use crate::load::each;
use crate::query::{fill, unattended};
use crate::singles::{erased, ready};
use crate::sizes::Sizes;

/// How many callers wait.
const CONNECTIONS: u32 = 16;

/// Waits for single deletions alone, and while a purge runs.
pub(crate) async fn mixed(sizes: &Sizes, figures: &mut Figures) {
    let site = ready().await;
    unattended(&site).await;
    let service = site.start().await;
    fill(&site, "zoe", sizes.rows).await;
    let case = format!("{CONNECTIONS} connections");
    let singles = async |user| {
        let all = Arc::new(memories::of(user, sizes.waited));
        site.add(&all).await;
        each(CONNECTIONS, &all, service.client.clone(), erased).await.sample()
    };
    for _ in 0..sizes.times {
        figures.add("mixed", &case, "Lethe, alone", singles("ana").await);
    }
    let purge = json!({"select": {"query": {"eq": {"user_id": "zoe"}}}});
    let id = service.client.submit(&purge).await;
    let beside = format!("Lethe, beside a purge of {} rows", sizes.rows);
    for n in 0.. {
        let sample = singles("ben").await;
        let job = service.client.job(&id).await;
        let is_over = job["ended_at"].is_string();
        // The last run was beside a purge for a part of it only.
        if !is_over || n == 0 {
            figures.add("mixed", &case, &beside, sample);
        }
        if is_over {
            assert_eq!(job["state"], "succeeded", "{job}");
            break;
        }
    }
    site.holds(&[]).await;
}
