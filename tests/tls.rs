//! A Redis server that speaks TLS only, and a user of its access list.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use headwater::prelude::*;
use headwater::redis::RedisOptions;
use headwater_testkit::wait_until;

const SIGNUPS: Stream = Stream::new("SignupStream");
const DEADLINE: Duration = Duration::from_secs(20);

/// Certificate and key are for these tests, and the authority's key is gone: nobody else trusts them.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

/// A server with TLS, ended when it is dropped.
struct Server {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--tls-auth-clients",
                "no",
            ])
            .args(["--tls-port", &port.to_string()])
            .arg("--dir")
            .arg(folder.path())
            .arg("--tls-cert-file")
            .arg(data("server.pem"))
            .arg("--tls-key-file")
            .arg(data("server.key"))
            .arg("--tls-ca-cert-file")
            .arg(data("authority.pem"))
            .args(["--user", "default", "on", "nopass", "~*", "+@all"])
            .args(["--user", "ana", "on", ">se/cr:et", "~*", "+@all"])
            .args(["--user", "reader", "on", ">se/cr:et", "~*", "+@read", "+@connection"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server {
            process,
            port,
            _folder: folder,
        };
        wait_until(DEADLINE, "the server to listen", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        })
        .unwrap();
        server
    }

    fn url(&self, user: &str) -> String {
        format!("rediss://{user}:se%2Fcr%3Aet@127.0.0.1:{}/0", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn options() -> RedisOptions {
    RedisOptions::default().with_root_certificate(std::fs::read(data("authority.pem")).unwrap())
}

fn build(url: &str, options: RedisOptions) -> headwater::Result<Engine> {
    Engine::builder()
        .redis_pool_with("default", url, options)
        .stream(&SIGNUPS)
        .build()
}

#[test]
fn events_go_over_tls_by_the_user_of_the_url() {
    let server = Server::start();
    let engine = build(&server.url("ana"), options()).unwrap();
    engine.publish(&SIGNUPS, "ana@x.org", &[]).unwrap();
    let mut consumer = engine.consumer(&SIGNUPS).single().unwrap();
    let mut bodies = Vec::new();
    let handled = consumer.consume(10, Duration::from_secs(5), |events| {
        for event in events {
            bodies.push(event.body::<String>()?);
        }
        Ok(())
    });
    assert_eq!((handled.unwrap(), bodies), (1, vec!["ana@x.org".to_owned()]));
    drop(consumer);
    engine.close(DEADLINE).unwrap();
}

#[test]
fn a_user_without_the_right_and_a_wrong_password_are_errors_that_show_none() {
    let server = Server::start();
    let engine = build(&server.url("reader"), options()).unwrap();
    let error = engine.publish(&SIGNUPS, "x", &[]).unwrap_err();
    assert!(error.to_string().contains("NOPERM"), "{error}");
    assert!(
        engine
            .consumer(&SIGNUPS)
            .single()
            .unwrap_err()
            .to_string()
            .contains("NOPERM")
    );

    let wrong = server.url("ana").replace("se%2F", "other");
    let error = build(&wrong, options()).unwrap_err();
    let text = format!("{error} {error:?} {error:#?}");
    assert!(
        error.is_connection() && !text.contains("othercr") && !text.contains("se/cr:et"),
        "{text}"
    );
}

#[test]
fn a_server_whose_authority_is_not_trusted_is_refused() {
    let server = Server::start();
    // The public authorities did not sign it.
    let error = build(&server.url("ana"), RedisOptions::default()).unwrap_err();
    assert!(error.is_connection(), "{error}");
    for (certificate, words) in [
        ("", "not one in PEM"),
        (
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
            "cannot be read",
        ),
    ] {
        let options = RedisOptions::default().with_root_certificate(certificate);
        let error = build(&server.url("ana"), options).unwrap_err();
        assert!(error.is_config() && error.to_string().contains(words), "{error}");
    }
    let error = build("redis://127.0.0.1", options()).unwrap_err();
    assert!(error.is_config() && error.to_string().contains("rediss"), "{error}");
}
