//! MULTI and EXEC for the older client, which loses its way in an answer with an error reply in it.
//!
//! The commands between them go to the server as one script, which does the same and tells errors as
//! text; its answer is taken apart into the answers that MULTI, the commands and EXEC would have had.

use super::failure::Refusal;
use super::pack::Commands;
use super::reply::Reply;

const SCRIPT: &str = include_str!("scripts/together.lua");

/// One answer that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// To one command.
    One,
    /// To a script in place of MULTI, this many commands, and EXEC.
    Frame(usize),
}

/// The commands with frames put into scripts, and the answers that will come; `None` when there is no frame.
pub(super) fn framed(packed: &[u8]) -> Option<(Commands, Vec<Due>)> {
    const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
    if !packed.windows(MULTI.len()).any(|window| window == MULTI) {
        return None;
    }
    let mut commands = Commands::new();
    let mut due = Vec::new();
    let mut frame: Option<Vec<Vec<&[u8]>>> = None;
    let mut rest = packed;
    while let Some(words) = next_command(&mut rest) {
        let lone = (words.len() == 1).then(|| words[0]);
        match (lone, &mut frame) {
            (Some(b"MULTI"), None) => frame = Some(Vec::new()),
            (Some(b"EXEC"), Some(_)) => {
                let inner = frame.take().unwrap_or_default();
                push_script(&mut commands, &inner);
                due.push(Due::Frame(inner.len()));
            }
            (_, Some(inner)) => inner.push(words),
            (_, None) => {
                commands.push(&words);
                due.push(Due::One);
            }
        }
    }
    // A frame that never ends is nothing that a script could do.
    frame.is_none().then_some((commands, due))
}

/// The answers that the commands of a frame would have had.
pub(super) fn unframed(answer: Reply, count: usize) -> Vec<Reply> {
    let mut replies = vec![Reply::Status("OK".into())];
    replies.extend((0..count).map(|_| Reply::Status("QUEUED".into())));
    match answer {
        Reply::Refused(refusal) => {
            if !refusal.heals() {
                // Scripts are what the server does not take.
                replies[0] = Reply::Refused(refusal.clone());
            }
            replies.push(Reply::Refused(refusal));
        }
        answer => replies.push(Reply::List(
            answer.list().unwrap_or_default().into_iter().map(told).collect(),
        )),
    }
    replies
}

/// The answer of one command, out of what the script tells of it.
fn told(pair: Reply) -> Reply {
    let mut pair = pair.list().unwrap_or_default().into_iter();
    let done = pair.next().and_then(|flag| flag.int()) == Some(1);
    let answer = pair.next().unwrap_or(Reply::Nil);
    if done {
        return answer;
    }
    let text = answer.string().unwrap_or_default();
    let (code, detail) = text.split_once(' ').unwrap_or((&text, ""));
    Reply::Refused(Box::new(Refusal {
        code: code.to_string(),
        detail: detail.to_string(),
    }))
}

fn push_script(commands: &mut Commands, inner: &[Vec<&[u8]>]) {
    let words: usize = inner.iter().map(|words| words.len() + 1).sum();
    // No lock is asked for.
    commands.begin(4 + words).arg("EVAL").arg(SCRIPT).number(0).arg("");
    for inner in inner {
        commands.number(inner.len() as u64);
        for word in inner {
            commands.arg(word);
        }
    }
}

/// The words of the next command; `None` at the end.
fn next_command<'a>(rest: &mut &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let count = next_length(rest, b'*')?;
    (0..count)
        .map(|_| {
            let length = next_length(rest, b'$')?;
            let word = rest.get(..length)?;
            *rest = rest.get(length + 2..)?;
            Some(word)
        })
        .collect()
}

fn next_length(rest: &mut &[u8], mark: u8) -> Option<usize> {
    let end = rest.iter().position(|byte| *byte == b'\r')?;
    let digits = rest.get(..end)?.strip_prefix(&[mark])?;
    *rest = rest.get(end + 2..)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_becomes_one_script_and_its_answer_becomes_theirs() {
        let mut commands = Commands::one(&[b"PING"]);
        assert!(framed(commands.packed()).is_none());
        commands
            .push(&[b"MULTI"])
            .push(&[b"SET", b"MULTI", b"*1\r\n$5\r\nMULTI\r\n"])
            .push(&[b"GET", b"a"])
            .push(&[b"EXEC"])
            .push(&[b"PING"]);
        let (script, due) = framed(commands.packed()).expect("a frame");
        assert_eq!(
            (script.count(), due.as_slice()),
            (3, &[Due::One, Due::Frame(2), Due::One][..])
        );
        let mut rest = script.packed();
        let words: Vec<Vec<&[u8]>> = std::iter::from_fn(|| next_command(&mut rest)).collect();
        assert_eq!(
            words[1][3..],
            [
                &b""[..],
                b"3",
                b"SET",
                b"MULTI",
                b"*1\r\n$5\r\nMULTI\r\n",
                b"2",
                b"GET",
                b"a"
            ]
        );
        let answer = Reply::List(vec![
            Reply::List(vec![Reply::Int(1), Reply::Status("OK".into())]),
            Reply::List(vec![Reply::Int(0), Reply::Bytes(b"WRONGTYPE it is".to_vec())]),
        ]);
        let replies = unframed(answer, 2);
        assert_eq!(replies.len(), 4);
        let Some(Reply::List(list)) = replies.last() else {
            panic!("{replies:?}")
        };
        assert!(matches!(&list[1], Reply::Refused(refusal) if refusal.to_string() == "WRONGTYPE it is"));
    }
}
