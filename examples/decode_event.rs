//! Shows what is in the events of a dirty stream: lines of hex MessagePack in, lines of JSON out.
//!
//! ```text
//! $ echo 83a26574a57573657273a2696407a2667401 | cargo run -q --example decode_event
//! {"entity_type":"users","entity_id":7,"flush_type":1,"changes":null}
//! ```
//!
//! A line that is no event becomes `{"error": …}` and the next goes on. `--encode documented` and
//! `--encode fluxaorm` do the reverse, in the one wire format or the other. How the JSON looks is told in
//! `support/event_json.rs`.

use std::io::{self, BufRead, ErrorKind, Write};
use std::process::ExitCode;

use headwater::prelude::*;

#[path = "support/event_json.rs"]
mod event_json;

use event_json::{Failure, from_hex, from_json, to_hex, to_json};

const USAGE: &str = "\
usage: decode_event [--encode documented|fluxaorm]

Reads lines of hex MessagePack on standard input and prints each event as a line of JSON.
With --encode it reads lines of JSON and prints hex MessagePack of that wire format.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let arguments: Vec<&str> = arguments.iter().flat_map(|argument| argument.splitn(2, '=')).collect();
    let encode = match arguments[..] {
        [] => None,
        ["--encode", "documented"] => Some(Wire::Documented),
        ["--encode", "fluxaorm"] => Some(Wire::FluxaOrm),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match lines(io::stdin().lock(), io::stdout().lock(), encode) {
        // Whoever reads the output has enough: `decode_event | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("decode_event: {error}");
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::SUCCESS,
    }
}

fn lines(mut input: impl BufRead, mut output: impl Write, encode: Option<Wire>) -> io::Result<()> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let content = line.trim_ascii();
        if !content.is_empty() {
            let converted = match encode {
                Some(wire) => encoded(content, wire),
                None => decoded(content),
            };
            let converted = converted.unwrap_or_else(|error| {
                let reason = serde_json::Value::from(error.to_string());
                format!("{{\"error\":{reason}}}")
            });
            writeln!(output, "{converted}")?;
        }
        line.clear();
    }
    output.flush()
}

fn decoded(hex: &[u8]) -> Result<String, Failure> {
    to_json(&DirtyEvent::from_bytes(&from_hex(hex)?)?)
}

fn encoded(json: &[u8], wire: Wire) -> Result<String, Failure> {
    Ok(to_hex(&from_json(json)?.to_bytes(wire)?))
}
