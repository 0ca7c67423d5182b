//! Lua scripts, run by their hash and sent whole when the server does not have them yet.

use std::sync::LazyLock;

use super::failure::Failure;
use super::link::Link;
use super::pack::Commands;
use super::reply::Reply;

/// A Lua script.
pub(crate) struct Script {
    code: &'static str,
    hash: LazyLock<String, fn() -> String>,
}

/// Declares a script; the hash is made on its first use.
macro_rules! lua {
    ($name:ident, $code:expr) => {
        pub(crate) static $name: $crate::redis::Script =
            $crate::redis::Script::declare($code, || $crate::redis::Script::hash_of($code));
    };
}
pub(crate) use lua;

impl Script {
    pub(crate) const fn declare(code: &'static str, hash: fn() -> String) -> Script {
        Script {
            code,
            hash: LazyLock::new(hash),
        }
    }

    pub(crate) fn hash_of(code: &str) -> String {
        ::redis::Script::new(code).get_hash().to_string()
    }

    /// Starts the script's call in a pipeline; its keys and arguments follow by `arg`. When the answer
    /// is [`is_missing`](Script::is_missing), it has to be run again by [`run`](Script::run).
    pub(crate) fn begin<'a>(&self, commands: &'a mut Commands, keys: usize, args: usize) -> &'a mut Commands {
        commands
            .begin(3 + keys + args)
            .arg("EVALSHA")
            .arg(self.hash.as_bytes())
            .number(keys as u64)
    }

    /// Packs the command that gives it to the server, for scripts that are called in pipelines.
    pub(crate) fn load(&self, commands: &mut Commands) {
        commands.push(&[b"SCRIPT", b"LOAD", self.code.as_bytes()]);
    }

    /// The server does not have the script: nothing was done.
    pub(crate) fn is_missing(reply: &Reply) -> bool {
        matches!(reply, Reply::Refused(refusal) if refusal.code == "NOSCRIPT")
    }

    /// Runs it.
    pub(crate) fn run(&self, link: &mut Link, keys: &[&[u8]], args: &[&[u8]]) -> Result<Reply, Failure> {
        let mut commands = Commands::new();
        self.begin(&mut commands, keys.len(), args.len());
        for word in keys.iter().chain(args) {
            commands.arg(word);
        }
        let reply = link.run(&commands)?.pop().unwrap_or(Reply::Nil);
        if !Script::is_missing(&reply) {
            return link.check(reply);
        }
        commands.clear();
        commands
            .begin(3 + keys.len() + args.len())
            .arg("EVAL")
            .arg(self.code)
            .number(keys.len() as u64);
        for word in keys.iter().chain(args) {
            commands.arg(word);
        }
        link.ask(&commands)
    }
}
