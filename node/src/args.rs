//! The command line of the node.

use clap::Parser;
use std::path::PathBuf;

/// Runs one node of an Aiex cluster.
///
/// Settings come from defaults, then --config, then AIEX__SECTION__KEY variables, then flags.
/// Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage, 78 wrong configuration.
#[derive(Debug, Clone, Parser)]
#[command(name = "aiex-node", version, about, long_about)]
pub(crate) struct Args {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Directory that holds everything the node keeps
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address for clients, host:port; port 0 means any free port
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) client_address: Option<String>,
    /// Address for probes and metrics, host:port
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) operations_address: Option<String>,
    /// Print one JSON line with the bound addresses on stdout
    #[arg(long)]
    pub(crate) print_addresses: bool,
    /// Write the first administrator token here (mode 0600) when the cluster has no token yet
    #[arg(long, value_name = "FILE")]
    pub(crate) bootstrap_token_file: Option<PathBuf>,
    /// Name of the user the first token belongs to
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub(crate) bootstrap_user: String,
    /// Check the configuration and leave
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Print the configuration in force, secrets redacted, and leave
    #[arg(long)]
    pub(crate) dump_config: bool,
}
