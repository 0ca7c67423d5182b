//! Which servers this machine has: programs by name, in PATH and in the folders that PATH often lacks.

use std::env;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::servers::{MYSQL_URL, REDIS_URL};

const MYSQL_PROGRAMS: [&str; 2] = ["mariadbd", "mysqld"];
const REDIS_PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];
const FOLDERS: [&str; 6] = [
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/libexec",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/usr/bin",
];

/// The path of the MariaDB or MySQL server of this machine; MariaDB when both are there.
pub fn installed_mysql() -> Option<PathBuf> {
    find(&MYSQL_PROGRAMS)
}

/// The path of the Redis or Valkey server of this machine; Redis when both are there.
pub fn installed_redis() -> Option<PathBuf> {
    find(&REDIS_PROGRAMS)
}

pub(crate) fn mysql_program() -> Result<PathBuf> {
    installed_mysql().ok_or_else(|| Error::NotInstalled {
        server: "MariaDB or MySQL",
        programs: MYSQL_PROGRAMS.to_vec(),
        folders: FOLDERS.to_vec(),
        variable: MYSQL_URL,
    })
}

pub(crate) fn redis_program() -> Result<PathBuf> {
    installed_redis().ok_or_else(|| Error::NotInstalled {
        server: "Redis or Valkey",
        programs: REDIS_PROGRAMS.to_vec(),
        folders: FOLDERS.to_vec(),
        variable: REDIS_URL,
    })
}

/// The first of `names` that is a file in `PATH` or in the usual folders.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path)
        .chain(FOLDERS.iter().map(PathBuf::from))
        .collect();
    names.iter().find_map(|name| {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    })
}
