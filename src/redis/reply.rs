//! What the server answered, apart from the client crate.

use super::failure::Refusal;

/// One answer of the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// Nothing: a null.
    Nil,
    /// A whole number.
    Int(i64),
    /// A string of bytes.
    Bytes(Vec<u8>),
    /// A status line, `OK` among them.
    Status(String),
    /// A list.
    List(Vec<Reply>),
    /// An error.
    // Boxed to keep the others small: there are many of them.
    Refused(Box<Refusal>),
}

impl Reply {
    /// The list's elements; none for a null.
    pub(crate) fn list(self) -> Option<Vec<Reply>> {
        match self {
            Reply::List(list) => Some(list),
            Reply::Nil => Some(Vec::new()),
            _ => None,
        }
    }

    /// The number; numbers written as text are taken too.
    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Reply::Int(number) => Some(*number),
            Reply::Bytes(_) | Reply::Status(_) => self.text()?.parse().ok(),
            _ => None,
        }
    }

    /// The text.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Reply::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Reply::Status(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, by value.
    pub(crate) fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Reply::Bytes(bytes) => Some(bytes),
            Reply::Status(text) => Some(text.into_bytes()),
            _ => None,
        }
    }

    /// The bytes as text, by value.
    pub(crate) fn string(self) -> Option<String> {
        String::from_utf8(self.bytes()?).ok()
    }

    /// The value of a name in a list of names and values, as the XINFO commands answer.
    pub(crate) fn field(&self, name: &str) -> Option<&Reply> {
        let Reply::List(list) = self else { return None };
        list.chunks_exact(2)
            .find(|pair| pair[0].text() == Some(name))
            .map(|pair| &pair[1])
    }
}
