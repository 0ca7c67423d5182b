//! An initialised data folder per server version, made once and copied for every server.
//!
//! Making one takes seconds, copying one a fraction of that. Processes share the templates; each
//! is built under another name and appears by a rename, so that none is ever seen half made.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result, command_line, tail};
use crate::mysql_server::INITIAL;
use crate::program::find;
use crate::version::{ServerKind, ServerVersion};

/// Part of every template's name; to be raised when templates are made differently.
const FORMAT: &str = "v1";

/// What `mariadbd --version` says about itself.
pub(crate) fn version_of(program: &Path) -> Result<ServerVersion> {
    let text = run(program, &["--no-defaults".to_owned(), "--version".to_owned()])?;
    let number = text.split("Ver ").nth(1).unwrap_or(&text).trim();
    Ok(ServerVersion::parse(number))
}

/// Copies the template for this server to `target`, making it first if there is none.
pub(crate) fn copy_to(program: &Path, version: &ServerVersion, target: &Path) -> Result<()> {
    let shelf = shelf()?;
    let template = shelf.join(name(program, version));
    if !is_whole(&template) {
        build(program, version.kind, &shelf, &template)?;
    }
    copy(&template.join("data"), target)
}

fn name(program: &Path, version: &ServerVersion) -> String {
    let text = format!("{}-{}-{FORMAT}", program.display(), version.text);
    text.trim_start_matches('/')
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .take(200)
        .collect()
}

/// The folder of all templates of this user, which nobody else may write to.
fn shelf() -> Result<PathBuf> {
    let root = std::env::temp_dir();
    let probe = tempfile::Builder::new()
        .prefix("headwater-")
        .tempdir()
        .context(|| format!("make a folder in {}", root.display()))?;
    let me = owner(probe.path())?;
    let shelf = root.join(format!("headwater-testkit-{me}"));
    if let Err(error) = DirBuilder::new().mode(0o700).create(&shelf)
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(error).context(|| format!("make the folder {}", shelf.display()));
    }
    let found = fs::symlink_metadata(&shelf).context(|| format!("look at {}", shelf.display()))?;
    if !found.is_dir() || found.uid() != me || found.permissions().mode() & 0o022 != 0 {
        return Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied))
            .context(|| format!("trust {}, which others can write to", shelf.display()));
    }
    Ok(shelf)
}

/// Whether this process is root, whom the servers only serve when told to.
pub(crate) fn runs_as_root(folder: &Path) -> Result<bool> {
    Ok(owner(folder)? == 0)
}

fn owner(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)
        .context(|| format!("look at {}", path.display()))?
        .uid())
}

fn build(program: &Path, kind: ServerKind, shelf: &Path, template: &Path) -> Result<()> {
    let folder = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(shelf)
        .context(|| format!("make a folder in {}", shelf.display()))?;
    let data = folder.path().join("data");
    initialise(program, kind, &data)?;
    fs::write(folder.path().join("files"), listing(&data)?)
        .context(|| format!("write to {}", folder.path().display()))?;
    if template.exists() {
        // Somebody tidied the temporary folder; what is left of the old template makes room. It
        // may also be a whole one that another process has just made, which is as good as ours.
        let old = shelf.join(format!(".old-{}", crate::random::word(10)));
        let _ = fs::rename(template, &old);
        let _ = fs::remove_dir_all(&old);
    }
    let built = folder.keep();
    if let Err(error) = fs::rename(&built, template) {
        let _ = fs::remove_dir_all(&built);
        if !is_whole(template) {
            return Err(error).context(|| format!("make {}", template.display()));
        }
    }
    Ok(())
}

fn initialise(program: &Path, kind: ServerKind, data: &Path) -> Result<()> {
    let mut arguments = vec!["--no-defaults".to_owned()];
    let parent = data.parent().unwrap_or(data);
    if runs_as_root(parent)? {
        arguments.push("--user=root".to_owned());
    }
    arguments.push(format!("--datadir={}", data.display()));
    let tool = match kind {
        ServerKind::MySql => {
            arguments.push("--initialize-insecure".to_owned());
            arguments.push("--innodb-redo-log-capacity=8388608".to_owned());
            program.to_owned()
        }
        ServerKind::MariaDb => {
            arguments.extend(INITIAL.map(str::to_owned));
            arguments.push("--auth-root-authentication-method=normal".to_owned());
            arguments.push("--skip-test-db".to_owned());
            // Without it the machine must be able to look up its own name, which containers often cannot.
            arguments.push("--force".to_owned());
            const TOOLS: [&str; 2] = ["mariadb-install-db", "mysql_install_db"];
            find(&TOOLS).ok_or_else(|| Error::Command {
                command: TOOLS[0].to_owned(),
                status: "not found".to_owned(),
                output: "it comes with the MariaDB server and makes its data folder".to_owned(),
            })?
        }
    };
    run(&tool, &arguments).map(drop)
}

/// Path and size of every file of a fresh data folder.
fn listing(folder: &Path) -> Result<String> {
    let mut lines = Vec::new();
    walk(folder, &mut |path, size| {
        let path = path.strip_prefix(folder).unwrap_or(path);
        lines.push(format!("{size} {}\n", path.display()));
        Ok(())
    })?;
    lines.sort();
    Ok(lines.concat())
}

/// Whether a template has all the files it was made with; some systems tidy their temporary folder.
fn is_whole(template: &Path) -> bool {
    match (
        fs::read_to_string(template.join("files")),
        listing(&template.join("data")),
    ) {
        (Ok(made), Ok(found)) => made == found,
        _ => false,
    }
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path, u64) -> Result<()>) -> Result<()> {
    let what = || format!("read the folder {}", folder.display());
    for entry in fs::read_dir(folder).context(what)? {
        let entry = entry.context(what)?;
        let found = entry.metadata().context(what)?;
        if found.is_dir() {
            walk(&entry.path(), visit)?;
        } else if found.is_file() {
            visit(&entry.path(), found.len())?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).context(|| format!("make the folder {}", to.display()))?;
    for entry in fs::read_dir(from).context(|| format!("read the folder {}", from.display()))? {
        let entry = entry.context(|| format!("read the folder {}", from.display()))?;
        let target = to.join(entry.file_name());
        let kind = entry
            .file_type()
            .context(|| format!("look at {}", entry.path().display()))?;
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target).context(|| format!("write {}", target.display()))?;
        }
    }
    Ok(())
}

fn run(program: &Path, arguments: &[String]) -> Result<String> {
    let command = || command_line(program, arguments);
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| Error::Command {
            command: command(),
            status: error.to_string(),
            output: String::new(),
        })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(Error::Command {
        command: command(),
        status: output.status.to_string(),
        output: tail(&(text + &String::from_utf8_lossy(&output.stderr)), 30),
    })
}
