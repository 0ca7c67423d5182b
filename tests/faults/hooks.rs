//! Every call of a before-hook refuses, and panics: no statement is sent.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use headwater::ErrorKind;

use crate::library::{Fault, Library, Run, done, fail_at};
use crate::world::{calls, is_past, names};

/// The before-hooks of the flush, in order.
fn before_hooks(library: &Library, run: Run) -> Vec<String> {
    let mut case = library.case();
    run.flush(&mut case.session).expect("nothing is in the way");
    calls().into_iter().filter(|call| !is_past(call)).collect()
}

fn refuse_everywhere(run: Run) {
    let library = Library::new();
    let (expected, _) = done(&library, run);
    let hooks = before_hooks(&library, run);
    assert_eq!(hooks.len(), 40, "{hooks:#?}");
    for hook in &hooks {
        let mut case = library.case();
        let rows = library.dump();
        let requests = library.proxy.requests();
        fail_at(Some((hook, Fault::Veto)));
        let error = case.fails(run, hook);
        fail_at(None);
        assert!(error.is_rejected() && !error.is_retryable(), "{hook}: {error:#?}");
        let mut parts = hook.split(' ');
        let ErrorKind::Rejected {
            hook: method,
            table,
            key,
            source,
        } = error.kind()
        else {
            panic!("{error:#?}")
        };
        assert_eq!((Some(*method), Some(*table)), (parts.next(), parts.next()));
        let label = parts.next().expect("a label");
        // New ones have no key yet; the others' label has it.
        let new = ["a7", "a8", "b7", "b8", "d9"].contains(&label);
        assert_eq!(key, if new { "(new)" } else { &label[1..] }, "{hook}");
        assert_eq!(source.to_string(), "not while I watch");
        names(&error, &[method, table, key, "not while I watch"]);
        assert_eq!(library.proxy.requests(), requests, "{hook}: no statement is sent");
        assert_eq!(library.dump(), rows, "{hook}");
        assert_eq!(case.works(run), expected, "{hook}: the next flush");
    }
}

fn panic_everywhere(run: Run) {
    let library = Library::new();
    let (expected, _) = done(&library, run);
    for hook in &before_hooks(&library, run) {
        let mut case = library.case();
        let rows = library.dump();
        let memory = case.memory();
        let requests = library.proxy.requests();
        calls();
        fail_at(Some((hook, Fault::Panic)));
        let outcome = catch_unwind(AssertUnwindSafe(|| run.flush(&mut case.session)));
        fail_at(None);
        let panic = outcome.expect_err("the panic is the application's to see");
        let text = panic.downcast_ref::<String>().expect("its own text");
        assert_eq!(text, &format!("what a mess at {hook}"));
        let after: Vec<String> = calls().into_iter().filter(|call| is_past(call)).collect();
        assert!(after.is_empty(), "{hook}: {after:?}");
        assert_eq!(library.proxy.requests(), requests, "{hook}: no statement is sent");
        assert_eq!(library.dump(), rows, "{hook}");
        assert_eq!(case.memory(), memory, "{hook}: the session is whole");
        assert_eq!(case.works(run), expected, "{hook}: the next flush");
    }
}

#[test]
fn a_refusal_of_any_before_hook() {
    refuse_everywhere(Run::Alone);
}

#[test]
fn a_refusal_of_any_before_hook_in_a_transaction() {
    refuse_everywhere(Run::Nested);
}

#[test]
fn a_panic_of_any_before_hook() {
    panic_everywhere(Run::Alone);
}

#[test]
fn a_panic_of_any_before_hook_in_a_transaction() {
    panic_everywhere(Run::InTransaction);
}

/// A function that watches the statements is no part of the flush: what it does wrong stays with it.
#[test]
fn a_panic_of_a_watcher_of_statements_stays_with_it() {
    let library = Library::new();
    let (expected, _) = done(&library, Run::Alone);
    let watched = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&watched);
    let mut case = library.case_with(|builder| {
        builder.on_statement(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            panic!("what a mess")
        })
    });
    assert_eq!(case.works(Run::InTransaction), expected);
    assert!(watched.load(Ordering::Relaxed) > 10);
}
