//! Where a Redis server is: URLs, checked, and shown without their password.

use std::borrow::Cow;

use ::redis::{Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use crate::error::{Error, Result};

/// A checked URL.
pub(super) struct Address {
    client: Client,
    shown: String,
}

impl Address {
    /// Checks a URL: `redis://[user[:password]@]host[:port][/database]`, `rediss://…` for TLS,
    /// `unix:///path?db=0&user=…&pass=…`.
    pub(super) fn parse(pool: &str, url: &str, root_certificate: Option<&[u8]>) -> Result<Address> {
        let shown = redacted(url);
        let wrong = |why: &str| Error::config(format!("Redis pool `{pool}`, URL `{shown}`: {why}"));
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(wrong("a URL starts with `redis://`"));
        };
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "redis" | "valkey" | "unix" | "redis+unix" | "valkey+unix" => {}
            "rediss" | "valkeys" if cfg!(feature = "tls") => {}
            "rediss" | "valkeys" => return Err(wrong("TLS needs the feature `tls` of headwater")),
            other if other.contains("sentinel") => {
                return Err(wrong(
                    "Sentinel is not supported; give the URL of the master, or of a proxy that follows it",
                ));
            }
            other if other.contains("cluster") => {
                return Err(wrong(
                    "Redis Cluster is not supported; give the URL of a server that is no part of a cluster",
                ));
            }
            _ => {
                return Err(wrong(
                    "the scheme is not one of `redis`, `rediss`, `valkey`, `valkeys`, `unix`",
                ));
            }
        }
        if !scheme.ends_with("unix") {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            if host.is_empty() || host.starts_with(':') {
                return Err(wrong("there is no host"));
            }
            if host.contains(',') {
                return Err(wrong(
                    "several hosts are not supported: neither Sentinel nor Redis Cluster is",
                ));
            }
        }
        let info = url.into_connection_info().map_err(|error| wrong(reason(&error)))?;
        let info = tuned(info);
        let client = match root_certificate {
            None => Client::open(info).map_err(|error| wrong(reason(&error)))?,
            Some(_) if !matches!(scheme.as_str(), "rediss" | "valkeys") => {
                return Err(wrong("a root certificate is given, and the scheme is not `rediss`"));
            }
            Some(pem) => with_authority(info, pem).map_err(wrong)?,
        };
        Ok(Address { client, shown })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The URL without its password.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

/// A client that trusts this authority only.
#[cfg(feature = "tls")]
fn with_authority(info: ConnectionInfo, pem: &[u8]) -> std::result::Result<Client, &'static str> {
    const MARK: &[u8] = b"-----BEGIN CERTIFICATE-----";
    if !pem.windows(MARK.len()).any(|window| window == MARK) {
        return Err("the root certificate is not one in PEM");
    }
    let certificates = ::redis::TlsCertificates {
        client_tls: None,
        root_cert: Some(pem.to_vec()),
    };
    Client::build_with_tls(info, certificates).map_err(|_| "the root certificate cannot be read")
}

#[cfg(not(feature = "tls"))]
fn with_authority(_: ConnectionInfo, _: &[u8]) -> std::result::Result<Client, &'static str> {
    Err("TLS needs the feature `tls` of headwater")
}

/// What is wrong, in words that hold nothing of the URL.
fn reason(error: &::redis::RedisError) -> &'static str {
    let text = error.to_string();
    let known = [
        (
            "did not parse",
            "it is not a URL; special characters of a password are written as %XX",
        ),
        ("database number", "the part after the `/` is the number of a database"),
        ("hostname", "there is no host"),
        ("wildcard", "a wildcard address cannot be connected to"),
        ("UTF-8", "user and password have to be UTF-8"),
        ("fragment", "the part after the `#` is not understood"),
        ("Missing path", "there is no path"),
        ("protocol", "`protocol` is 2"),
        ("Unix sockets", "this platform has no Unix sockets"),
    ];
    known
        .iter()
        .find(|(part, _)| text.contains(part))
        .map_or("the client does not understand it", |(_, words)| words)
}

fn tuned(info: ConnectionInfo) -> ConnectionInfo {
    // The answers are decoded in the form of protocol 2.
    let redis = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP2)
        .set_lib_name("headwater", env!("CARGO_PKG_VERSION"));
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    info.set_redis_settings(redis).set_tcp_settings(tcp)
}

/// The URL with `***` in place of its password, whatever else is wrong with it.
pub(super) fn redacted(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, url),
    };
    // A password with an unescaped `/` or `@` is still a password: up to the last `@`.
    let rest: Cow<'_, str> = match rest.rsplit_once('@') {
        Some((login, host)) => match login.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}").into(),
            None => format!("{login}@{host}").into(),
        },
        None => rest.into(),
    };
    let rest: Cow<'_, str> = match rest.split_once('?') {
        Some((path, query)) => {
            let shown: Vec<String> = query.split('&').map(parameter).collect();
            format!("{path}?{}", shown.join("&")).into()
        }
        None => rest,
    };
    match scheme {
        Some(scheme) => format!("{scheme}://{rest}"),
        None => rest.into_owned(),
    }
}

fn parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}=***"),
        _ => pair.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "redis://ana:secret@host:6379/1",
            "redis://:secret@host",
            "redis://:se/secret@host/1",
            "redis://:secret@secret@host",
            "redis://ana:secret@",
            "http://ana:secret@host",
            "ana:secret@host",
            "unix:///run/redis.sock?db=1&pass=secret",
            "unix:///run/redis.sock?password=secret&db=1",
            "redis://ana:secret@host/notanumber",
            "redis+sentinel://ana:secret@a,b/master",
            "rediss://ana:secret@host/x",
        ] {
            assert!(!redacted(url).contains("secret"), "{}", redacted(url));
            if let Err(error) = Address::parse("default", url, None) {
                assert!(!format!("{error} {error:?} {error:#?}").contains("secret"), "{error}");
            }
        }
        assert_eq!(redacted("redis://ana:secret@host/1"), "redis://ana:***@host/1");
        assert_eq!(redacted("redis://host:6379/1"), "redis://host:6379/1");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        for (url, words) in [
            ("localhost", "starts with `redis://`"),
            ("http://localhost", "the scheme is not one of"),
            ("redis://", "no host"),
            ("redis://:6379", "no host"),
            ("redis:///1", "no host"),
            ("redis://ana:x@", "no host"),
            ("redis://host/x", "number of a database"),
            ("redis://host:99999", "not a URL"),
            ("redis-sentinel://a:26379", "Sentinel is not supported"),
            ("redis+cluster://a", "Cluster is not supported"),
            ("redis://a:1,b:2/0", "several hosts"),
        ] {
            let error = Address::parse("cache1", url, None).err().map(|e| e.to_string());
            let error = error.unwrap_or_default();
            assert!(error.contains(words), "{url}: {error}");
            assert!(error.contains("cache1"), "{error}");
        }
    }

    #[test]
    fn good_urls_are_taken() {
        for url in [
            "redis://localhost",
            "redis://ana:s%2Fx@localhost:6380/3",
            "redis://[::1]:6379/0",
            "valkey://localhost",
            "unix:///run/redis.sock?db=2",
        ] {
            assert!(Address::parse("default", url, None).is_ok(), "{url}");
        }
        assert_eq!(
            Address::parse("default", "rediss://localhost", None).is_ok(),
            cfg!(feature = "tls")
        );
    }
}
