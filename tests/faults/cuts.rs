//! The connection is cut at every request of a flush: before it arrives, after it arrived, before its answer does.

use headwater_testkit::Proxy;

use crate::library::{Library, Run, done};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Before,
    After,
    Response,
}

impl Cut {
    fn plan(self, proxy: &Proxy, request: u64) {
        match self {
            Cut::Before => proxy.cut_before(request),
            Cut::After => proxy.cut_after(request),
            Cut::Response => proxy.cut_response(request),
        }
    }
}

/// Cuts every request of the flush, one after the other.
fn cut_everywhere(cut: Cut, run: Run) {
    let library = Library::new();
    let (expected, requests) = done(&library, run);
    assert!(requests > 30, "{requests} requests are not a flush of many statements");
    for request in 1..=requests {
        let at = format!("{cut:?} {request} of {requests}, {run:?}");
        let mut case = library.case();
        let rows = library.dump();
        let cuts = library.proxy.cuts();
        cut.plan(&library.proxy, request);
        let error = case.fails(run, &at);
        assert_eq!(library.proxy.cuts(), cuts + 1, "{at}");
        // The last request is COMMIT.
        let commit = request == requests;
        assert_eq!(error.is_commit_unknown(), commit, "{at}: {error:#?}");
        assert_eq!(error.is_connection(), !commit, "{at}: {error:#?}");
        assert_eq!(error.is_retryable(), !commit, "{at}: {error:#?}");

        library.wait_for_the_end_of_connections();
        let stored = library.dump() != rows;
        match cut {
            Cut::Before => assert!(!stored, "{at}: what never arrived is stored"),
            Cut::Response => assert_eq!(stored, commit, "{at}"),
            // Whether the server took it up before it saw the end is open; all or nothing is not.
            Cut::After => assert!(commit || !stored, "{at}"),
        }
        if !stored {
            assert_eq!(case.works(run), expected, "{at}: the next flush");
        } else {
            assert_eq!(library.view(), expected.view(), "{at}: half of it is stored");
        }
    }
}

#[test]
fn a_flush_cut_before_any_of_its_requests() {
    cut_everywhere(Cut::Before, Run::Alone);
}

#[test]
fn a_flush_cut_after_any_of_its_requests() {
    cut_everywhere(Cut::After, Run::Alone);
}

#[test]
fn a_flush_cut_before_any_of_its_answers() {
    cut_everywhere(Cut::Response, Run::Alone);
}

#[test]
fn a_transaction_cut_before_any_of_its_requests() {
    cut_everywhere(Cut::Before, Run::InTransaction);
}

#[test]
fn a_nested_transaction_cut_before_any_of_its_answers() {
    cut_everywhere(Cut::Response, Run::Nested);
}

/// The same while the first connection is made: the pool tries again, and then it works, or nothing was done.
#[test]
fn a_flush_whose_first_connection_is_cut() {
    let library = Library::new();
    let (expected, _) = done(&library, Run::Alone);
    for cut in [Cut::Before, Cut::After, Cut::Response] {
        for request in 1..=3 {
            let at = format!("{cut:?} {request} of the connecting");
            let mut case = library.case();
            let rows = library.dump();
            // The pool has one connection: another is made once this one is seen to be dead.
            library.proxy.cut();
            let error = case.fails(Run::Alone, &at);
            assert!(error.is_retryable(), "{at}: {error:#?}");
            assert_eq!(library.dump(), rows, "{at}");
            let cuts = library.proxy.cuts();
            cut.plan(&library.proxy, request);
            let memory = case.memory();
            match case.session.flush() {
                Ok(_) => assert_eq!(library.view(), expected.view(), "{at}"),
                Err(error) => {
                    assert!(error.is_retryable(), "{at}: {error:#?}");
                    assert_eq!((library.dump(), case.memory()), (rows, memory), "{at}");
                    assert_eq!(case.works(Run::Alone), expected, "{at}");
                }
            }
            assert_eq!(library.proxy.cuts(), cuts + 1, "{at}");
        }
    }
}
