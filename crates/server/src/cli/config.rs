//! `whodid config`.

use clap::{Args, Subcommand};

use super::{CliError, Done};
use crate::config::{Config, ServeFlags, describe};

#[derive(Debug, Args)]
pub(super) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether a server would start with this configuration
    Check(ServeFlags),
    /// Print what a server would go by, without secrets
    Show(ServeFlags),
    /// Print the table of everything that can be configured
    Table,
}

pub(super) fn run(arguments: ConfigArguments) -> Done {
    match arguments.command {
        ConfigCommand::Check(flags) => check(&flags.settle()?),
        ConfigCommand::Show(flags) => {
            print!("{}", describe::shown(&flags.settle()?));
            Ok(())
        }
        ConfigCommand::Table => {
            print!("{}", describe::table());
            Ok(())
        }
    }
}

/// Beyond what settling finds: whether the files that are named can be read.
fn check(config: &Config) -> Done {
    for file in config.tls.iter().flat_map(|(certificate, key)| [certificate, key]) {
        std::fs::File::open(file)
            .map_err(|source| CliError::Unreadable { what: file.display().to_string(), source })?;
    }
    println!("ok");
    Ok(())
}
