//! Makes sure that this machine has the servers that tasks run on, installing what is missing.

use std::env;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use headwater_testkit::{MYSQL_URL, REDIS_URL, installed_mysql, installed_redis};

/// Installs with apt. Debian's packages start their services at once, on the standard ports, and
/// again at the next boot; tasks only need the programs. Debian asks `policy-rc.d` whether a service
/// may start, so it says no for as long as this takes, unless the machine has one of its own.
const APT: &str = r#"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
names=
for name; do
    # Before Debian 12 and Ubuntu 24.04 the parts of the server had other names.
    if apt-cache show "$name" >/dev/null 2>&1; then
        names="$names $name"
    elif [ "$name" = mariadb-server-core ]; then
        names="$names mariadb-server"
    fi
done
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
apt-get install -y -q --no-install-recommends $names
if [ -d /run/systemd/system ]; then
    for service in mariadb redis-server; do
        case "$names" in
        *"$service"*) systemctl disable "$service" 2>/dev/null || true ;;
        esac
    done
fi
"#;

/// A package manager and what it calls the servers.
#[derive(Debug)]
struct Manager {
    program: &'static str,
    mysql: &'static [&'static str],
    redis: &'static str,
    /// What the Redis server is called where the other name is unknown.
    other_redis: Option<&'static str>,
    /// The command that tells whether a package name is known.
    knows: &'static [&'static str],
    /// The command before the package names.
    command: &'static [&'static str],
    /// Whether only root may use it.
    as_root: bool,
}

const MANAGERS: [Manager; 5] = [
    Manager {
        program: "apt-get",
        // The second has the program with which the server's scripts read their options.
        mysql: &["mariadb-server-core", "mariadb-client-core"],
        redis: "redis-server",
        other_redis: None,
        knows: &["apt-cache", "show"],
        command: &["apt-get", "install", "--no-install-recommends"],
        as_root: true,
    },
    Manager {
        program: "dnf",
        mysql: &["mariadb-server"],
        redis: "valkey",
        other_redis: Some("redis"),
        knows: &["dnf", "-q", "info"],
        command: &["dnf", "install", "-y", "--setopt=install_weak_deps=False"],
        as_root: true,
    },
    Manager {
        program: "apk",
        mysql: &["mariadb", "mariadb-client"],
        redis: "redis",
        other_redis: Some("valkey"),
        knows: &["apk", "--no-cache", "search", "-e"],
        command: &["apk", "add", "--no-cache"],
        as_root: true,
    },
    Manager {
        program: "pacman",
        mysql: &["mariadb"],
        redis: "valkey",
        other_redis: Some("redis"),
        knows: &["pacman", "-Si"],
        command: &["pacman", "-S", "--noconfirm", "--needed"],
        as_root: true,
    },
    Manager {
        program: "brew",
        mysql: &["mariadb"],
        redis: "redis",
        other_redis: None,
        knows: &["brew", "info"],
        command: &["brew", "install"],
        as_root: false,
    },
];

/// Returns once each server is installed, or named by its environment variable.
///
/// # Errors
///
/// When one is missing and cannot, or must not, be installed.
pub(crate) fn ensure(no_install: bool) -> Result<(), String> {
    let named = |variable| env::var_os(variable).is_some_and(|url| !url.is_empty());
    let mysql = !named(MYSQL_URL) && installed_mysql().is_none();
    let redis = !named(REDIS_URL) && installed_redis().is_none();
    let variables = format!(", or set {MYSQL_URL} and {REDIS_URL} to the URLs of running servers");
    install_missing(mysql, redis, no_install, &variables)
}

/// Returns once each server is installed, whatever the environment names: for a task that breaks its servers.
///
/// # Errors
///
/// As [`ensure`].
pub(crate) fn ensure_installed(no_install: bool) -> Result<(), String> {
    install_missing(installed_mysql().is_none(), installed_redis().is_none(), no_install, "")
}

/// `or` tells what else could be done.
fn install_missing(mysql: bool, redis: bool, no_install: bool, or: &str) -> Result<(), String> {
    if !mysql && !redis {
        return Ok(());
    }
    let missing = match (mysql, redis) {
        (true, true) => "a MariaDB server and a Redis server",
        (true, false) => "a MariaDB server",
        _ => "a Redis server",
    };
    let manager = MANAGERS
        .iter()
        .find(|manager| is_there(manager.program))
        .ok_or_else(|| format!("this machine has not {missing}, nor a package manager known here; install them{or}"))?;
    let mut packages = Vec::new();
    if mysql {
        packages.extend_from_slice(manager.mysql);
    }
    if redis {
        packages.push(redis_package(manager));
    }
    let sudo = manager.as_root && !is_root();
    let shown = [if sudo { &["sudo"][..] } else { &[] }, manager.command, &packages]
        .concat()
        .join(" ");
    if no_install {
        return Err(format!("this task needs {missing}; install with `{shown}`{or}"));
    }
    if sudo && !is_there("sudo") {
        return Err(format!(
            "this task needs {missing}, and there is no sudo to install it with; run `{shown}`{or}"
        ));
    }
    eprintln!("installing {missing}, which this task runs on: {shown}");
    install(manager, &packages, sudo, &shown)?;
    let mysql = mysql && installed_mysql().is_none();
    let redis = redis && installed_redis().is_none();
    if mysql || redis {
        return Err(format!(
            "`{shown}` went well, but there is still no {} to be found",
            if mysql {
                "mariadbd or mysqld"
            } else {
                "redis-server or valkey-server"
            }
        ));
    }
    Ok(())
}

/// Returns once the C library is installed that Diesel is linked with.
///
/// # Errors
///
/// When it is missing and cannot, or must not, be installed.
pub(crate) fn ensure_client_library(no_install: bool) -> Result<(), String> {
    let answers = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if answers("mariadb_config", &["--libs"])
        || answers("mysql_config", &["--libs"])
        || answers("pkg-config", &["--exists", "libmariadb"])
    {
        return Ok(());
    }
    const LIBRARY: &str = "libmariadb-dev";
    let manager = MANAGERS.iter().find(|manager| manager.program == "apt-get");
    let Some(manager) = manager.filter(|manager| is_there(manager.program) && !no_install) else {
        return Err(format!(
            "Diesel needs the C client library of MariaDB or MySQL; on Debian it is in {LIBRARY}"
        ));
    };
    let sudo = manager.as_root && !is_root();
    let shown = [if sudo { &["sudo"][..] } else { &[] }, manager.command, &[LIBRARY]]
        .concat()
        .join(" ");
    eprintln!("installing the library that Diesel is linked with: {shown}");
    install(manager, &[LIBRARY], sudo, &shown)
}

/// Distributions are replacing Redis by Valkey, some early and some late.
fn redis_package(manager: &Manager) -> &'static str {
    let Some(other) = manager.other_redis else {
        return manager.redis;
    };
    let known = manager.knows.split_first().is_some_and(|(program, arguments)| {
        let output = Command::new(program)
            .args(arguments)
            .arg(manager.redis)
            .stdin(Stdio::null())
            .output();
        // Some say with their status that they know a name, some by having anything to say.
        output.is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
    });
    if known { manager.redis } else { other }
}

fn install(manager: &Manager, packages: &[&str], sudo: bool, shown: &str) -> Result<(), String> {
    let words = match manager.program {
        "apt-get" => vec!["sh", "-ec", APT, "install"],
        _ => manager.command.to_vec(),
    };
    let words = [if sudo { &["sudo"][..] } else { &[] }, &words, packages].concat();
    let (program, arguments) = words.split_first().ok_or("no command to install with")?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("cannot run `{shown}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    Err(format!(
        "`{shown}` failed ({}):\n{}",
        output.status,
        lines[lines.len().saturating_sub(20)..].join("\n")
    ))
}

fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    // The owner of a process's own folder is its user; where there is none, sudo does no harm.
    std::fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0)
}
