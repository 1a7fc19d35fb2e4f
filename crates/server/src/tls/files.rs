//! Files for their owner only: keys, tokens and what tells of them.
//!
//! A file appears under its name complete and with its final permissions or not at all, so that
//! neither a reader nor a crash ever meets half a key or one that others may read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

/// Makes a folder, and those above it, for the owner only; existing ones stay as they are.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| about(&error, "make the folder", folder))
}

/// Keeps other processes from making the same files until the returned file is dropped.
pub(crate) fn lock(folder: &Path) -> io::Result<File> {
    let path = folder.join(".lock");
    let file = private().create(true).truncate(false).open(&path);
    let file = file.map_err(|error| about(&error, "open", &path))?;
    match file.lock() {
        // Some network file systems know no locks. Two first starts at the same moment are rare
        // enough to go on without.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(error) => Err(about(&error, "lock", &path)),
        Ok(()) => Ok(file),
    }
}

/// Writes a file in one step, readable by its owner only; an existing one is replaced.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let written = beside(path).and_then(|draft| {
        let done = write_new(&draft, content).and_then(|()| fs::rename(&draft, path));
        if done.is_err() {
            let _ = fs::remove_file(&draft);
        }
        done
    });
    written.map_err(|error| about(&error, "write", path))?;
    sync_folder(path);
    Ok(())
}

/// Takes from others the permission to read a file, should they have it.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path)?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!("{} could be read by others: corrected", path.display());
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))
                .map_err(|error| about(&error, "restrict", path))?;
        }
    }
    Ok(())
}

/// An error that says what was attempted on what.
pub(crate) fn about(error: &io::Error, attempt: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {attempt} {}: {error}", path.display()))
}

/// A name in the same folder that nobody can have guessed and prepared.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    SystemRandom::new().fill(&mut random).map_err(|_| io::Error::other("no random numbers"))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(path.with_file_name(format!(".{name}.{:016x}", u64::from_ne_bytes(random))))
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = private().create_new(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a rename durable. Where the system cannot, the file is made anew after a crash.
fn sync_folder(path: &Path) {
    #[cfg(unix)]
    if let Some(folder) = path.parent()
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
}
