//! One server process that cannot outlive its owner, in a temporary folder that goes with it.
//!
//! A small shell sits between the two. It starts and signals the server on command, and when its
//! standard input closes, which also happens when the owner is killed, it kills the server and
//! removes the folder.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Context, Error, Result, command_line, tail_of};
use crate::wait::wait_until;

/// How long a server gets to end, whether killed or asked to stop.
const ENDING: Duration = Duration::from_secs(60);

/// How long the threads of a server get to notice that they are stopped.
const STOPPING: Duration = Duration::from_secs(60);

// The server is a child of a background group that waits for it and leaves its exit status in the
// file `ended`; `wait` in the shell itself would stop it from reading further commands. No signal
// is sent once that file is there, since the number may belong to another process by then.
const SCRIPT: &str = r#"
folder=${1:?}
pid=
shift
trap : HUP INT TERM
while IFS= read -r line; do
    case $line in
    new) set -- ;;
    'arg '*) set -- "$@" "${line#arg }" ;;
    start)
        rm -f "$folder/ended"
        pid=$({
            "$@" </dev/null >>"$folder/log" 2>&1 &
            echo $!
            exec >&-
            wait $!
            echo $? >"$folder/ending"
            mv "$folder/ending" "$folder/ended"
        } &)
        echo "$pid"
        ;;
    *)
        [ -e "$folder/ended" ] || kill -"$line" "$pid"
        echo $?
        ;;
    esac
done
if [ -n "$pid" ]; then
    [ -e "$folder/ended" ] || kill -KILL "$pid"
    tries=0
    until [ -e "$folder/ended" ] || [ "$tries" -ge 200 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
fi
rm -rf "$folder"
"#;

#[derive(Debug)]
pub(crate) struct Supervisor {
    folder: PathBuf,
    shell: Mutex<Shell>,
}

#[derive(Debug)]
struct Shell {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    command: String,
    pid: u32,
}

impl Supervisor {
    /// Makes the folder and the shell that guards it; no server yet.
    pub(crate) fn new(prefix: &str) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir()
            .context(|| "make a temporary folder".to_owned())?;
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(SCRIPT)
            .arg("headwater-testkit")
            .arg(folder.path())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C at a terminal is for the owner; the shell then sees its input close.
            .process_group(0)
            .spawn()
            .context(|| "run `sh`, which guards the server".to_owned())?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or_else(|| Error::Io {
            what: "read from the shell that guards the server".to_owned(),
            source: std::io::ErrorKind::BrokenPipe.into(),
        })?;
        Ok(Self {
            folder: folder.keep(),
            shell: Mutex::new(Shell {
                child,
                input,
                output: BufReader::new(output),
                command: String::new(),
                pid: 0,
            }),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a server; an earlier one must have ended.
    pub(crate) fn launch(&self, program: &Path, arguments: &[String]) -> Result<()> {
        let mut text = format!("new\narg {}\n", program.display());
        for argument in arguments {
            text.push_str("arg ");
            text.push_str(argument);
            text.push('\n');
        }
        text.push_str("start\n");
        let mut shell = self.shell();
        shell.command = command_line(program, arguments);
        let answer = shell.ask(&text)?;
        shell.pid = answer.trim().parse().unwrap_or_default();
        Ok(())
    }

    /// Starts the last server again with the same arguments.
    pub(crate) fn launch_again(&self) -> Result<()> {
        let mut shell = self.shell();
        let answer = shell.ask("start\n")?;
        shell.pid = answer.trim().parse().unwrap_or_default();
        Ok(())
    }

    /// Sends a signal, named as `kill` names it; nothing happens when the server has ended.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        self.shell().ask(&format!("{name}\n")).map(drop)
    }

    /// Stops the server by SIGSTOP and waits until each of its threads stands still.
    pub(crate) fn pause(&self, server: &'static str) -> Result<()> {
        self.signal("STOP")?;
        let pid = self.pid();
        wait_until(STOPPING, &format!("the {server} to stand still"), || {
            self.ended().is_some() || stands_still(pid)
        })
    }

    /// Kills the server and waits until it is gone.
    pub(crate) fn kill(&self, server: &'static str) -> Result<()> {
        self.signal("KILL")?;
        self.wait_for_end(server)
    }

    /// Asks the server to end and waits until it has.
    pub(crate) fn stop(&self, server: &'static str) -> Result<()> {
        self.signal("TERM")?;
        // A paused server acts on nothing but this.
        self.signal("CONT")?;
        self.wait_for_end(server)
    }

    fn wait_for_end(&self, server: &'static str) -> Result<()> {
        wait_until(ENDING, &format!("the {server} to end"), || self.ended().is_some())
    }

    /// How the server ended, if it did.
    pub(crate) fn ended(&self) -> Option<String> {
        let text = fs::read_to_string(self.folder.join("ended")).ok()?;
        let code: u32 = text.trim().parse().ok()?;
        Some(match code {
            129..=192 => format!("it was ended by signal {}", code - 128),
            code => format!("it ended with exit status {code}"),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.shell().pid
    }

    pub(crate) fn log(&self) -> String {
        tail_of(&self.folder.join("log"), 30)
    }

    /// The error of a start that did not succeed.
    pub(crate) fn start_error(&self, server: &'static str, reason: String) -> Error {
        Error::Start {
            server,
            reason,
            command: self.shell().command.clone(),
            log: self.log(),
        }
    }

    fn shell(&self) -> std::sync::MutexGuard<'_, Shell> {
        self.shell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether no thread of the process runs on. `kill` returns before that: on a busy machine a thread
/// may still answer a request or two. Systems without `/proc` are taken at their word.
fn stands_still(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    threads.flatten().all(|thread| {
        // The name, in parentheses, may hold anything; the state follows it (proc_pid_stat(5)).
        fs::read_to_string(thread.path().join("stat")).map_or(true, |stat| {
            let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
            state.starts_with(['T', 't', 'Z', 'X'])
        })
    })
}

impl Shell {
    fn ask(&mut self, text: &str) -> Result<String> {
        let mut answer = String::new();
        let outcome = match self.input.as_mut() {
            Some(input) => input
                .write_all(text.as_bytes())
                .and_then(|()| self.output.read_line(&mut answer)),
            None => Ok(0),
        };
        match outcome {
            Ok(0) => Err(std::io::ErrorKind::BrokenPipe.into()),
            Ok(_) => Ok(answer),
            Err(error) => Err(error),
        }
        .context(|| "talk to the shell that guards the server".to_owned())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let mut shell = self.shell();
        shell.input = None;
        // The shell has removed the folder when it ends; its own failure must not hide a test's.
        let _ = shell.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> Supervisor {
        let supervisor = Supervisor::new("headwater-test-").expect("a supervisor");
        supervisor
            .launch(
                Path::new("/bin/sh"),
                &["-c".to_owned(), script.to_owned(), "with spaces".to_owned()],
            )
            .expect("a process");
        supervisor
    }

    #[test]
    fn the_end_of_a_process_is_seen_with_its_status_and_log() {
        let supervisor = run("echo \"$0\"; exit 3");
        supervisor.wait_for_end("shell").expect("an end");
        assert_eq!(supervisor.ended().expect("a status"), "it ended with exit status 3");
        assert_eq!(supervisor.log(), "with spaces");
    }

    #[test]
    fn a_killed_process_can_be_started_again_in_the_same_folder() {
        let supervisor = run("echo up; exec sleep 1000");
        let first = supervisor.pid();
        supervisor.pause("shell").expect("a pause");
        assert!(stands_still(supervisor.pid()));
        supervisor.kill("shell").expect("a kill");
        assert_eq!(supervisor.ended().expect("a status"), "it was ended by signal 9");
        supervisor.launch_again().expect("a second process");
        assert_ne!(supervisor.pid(), first);
        assert!(supervisor.ended().is_none());
    }

    #[test]
    fn a_process_that_goes_on_does_not_stand_still() {
        let supervisor = run("while :; do :; done");
        assert!(!stands_still(supervisor.pid()));
        supervisor.pause("shell").expect("a pause");
        assert!(stands_still(supervisor.pid()));
        supervisor.signal("CONT").expect("a signal");
        wait_until(ENDING, "it to go on", || !stands_still(supervisor.pid())).expect("a process that runs");
    }

    #[test]
    fn the_folder_goes_with_the_supervisor() {
        let supervisor = run("exec sleep 1000");
        let folder = supervisor.folder().to_owned();
        assert!(folder.is_dir());
        drop(supervisor);
        assert!(!folder.exists());
    }
}
