//! The options of `lethe keys`.

use clap::{Args, Subcommand};

use crate::api::Server;
use crate::help;

/// API keys.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

/// The commands about API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Create a key over the API, and print it once.
    #[command(after_help = help::CREATE_KEY)]
    Create(CreateKey),
    /// List the keys that were created over the API.
    List(Server),
    /// Give a key that was created over the API another secret, and print it once.
    Rotate(RotateKey),
    /// Revoke a key that was created over the API.
    Revoke(RevokeKey),
    /// Print a new key with its lines of the configuration, without the API.
    Config(NewKey),
}

/// A key to create over the API.
#[derive(Debug, Args)]
pub(crate) struct CreateKey {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) key: NewKey,
}

/// A key to rotate.
#[derive(Debug, Args)]
pub(crate) struct RotateKey {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Its name.
    pub(crate) name: String,
    /// For how long the present secret still works: at most 30d, 0 not at all; default: 24h.
    #[arg(long)]
    pub(crate) overlap: Option<String>,
    /// The secret that stops at once, if the key has two: older, or newer if nobody received it.
    #[arg(long, value_parser = ["older", "newer"])]
    pub(crate) ends: Option<String>,
}

/// A key to revoke.
#[derive(Debug, Args)]
pub(crate) struct RevokeKey {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Its name.
    pub(crate) name: String,
}

/// A new API key.
#[derive(Debug, Args)]
pub(crate) struct NewKey {
    /// Its name: the principal whose jobs it submits.
    pub(crate) name: String,
    /// A scope of the key; may be repeated.
    #[arg(long = "scope", required = true)]
    pub(crate) scopes: Vec<String>,
    /// The one person whose memories it reaches; default: all persons.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// A workspace that it reaches, may be repeated; default: all.
    #[arg(long = "workspace")]
    pub(crate) workspaces: Vec<String>,
    /// A target that it reaches, may be repeated; default: all.
    #[arg(long = "target")]
    pub(crate) targets: Vec<String>,
    /// The expiry: a duration such as 90d, or a time such as 2030-01-31T12:00:00Z.
    #[arg(long)]
    pub(crate) expires: Option<String>,
}
