//! `whodid backup` and `whodid restore`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use whodid_insights::catalogue::{Catalogue, FILE_NAME};

use super::client::Target;
use super::table::grouped;
use super::{CliError, Done};
use crate::config::ServeFlags;
use crate::start::{StartError, system_clock};

#[derive(Debug, Args)]
pub(super) struct BackupArguments {
    #[command(flatten)]
    target: Target,
    /// The file to write, such as whodid-2026-11-24.tar
    to: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// A file that `whodid backup` wrote
    from: PathBuf,
    /// The data folder to make; it has to be new or empty
    #[arg(long, env = "WHODID_DATA", value_name = "DIR", default_value = ServeFlags::DEFAULT_DATA)]
    data: PathBuf,
}

/// The file has its name only once it is whole and on disk.
pub(super) async fn backup(arguments: BackupArguments) -> Done {
    let BackupArguments { target, to } = arguments;
    let client = target.connect().await?;
    let unwritable = |source| CliError::Unreadable { what: to.display().to_string(), source };
    let mut name = to.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
    name.push(".part");
    let part = to.with_file_name(name);
    let mut file = BufWriter::new(File::create(&part).map_err(unwritable)?);
    let done = client.download("/backup", &mut file).await;
    client.close().await?;
    if let Err(error) = done {
        std::fs::remove_file(&part).ok();
        return Err(error);
    }
    file.flush().map_err(unwritable)?;
    file.get_ref().sync_all().map_err(unwritable)?;
    let bytes = file.get_ref().metadata().map_err(unwritable)?.len();
    std::fs::rename(&part, &to).map_err(unwritable)?;
    println!("{}: {} bytes", to.display(), grouped(bytes));
    Ok(())
}

/// What was unpacked is read through, so that a restore that ends well is one that works.
pub(super) async fn restore(arguments: RestoreArguments) -> Done {
    let RestoreArguments { from, data } = arguments;
    let has_files = std::fs::read_dir(&data).is_ok_and(|mut entries| entries.next().is_some());
    if has_files {
        let detail = "is not empty; name a new folder with --data, so that nothing is overwritten";
        return Err(CliError::Failed(format!("{} {detail}", data.display())));
    }
    unpack(&from, &data)
        .map_err(|source| CliError::Unreadable { what: from.display().to_string(), source })?;
    let report = whodid_store::check(&data).await.map_err(StartError::from)?;
    for damage in &report.damages {
        println!("{}: {}", damage.path.display(), damage.detail);
    }
    if !report.damages.is_empty() {
        return Err(CliError::Failed(format!("{} is damaged, so the backup was", data.display())));
    }
    if !data.join(FILE_NAME).is_file() {
        return Err(CliError::Failed(format!("{} has no catalogue, so it is no backup", from.display())));
    }
    let catalogue = Catalogue::open(&data, system_clock()).await.map_err(StartError::from)?;
    catalogue.close().await;
    println!(
        "{}: {} events in {} table files, {} more in the log alone",
        data.display(),
        grouped(report.rows),
        grouped(report.parts as u64),
        grouped(report.uncovered_events)
    );
    Ok(())
}

fn unpack(from: &Path, data: &Path) -> std::io::Result<()> {
    let mut tar = tar::Archive::new(BufReader::new(File::open(from)?));
    std::fs::create_dir_all(data)?;
    tar.unpack(data)
}
