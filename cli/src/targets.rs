//! Targets: checks whether mappings fit their stores, and proposes mappings for existing stores.

mod file;
mod list;
mod password;
mod verdict;

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use lethe_common::config::{
    Config, NAME, Preset, Role, SqlEndpoint, Table, Tls, VectorEndpoint, is_name, target_variable,
};
use lethe_worker::store::StoreError;
use lethe_worker::store::sql::SqlStore;
use lethe_worker::store::vector::VectorStore;
use lethe_worker::{Inferred, Verdict};
use serde::Serialize;
use serde_json::json;

use self::password::{with_password, without_password};
use self::verdict::{answer, lines};
use crate::api::Server;
use crate::output::{self, Format};
use crate::siblings::{self, Retire};
use crate::{advice, help};

/// The variable of the vector store's API key, as its own clients name it.
const API_KEY_ENV: &str = "QDRANT_API_KEY";

/// The variable of the SQL database's password.
const PASSWORD_ENV: &str = "LETHE_SQL_PASSWORD";

/// The commands about targets.
#[derive(Debug, Args)]
pub(crate) struct Targets {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare every mapping with the live schema: exit code 0 if all fit.
    Check(Check),
    /// Propose a configuration for stores that exist, from their schemas and a few points.
    #[command(after_help = help::INFER)]
    Infer(Infer),
    /// List the targets with their tables: health of the stores, workers, pauses, faults.
    List(Server),
    /// List the mappings that workers have published, grouped by collection or table.
    Siblings(Server),
    /// Remove a mapping that no worker serves any more, so that jobs of mappings in the same collection or table go on.
    Retire(Retire),
}

#[derive(Debug, Args)]
struct Check {
    /// The configuration file; default: `lethe.toml` if there is one.
    #[arg(long, value_name = "FILE", env = "LETHE_CONFIG")]
    config: Option<PathBuf>,
    /// The form of the answer: text for people, json for scripts.
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Format::Text)]
    output: Format,
}

#[derive(Debug, Args)]
struct Infer {
    /// The SQL database: postgres://…, mysql://… or sqlite://….
    #[arg(required_unless_present = "vector")]
    url: Option<String>,
    /// The database's password, if the URL does not hold it. Lists of processes show arguments: set the variable, or name a file.
    #[arg(long, env = PASSWORD_ENV, hide_env_values = true)]
    password: Option<String>,
    /// The file with that password.
    #[arg(long)]
    password_file: Option<PathBuf>,
    /// The vector store, by its gRPC port, such as `http://localhost:6334`.
    #[arg(long)]
    vector: Option<String>,
    /// The vector store's API key.
    #[arg(long, env = API_KEY_ENV, hide_env_values = true)]
    api_key: Option<String>,
    /// Allow stores on other machines without TLS: their network is trusted.
    #[arg(long)]
    tls_off: bool,
    /// The name of the target.
    #[arg(long, default_value = "main")]
    name: String,
    /// A new file for the proposal; default: standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace that file if it exists.
    #[arg(long, requires = "output")]
    force: bool,
}

/// Runs `lethe targets`.
pub(crate) async fn run(options: &Targets) -> anyhow::Result<()> {
    match &options.command {
        Command::Check(check) => self::check(check).await,
        Command::Infer(infer) => self::infer(infer).await,
        Command::List(server) => list::list(server).await,
        Command::Siblings(server) => siblings::list(server).await,
        Command::Retire(retire) => siblings::retire(retire).await,
    }
}

async fn check(options: &Check) -> anyhow::Result<()> {
    let config = Config::load(options.config.as_deref(), Role::Worker)?;
    if config.targets.is_empty() {
        bail!("the configuration names no target: write one, or propose one by `lethe targets infer`");
    }
    for setting in &config.unverified {
        output::note(&format!(
            "{setting} is \"off\": others on the network may read passwords, and answer in place of the server"
        ));
    }
    for setting in &config.exposed {
        output::note(&format!("{setting}: other users of this machine may read the file"));
    }
    let checked = lethe_worker::check(&config).await?;
    match options.output {
        Format::Text => lines(&checked).iter().for_each(|line| output::line(line)),
        Format::Json => output::line(&json!(checked.iter().map(answer).collect::<Vec<_>>()).to_string()),
    }
    let verdicts = checked.iter().flat_map(|checked| &checked.stores);
    match verdicts
        .filter(|(_, verdict)| !matches!(verdict, Verdict::Fits(_)))
        .count()
    {
        0 => Ok(()),
        n => bail!("{n} stores of mappings do not fit or did not answer"),
    }
}

async fn infer(options: &Infer) -> anyhow::Result<()> {
    if !is_name(&options.name) {
        bail!("--name: {NAME}");
    }
    let stores = Stores::of(options)?;
    let timeout = Config::default().worker.store_timeout;
    let sql = match &stores.sql {
        Some(endpoint) => Some(SqlStore::connect_lazy(endpoint, timeout)?),
        None => None,
    };
    let vector = match &stores.vector {
        Some(endpoint) => Some(VectorStore::connect_lazy(endpoint, endpoint.key(), timeout)?),
        None => None,
    };
    let inferred = lethe_worker::infer(sql.as_ref(), vector.as_ref()).await;
    let mut inferred = match inferred {
        Ok(inferred) => inferred,
        Err(error) => return Err(options.unreached(error).await),
    };
    let preset = preset(options, &stores, &mut inferred).await?;
    if preset.is_none() && inferred.tables.is_empty() {
        bail!("describe the tables as in deploy/lethe.sample.toml: no table or collection looks like memories");
    }
    let text = options.proposal(preset, &inferred.tables)?;
    let first = "# Proposed from the names of tables, columns and fields. Review it before the first deletion.";
    let mut said = vec![first.to_owned()];
    if stores.has_password {
        let place = target_variable(&options.name, "SQL__URL");
        let place = place.unwrap_or_else(|| "a file, and name that by `url_file` in place of `url`".to_owned());
        said.push(format!("# The URL has a password: put it all into {place}."));
    }
    for (what, names) in [
        ("Left out, though they have an owner", &inferred.others),
        (
            "Left out, because deleting a row would delete memories too, be blocked by them, or take their owner",
            &inferred.above,
        ),
        (
            "Owners in a row that memories reference; review that it is the person of each memory",
            &inferred.referring,
        ),
        ("Left out, since a row may belong to no memory", &inferred.loose),
        ("Collections without points", &inferred.empty),
        (
            "Collections whose points may belong to several tables",
            &inferred.unclear,
        ),
    ] {
        if !names.is_empty() {
            said.push(format!("# {what}: {}.", names.join(", ")));
        }
    }
    let proposed = stores.config(&text)?;
    let checked = lines(&lethe_worker::check(&proposed).await?);
    said.extend(checked.iter().map(|line| format!("# {line}")));
    said.extend([String::new(), text.trim_end().to_owned()]);
    let said = said.join("\n");
    let Some(path) = &options.output else {
        output::line(&said);
        return Ok(());
    };
    file::write(path, &format!("{said}\n"), options.force)?;
    let path = path.display();
    output::line(&format!(
        "Wrote {path}. Review it, then run `lethe targets check --config {path}`."
    ));
    Ok(())
}

/// Returns the well-known schema that fits the stores, and removes its tables from the proposal.
async fn preset(options: &Infer, stores: &Stores, inferred: &mut Inferred) -> anyhow::Result<Option<&'static str>> {
    for &name in Preset::NAMES {
        let text = options.proposal(Some(name), &[])?;
        let Ok(config) = stores.config(&text) else { continue };
        let checked = lethe_worker::check(&config).await?;
        let mut verdicts = checked.iter().flat_map(|checked| &checked.stores);
        if verdicts.all(|(_, verdict)| matches!(verdict, Verdict::Fits(_))) {
            let covered: Vec<&Table> = config.targets.iter().flat_map(|target| &target.tables).collect();
            inferred
                .tables
                .retain(|table| !covered.iter().any(|known| is_same(known, table)));
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn is_same(known: &Table, table: &Table) -> bool {
    match (&known.columns, &table.columns) {
        (Some(_), Some(_)) => {
            known.sql_table() == table.sql_table() || known.dependent_tables().contains(&table.sql_table())
        }
        (_, None) => {
            known.collection.as_ref().map(|known| &known.name) == table.collection.as_ref().map(|other| &other.name)
        }
        (None, Some(_)) => false,
    }
}

impl Infer {
    /// Returns the error of a store, which does not tell a wrong host name from a store that is down.
    async fn unreached(&self, error: StoreError) -> anyhow::Error {
        let named = [("the SQL database", &self.url), ("the vector store", &self.vector)];
        for (store, url) in named {
            if let (StoreError::Unavailable { .. }, Some(url)) = (&error, url)
                && !advice::resolves(url).await
            {
                return anyhow!("{store} cannot be reached: the host name in its URL does not resolve: correct it");
            }
        }
        error.into()
    }

    fn tls_word(&self) -> Option<&'static str> {
        self.tls_off.then_some("off")
    }

    /// Returns the database's password, where the URL does not hold it.
    fn password(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.password_file else {
            return Ok(self.password.clone());
        };
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Returns the text of the proposed file.
    fn proposal(&self, preset: Option<&str>, tables: &[Table]) -> anyhow::Result<String> {
        let target = Target {
            name: &self.name,
            preset,
            sql: self.url.as_deref().map(|url| Sql {
                tls: self.tls_word(),
                url: without_password(url),
            }),
            vector: self.vector.as_deref().map(|url| Vector {
                url,
                tls: self.tls_word(),
                api_key_env: self.api_key.as_ref().map(|_| API_KEY_ENV),
            }),
            tables,
        };
        toml::to_string(&Proposal { target: [target] }).context("write the proposal")
    }
}

/// The stores to inspect.
struct Stores {
    sql: Option<SqlEndpoint>,
    vector: Option<VectorEndpoint>,
    has_password: bool,
}

impl Stores {
    fn of(options: &Infer) -> anyhow::Result<Self> {
        let password = options.password()?;
        let with = |url: &String| match &password {
            Some(password) => with_password(url, password),
            None => Ok(url.clone()),
        };
        let url = options.url.as_ref().map(with).transpose()?;
        let tls = options.tls_off.then_some(Tls::Off);
        let mut stores = Self {
            has_password: url.as_deref().is_some_and(|url| without_password(url) != url),
            sql: url.map(|url| SqlEndpoint {
                url: url.into(),
                max_connections: 2,
                tls,
            }),
            vector: options.vector.as_ref().map(|url| VectorEndpoint {
                url: url.clone(),
                api_key: options.api_key.clone().map(Into::into),
                api_key_env: None,
                tls,
            }),
        };
        let sql = stores.sql.as_mut().map_or(Ok(()), SqlEndpoint::secure);
        let vector = stores.vector.as_ref().map_or(Ok(()), VectorEndpoint::check_tls);
        // Their advice is about the file. The command line has a flag for it.
        if sql.and(vector).is_err() {
            bail!(
                "a store is on another machine and its URL does without a verified certificate: write https://, sslmode=verify-full or ssl-mode=VERIFY_IDENTITY, or --tls-off if the network is trusted"
            );
        }
        Ok(stores)
    }

    /// Returns the configuration of `text`, over these stores.
    fn config(&self, text: &str) -> anyhow::Result<Config> {
        let mut config = Config::from_toml(text)?;
        for target in &mut config.targets {
            target.sql.clone_from(&self.sql);
            target.vector.clone_from(&self.vector);
        }
        Ok(config)
    }
}

/// The proposed file.
#[derive(Serialize)]
struct Proposal<'a> {
    target: [Target<'a>; 1],
}

#[derive(Serialize)]
struct Target<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<Sql>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<Vector<'a>>,
    #[serde(rename = "table", skip_serializing_if = "<[_]>::is_empty")]
    tables: &'a [Table],
}

#[derive(Serialize)]
struct Sql {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<&'static str>,
}

#[derive(Serialize)]
struct Vector<'a> {
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_env: Option<&'static str>,
}
