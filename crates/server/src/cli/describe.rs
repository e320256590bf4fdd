//! `whodid completions` and `whodid man`: what shells and manuals need to know, from the flags themselves.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Cli, CliError, Done};

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// For which shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// Write a page for each command into this folder; without one the main page is printed
    folder: Option<PathBuf>,
}

pub(super) fn completions(arguments: CompletionsArguments) -> Done {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "whodid", &mut text);
    print(&text)
}

pub(super) fn man(arguments: ManArguments) -> Done {
    let mut command = Cli::command();
    command.build();
    match arguments.folder {
        Some(folder) => {
            std::fs::create_dir_all(&folder).map_err(|source| unwritable(&folder, source))?;
            write_pages(&command, "whodid", &folder)
        }
        None => print(&page(command)?),
    }
}

fn write_pages(command: &Command, name: &str, folder: &Path) -> Done {
    let file = folder.join(format!("{name}.1"));
    let page = page(command.clone())?;
    std::fs::write(&file, page).map_err(|source| unwritable(&file, source))?;
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        write_pages(inner, &format!("{name}-{}", inner.get_name()), folder)?;
    }
    Ok(())
}

fn page(command: Command) -> Result<Vec<u8>, CliError> {
    let mut page = Vec::new();
    let rendered = Man::new(command).render(&mut page);
    rendered.map_err(|source| CliError::Unreadable { what: "the manual".to_string(), source })?;
    Ok(page)
}

fn print(text: &[u8]) -> Done {
    let printed = std::io::stdout().write_all(text);
    printed.map_err(|source| CliError::Unreadable { what: "the output".to_string(), source })
}

fn unwritable(path: &Path, source: std::io::Error) -> CliError {
    CliError::Unreadable { what: path.display().to_string(), source }
}
