//! Mappings that share a collection or a table: listed, and retired once no worker has them.

use anyhow::bail;
use clap::Args;
use lethe_common::config::{NAME, is_name};
use serde_json::Value;

use crate::api::{Api, Server, listed};
use crate::output::{self, Cell, Format, Table};

/// A mapping to be retired.
#[derive(Debug, Args)]
pub(crate) struct Retire {
    #[command(flatten)]
    server: Server,
    /// The target and its table, such as `main/memories`.
    #[arg(value_name = "TARGET/TABLE")]
    mapping: String,
}

/// Lists the mappings that workers have published, grouped by place.
pub(crate) async fn list(server: &Server) -> anyhow::Result<()> {
    let api = Api::of(server)?;
    let list = api.send(api.get("siblings")).await?;
    let siblings = listed(&list, "siblings")?;
    if server.output == Format::Json {
        return siblings.iter().try_for_each(output::json);
    }
    let mut table = Table::new(["MAPPING", "KIND", "WORKERS", "PLACE"]);
    table.print(&siblings.iter().map(row).collect::<Vec<_>>());
    table.end("no worker has published a mapping");
    Ok(())
}

fn row(sibling: &Value) -> [Cell; 4] {
    let text = |name: &str| sibling[name].as_str().unwrap_or("-");
    [
        format!("{}/{}", text("target"), text("table")).into(),
        text("kind").into(),
        sibling["served_by"].to_string().into(),
        text("place").into(),
    ]
}

/// Retires a mapping.
pub(crate) async fn retire(options: &Retire) -> anyhow::Result<()> {
    let names = options.mapping.split_once('/');
    let Some((target, table)) = names.filter(|(target, table)| is_name(target) && is_name(table)) else {
        // Another name would be another path.
        bail!("write TARGET/TABLE, both as the configuration has them: {NAME}");
    };
    let api = Api::of(&options.server)?;
    api.send(api.delete(&format!("siblings/{target}/{table}"))).await?;
    Ok(())
}
