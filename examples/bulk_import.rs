//! Imports a large CSV file: a session for each chunk, so that memory stays flat.
//!
//! ```text
//! $ cargo run --release --example bulk_import
//! $ cargo run --release --example bulk_import -- --rows 1000000
//! $ cargo run --release --example bulk_import -- --file users.csv
//! ```
//!
//! Without `--file` it makes the file itself. Each row becomes an event of the stream `ImportStream` as well.
//! A line that cannot be imported is told with its number, and the others go on.
//!
//! It runs on private servers, unless `HEADWATER_MYSQL_URL` and `HEADWATER_REDIS_URL` name servers; there
//! the table `imported_users` and the stream are left behind.
#![allow(missing_docs, reason = "its comments tell what a reader of an example wants to know")]

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use headwater::prelude::*;
use indicatif::{ProgressBar, ProgressStyle};

#[path = "support/servers.rs"]
mod servers;

use servers::Urls;

/// Nobody reads this one, so it keeps the latest events only.
pub const IMPORTS: Stream = Stream::new("ImportStream").max_len(100_000);

#[derive(Debug, Clone, Default, Table)]
#[table(name = "imported_users", stream(IMPORTS))]
pub struct User {
    #[column(id)]
    pub id: u64,
    #[column(length = 100)]
    pub name: String,
    #[column(unique)]
    pub email: String,
    pub age: Option<u8>,
}

impl Entity for User {
    fn saving(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
        if !self.email.contains('@') {
            return Err(format!("`{}` is no e-mail address", self.email).into());
        }
        Ok(())
    }
}

const USAGE: &str = "\
usage: bulk_import [--rows N | --file PATH] [--chunk N]

Imports users from a CSV file with the columns name, email and age.

  --rows N      makes a file of N users and imports it (100000)
  --file PATH   imports this file instead
  --chunk N     flushes every N rows (2000)";

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("bulk_import: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(0) => ExitCode::SUCCESS,
        // Some lines were bad.
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bulk_import: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug)]
struct Options {
    rows: u64,
    file: Option<PathBuf>,
    chunk: usize,
}

impl Options {
    /// `None` when help is asked for.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
        let (mut rows, mut file, mut chunk) = (None, None, 2000);
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            if name == "--help" || name == "-h" {
                return Ok(None);
            }
            if !["--rows", "--file", "--chunk"].contains(&name) {
                return Err(format!("there is no option `{argument}`"));
            }
            let value = value.or_else(|| arguments.next());
            let value = value.ok_or_else(|| format!("`{name}` needs a value"))?;
            let number = || match value.replace('_', "").parse::<u64>() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(format!("`{name}` needs a number above 0, not `{value}`")),
            };
            match name {
                "--rows" => rows = Some(number()?),
                "--chunk" => chunk = usize::try_from(number()?).unwrap_or(usize::MAX),
                _ => file = Some(PathBuf::from(&value)),
            }
        }
        if rows.is_some() && file.is_some() {
            return Err("`--rows` and `--file` do not go together".to_owned());
        }
        Ok(Some(Options {
            rows: rows.unwrap_or(100_000),
            file,
            chunk,
        }))
    }
}

/// Does the work and tells how many lines were bad.
fn run(options: &Options) -> Result<u64, Failure> {
    let file = match &options.file {
        Some(path) => File::open(path).map_err(|error| format!("{}: {error}", path.display()))?,
        None => generate(options.rows)?,
    };
    let urls = Urls::find()?;
    println!("Importing on {}", urls.origin);
    let engine = Engine::builder()
        .mysql(&urls.mysql)
        .redis(&urls.redis)
        .entity::<User>()
        .build()?;
    engine.schema().diff()?.apply()?;

    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {elapsed} of {duration}")?;
    let bar = ProgressBar::new(file.metadata()?.len()).with_style(style);
    let mut import = Import {
        engine: &engine,
        bar: &bar,
        imported: 0,
        bad: 0,
    };
    let start = Instant::now();
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let columns = Columns::find(reader.headers()?)?;
    let mut chunk = Vec::with_capacity(options.chunk.min(10_000));
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let line = record.position().map_or(line, csv::Position::line);
                match columns.user(&record) {
                    Ok(user) => chunk.push((line, user)),
                    Err(problem) => import.refuse(line, &problem),
                }
            }
            Err(error) if error.is_io_error() => return Err(error.into()),
            Err(error) => import.refuse(line, &reason(&error)),
        }
        if chunk.len() == options.chunk {
            import.chunk(&mut chunk)?;
            bar.set_position(reader.position().byte());
            bar.set_message(format!("{} rows", import.imported));
        }
    }
    import.chunk(&mut chunk)?;
    let Import { imported, bad, .. } = import;
    bar.finish_and_clear();
    let took = start.elapsed().as_secs_f64();
    engine.close(Duration::from_secs(30))?;

    println!(
        "{imported} rows in {took:.2} s: {:.0} rows per second",
        imported as f64 / took
    );
    println!("{} events sent", engine.delivery().sent);
    if let Some(memory) = most_memory() {
        println!("{memory} of memory at most");
    }
    if bad > 0 {
        println!("{bad} lines were not imported");
    }
    Ok(bad)
}

/// An import under way.
struct Import<'a> {
    engine: &'a Engine,
    bar: &'a ProgressBar,
    imported: u64,
    bad: u64,
}

impl Import<'_> {
    /// Imports a chunk; where a row in it is refused, one by one, to find it.
    fn chunk(&mut self, chunk: &mut Vec<(u64, User)>) -> headwater::Result<()> {
        match self.insert(chunk.iter().map(|(_, user)| user)) {
            Err(error) if is_about_a_row(&error) => {
                for (line, user) in chunk.iter() {
                    match self.insert([user].into_iter()) {
                        Err(error) if is_about_a_row(&error) => self.refuse(*line, &error),
                        other => other?,
                    }
                }
            }
            other => other?,
        }
        chunk.clear();
        Ok(())
    }

    /// A session holds what it inserted until it is dropped: this one does not get large.
    fn insert<'u>(&mut self, users: impl Iterator<Item = &'u User>) -> headwater::Result<()> {
        let mut session = self.engine.session();
        for user in users {
            session.insert(user.clone());
        }
        self.imported += session.flush()?.inserted;
        Ok(())
    }

    fn refuse(&mut self, line: u64, problem: &dyn std::fmt::Display) {
        self.bad += 1;
        self.bar.suspend(|| eprintln!("line {line}: {problem}"));
    }
}

/// Whether other rows may be imported all the same.
fn is_about_a_row(error: &headwater::Error) -> bool {
    error.is_duplicate_key() || error.is_value() || error.is_rejected()
}

/// Where the columns are.
struct Columns {
    name: usize,
    email: usize,
    age: usize,
}

impl Columns {
    fn find(headers: &csv::StringRecord) -> Result<Columns, String> {
        let find = |name: &str| {
            let found = headers.iter().position(|header| header == name);
            found.ok_or_else(|| format!("the first line has no column `{name}`"))
        };
        Ok(Columns {
            name: find("name")?,
            email: find("email")?,
            age: find("age")?,
        })
    }

    fn user(&self, record: &csv::StringRecord) -> Result<User, String> {
        let age = match record.get(self.age) {
            None | Some("") => None,
            Some(age) => Some(age.parse().map_err(|_| format!("`{age}` is no age"))?),
        };
        Ok(User {
            name: record.get(self.name).unwrap_or_default().to_owned(),
            email: record.get(self.email).unwrap_or_default().to_owned(),
            age,
            ..User::default()
        })
    }
}

/// What is wrong with a line, without the place, which is told beside it.
fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields, and not {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "no UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

/// Writes a file of users, which is gone when it is closed.
fn generate(rows: u64) -> std::io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let mut output = BufWriter::new(&mut file);
    // Addresses are unique: another run on the same servers makes others.
    let run = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_millis());
    writeln!(output, "name,email,age")?;
    for n in 0..rows {
        let age = if n % 10 == 0 {
            String::new()
        } else {
            (18 + n % 70).to_string()
        };
        writeln!(output, "\"User, No. {n}\",user{n}@{run:x}.example,{age}")?;
    }
    output.flush()?;
    drop(output);
    file.rewind()?;
    Ok(file)
}

/// The most memory that this process had, where the system tells.
fn most_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(format!("{} MiB", kib / 1024))
}
