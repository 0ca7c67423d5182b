//! The one-command form of acknowledging (Redis 8.2, Valkey 9.2), against a server that only knows what
//! a consumer says: none of the servers in our tests is that new.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;

use super::*;

/// What was said to the server.
type Heard = Arc<Mutex<Vec<Vec<String>>>>;

fn serve(stream: TcpStream, heard: &Heard, forgets: bool) {
    let mut answers = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    let mut delivered = false;
    while let Some(words) = read_command(&mut reader) {
        let bare = words.len() == 1;
        let answer = match words[0].as_str() {
            "XACKDEL" if bare => "-ERR wrong number of arguments for 'xackdel' command\r\n".to_string(),
            // As after a failover to an older server.
            "XACKDEL" if forgets => "-ERR unknown command 'XACKDEL', with args beginning with: \r\n".to_string(),
            "XACKDEL" => "*2\r\n:1\r\n:2\r\n".to_string(),
            "SCRIPT" => "$1\r\nx\r\n".to_string(),
            "PING" => "+PONG\r\n".to_string(),
            "EVALSHA" if words[3] == "UserStream" && words.len() == 7 => ":2\r\n".to_string(),
            "EVALSHA" => "*2\r\n$0\r\n\r\n*0\r\n".to_string(),
            "XREADGROUP" if !delivered => {
                delivered = true;
                let entry = |id: &str| format!("*2\r\n$3\r\n{id}\r\n*2\r\n$1\r\ns\r\n$1\r\nx\r\n");
                format!(
                    "*1\r\n*2\r\n$10\r\nUserStream\r\n*2\r\n{}{}",
                    entry("1-1"),
                    entry("2-1")
                )
            }
            "XREADGROUP" => "*-1\r\n".to_string(),
            _ => "+OK\r\n".to_string(),
        };
        heard.lock().unwrap().push(words);
        answers.write_all(answer.as_bytes()).unwrap();
    }
}

fn read_command(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let count = number(reader)?;
    (0..count)
        .map(|_| {
            let mut word = vec![0; number(reader)? + 2];
            reader.read_exact(&mut word).ok()?;
            word.truncate(word.len() - 2);
            String::from_utf8(word).ok()
        })
        .collect()
}

fn number(reader: &mut impl BufRead) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.trim().get(1..)?.parse().ok()
}

fn server(forgets: bool) -> (RedisPool, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let heard = Heard::default();
    let notes = Arc::clone(&heard);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let notes = Arc::clone(&notes);
            thread::spawn(move || serve(stream.unwrap(), &notes, forgets));
        }
    });
    (pool(&url), heard)
}

fn said(heard: &Heard, name: &str) -> Vec<String> {
    let heard = heard.lock().unwrap();
    let lines = heard.iter().filter(|words| words[0] == name && words.len() > 1);
    lines.map(|words| words.join(" ")).collect()
}

#[test]
fn a_server_that_knows_xackdel_is_told_by_it() {
    let (pool, heard) = server(false);
    let mut consumer = ConsumerBuilder::new(pool, USERS, &[]).single().unwrap();
    assert_eq!(consumer.consume(10, NO_WAIT, |_| Ok(())).unwrap(), 2);
    assert_eq!(
        said(&heard, "XACKDEL"),
        ["XACKDEL UserStream consumer_group ACKED IDS 2 1-1 2-1"]
    );
}

#[test]
fn a_server_that_no_longer_knows_xackdel_is_told_by_the_script() {
    let (pool, heard) = server(true);
    let mut consumer = ConsumerBuilder::new(pool, USERS, &[]).single().unwrap();
    assert_eq!(consumer.consume(10, NO_WAIT, |_| Ok(())).unwrap(), 2);
    assert_eq!(said(&heard, "XACKDEL").len(), 1);
    let scripts = said(&heard, "EVALSHA");
    assert!(
        scripts.last().unwrap().ends_with("UserStream consumer_group 1-1 2-1"),
        "{scripts:?}"
    );
}
