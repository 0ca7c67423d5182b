//! Server URLs taken apart and put together again, without ever showing the password in them.

use crate::error::{Error, Result};

/// `scheme://credentials@host:port/database?options`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: String,
    pub(crate) credentials: Option<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) options: Option<String>,
}

impl Url {
    /// Takes a URL of one of these schemes apart; `name` stands for it in the error.
    pub(crate) fn parse(text: &str, name: &str, schemes: &[(&str, u16)]) -> Result<Self> {
        let fail = |reason: String| Error::Url {
            name: name.to_owned(),
            reason,
        };
        let known = || {
            let names: Vec<String> = schemes.iter().map(|(s, _)| format!("{s}://")).collect();
            fail(format!("it does not start with {}", names.join(" or ")))
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(known)?;
        let (_, default_port) = schemes.iter().find(|(known, _)| *known == scheme).ok_or_else(known)?;
        let (rest, options) = match rest.split_once('?') {
            Some((rest, options)) => (rest, Some(options.to_owned())),
            None => (rest, None),
        };
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, address) = match authority.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials.to_owned()), address),
            None => (None, authority),
        };
        let (host, port) = match address.rsplit_once(':') {
            // The colons of an IPv6 address are inside its brackets.
            Some((host, port)) if !port.contains(']') => {
                let port = port
                    .parse()
                    .map_err(|_| fail(format!("its port {port:?} is no port number")))?;
                (host, port)
            }
            _ => (address, *default_port),
        };
        Ok(Self {
            scheme: scheme.to_owned(),
            credentials,
            host: if host.is_empty() { "localhost" } else { host }.to_owned(),
            port,
            database: database.to_owned(),
            options,
        })
    }

    pub(crate) fn mysql(text: &str, name: &str) -> Result<Self> {
        Self::parse(text, name, &[("mysql", 3306)])
    }

    pub(crate) fn redis(text: &str, name: &str) -> Result<Self> {
        Self::parse(text, name, &[("redis", 6379), ("valkey", 6379)])
    }

    /// `host:port`, to connect to.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The same with another path.
    pub(crate) fn with_database(&self, database: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            ..self.clone()
        }
    }

    /// The whole URL, password and all.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{}://", self.scheme);
        if let Some(credentials) = &self.credentials {
            text.push_str(credentials);
            text.push('@');
        }
        text.push_str(&self.address());
        if !self.database.is_empty() {
            text.push('/');
            text.push_str(&self.database);
        }
        if let Some(options) = &self.options {
            text.push('?');
            text.push_str(options);
        }
        text
    }
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}/{}", self.scheme, self.address(), self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn all_parts_survive_a_round_trip() {
        for text in [
            "mysql://me:p%40ss@db.example:3307/shop?ssl=1",
            "mysql://me@[::1]:3306/shop",
            "mysql://localhost:3306",
        ] {
            assert_eq!(Url::mysql(text, "x").expect("a URL").to_text(), text);
        }
    }

    #[test]
    fn host_and_port_have_defaults() {
        let url = Url::redis("redis://:secret@", "x").expect("a URL");
        assert_eq!(url.address(), "localhost:6379");
        assert_eq!(
            Url::mysql("mysql://[::1]/a", "x").expect("a URL").address(),
            "[::1]:3306"
        );
    }

    #[test]
    fn errors_and_debug_do_not_show_the_password() {
        let error = Url::mysql("postgres://me:secret@host", "THE_URL").expect_err("wrong scheme");
        assert_eq!(
            error.to_string(),
            "THE_URL cannot be used: it does not start with mysql://"
        );
        let url = Url::mysql("mysql://me:secret@host/db", "x").expect("a URL");
        assert!(!format!("{url:?}").contains("secret"));
        assert!(Url::mysql("mysql://me:secret@host:port", "x").is_err());
    }
}
