//! The text of FluxaORM's tag: `UserStream,UserStatusStream//ID`.

use crate::operations::Operations;

/// One stream of `dirty_stream`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: String,
    /// The pool; the table's where it is left out.
    pub(crate) redis: Option<String>,
    pub(crate) on: Operations,
}

/// The longest name of a stream: `headwater::Stream::new` refuses more.
const LONGEST: usize = 512;

/// Reads `<Name>/<redisPool>/<ops>`, of which only the name must be there.
pub(crate) fn parse(item: &str) -> Result<Item, String> {
    let parts: Vec<&str> = item.split('/').map(str::trim).collect();
    let (name, redis, letters) = match parts[..] {
        [name] => (name, "", ""),
        [name, redis] => (name, redis, ""),
        [name, redis, letters] => (name, redis, letters),
        _ => {
            return Err(format!(
                "`{}` has too many slashes: write `Name`, `Name/pool` or `Name/pool/IUD`",
                item.trim()
            ));
        }
    };
    if name.is_empty() {
        return Err("the name of a stream cannot be empty: write `Name`, `Name/pool` or `Name/pool/IUD`".to_owned());
    }
    if name.len() > LONGEST {
        return Err(format!("the name of a stream has at most {LONGEST} bytes"));
    }
    let on = match letters {
        "" => Operations::ALL,
        letters => Operations::parse(letters, false).map_err(|problem| format!("`{}`: {problem}", item.trim()))?,
    };
    Ok(Item {
        name: name.to_owned(),
        redis: (!redis.is_empty()).then(|| redis.to_owned()),
        on,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_the_tables_pool_and_every_operation() {
        for text in ["A", "A/", "A//", " A ", "A/ / "] {
            let item = parse(text).expect(text);
            assert_eq!(
                (item.name.as_str(), item.redis, item.on),
                ("A", None, Operations::ALL),
                "{text}"
            );
        }
        let item = parse("A/second/ID").expect("valid");
        assert_eq!(item.redis.as_deref(), Some("second"));
        assert!(item.on.insert && !item.on.update && item.on.delete);
        // FluxaORM takes a letter twice.
        assert!(parse("A//II").is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(parse("").expect_err("empty").contains("empty"));
        assert!(parse("/pool").expect_err("empty").contains("empty"));
        assert!(parse("A//IX").expect_err("letter").contains("`X`"));
        assert!(parse("A//iud").expect_err("letter").contains("`i`"));
        assert!(parse("A/b/I/x").expect_err("slashes").contains("slashes"));
        assert!(parse(&"x".repeat(513)).is_err());
    }
}
