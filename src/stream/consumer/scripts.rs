//! The Lua scripts about groups.

use crate::redis::lua;

macro_rules! with_retire {
    ($file:literal) => {
        concat!(
            include_str!("../../redis/scripts/retire.lua"),
            include_str!(concat!("../../redis/scripts/", $file))
        )
    };
}

lua!(ACK, with_retire!("ack.lua"));
lua!(BURY, with_retire!("bury.lua"));
lua!(TAKE, include_str!("../../redis/scripts/take.lua"));
lua!(CLAIM, include_str!("../../redis/scripts/claim.lua"));
lua!(RECOVER, include_str!("../../redis/scripts/recover.lua"));
lua!(KEEP, include_str!("../../redis/scripts/keep.lua"));
lua!(SEEN, include_str!("../../redis/scripts/seen.lua"));
lua!(FORGET, include_str!("../../redis/scripts/forget.lua"));
lua!(LEAVE, include_str!("../../redis/scripts/leave.lua"));
