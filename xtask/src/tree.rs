//! The files of the repository: those that git has, or would have.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The text files of the repository.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

/// A text file.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root of the repository, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Tree {
    /// Reads all files; what is not text is passed over.
    ///
    /// # Panics
    /// Where git does not list them: a check that sees nothing must not pass.
    pub(crate) fn read() -> Self {
        let root = root();
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&root)
            .output()
            .expect("git lists the files of the repository");
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let mut paths: Vec<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        // A file in conflict is listed more than once.
        paths.dedup();
        let file = |path: &str| {
            // A file that is listed may be gone by now.
            let text = fs::read_to_string(root.join(path)).ok()?;
            Some(File { path: path.to_owned(), text })
        };
        let files: Vec<File> = paths.into_iter().filter_map(file).collect();
        assert!(files.iter().any(|file| file.path == "Cargo.toml"), "no files in {root:?}");
        Self { files }
    }

    /// The files in Rust.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this");
    Path::new(&here).parent().expect("a folder above").to_owned()
}
