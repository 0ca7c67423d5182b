//! Renamed columns, columns with a task, references and their indexes.

use chrono::{DateTime, Utc};
use headwater::prelude::*;
use headwater::table::OnDelete;

use crate::{User, column, index};

#[derive(Clone, Default, Table)]
#[table(
    rename_all = "camelCase",
    soft_delete,
    index(unique, author, title),
    index(unique, r#unique)
)]
struct BlogPost {
    #[column(id)]
    post_id: u32,
    author: Ref<User>,
    #[column(references(on_delete = "set_null"))]
    second_author: Option<Ref<User>>,
    #[column(references, index = "by_editor")]
    editor: headwater::table::Ref<User>,
    #[column(unique = "one_each", references(on_delete = "cascade"))]
    owner: Ref<Named>,
    #[column(name = "Title")]
    title: String,
    unique: bool,
    #[column(version)]
    row_version: u32,
    #[column(created_at)]
    created: Option<DateTime<Utc>>,
    #[column(updated_at)]
    updated: DateTime<Utc>,
    #[column(deleted_at)]
    deleted: Option<DateTime<Utc>>,
}

#[derive(Clone, Default, Table)]
struct Named {
    #[column(id)]
    name: String,
}

#[test]
fn columns_are_renamed_but_their_constants_are_not() {
    let names: Vec<&str> = BlogPost::TABLE.columns.iter().map(|c| c.name).collect();
    assert_eq!(
        names,
        [
            "postId",
            "author",
            "secondAuthor",
            "editor",
            "owner",
            "Title",
            "unique",
            "rowVersion",
            "created",
            "updated",
            "deleted"
        ]
    );
    assert_eq!(BlogPost::SECOND_AUTHOR.name(), "secondAuthor");
    assert_eq!(BlogPost::SECOND_AUTHOR.def().field, "second_author");
}

#[test]
fn columns_with_a_task_are_known() {
    let table = BlogPost::TABLE;
    assert_eq!(
        (table.version, table.created_at, table.updated_at, table.deleted_at),
        (Some(7), Some(8), Some(9), Some(10))
    );
    let table = User::TABLE;
    assert_eq!(
        (table.version, table.created_at, table.updated_at, table.deleted_at),
        (None, None, None, None)
    );
}

#[test]
fn references_know_their_table_and_have_an_index() {
    let reference = |name| column::<BlogPost>(name).reference.unwrap();
    assert_eq!((reference("author").table)().name, "users");
    assert_eq!((reference("owner").table)().name, "named");
    assert_eq!(reference("author").constraint, None);
    assert_eq!(reference("secondAuthor").constraint, Some(OnDelete::SetNull));
    assert_eq!(reference("editor").constraint, Some(OnDelete::Restrict));
    assert_eq!(reference("owner").constraint, Some(OnDelete::Cascade));
    assert!(column::<BlogPost>("Title").reference.is_none());
    assert!(column::<BlogPost>("owner").binary_text);
    assert_eq!(
        BlogPost::TABLE.indexes,
        [
            index("ix_secondAuthor", &[2], false),
            index("by_editor", &[3], false),
            index("one_each", &[4], true),
            index("uq_author_Title", &[1, 5], true),
            index("uq_unique", &[6], true),
        ]
    );
}

#[test]
fn a_reference_to_a_new_row_is_pending_until_it_has_a_key() {
    let post = BlogPost {
        author: Ref::to(1),
        ..BlogPost::default()
    };
    assert!(post.pending(BlogPost::AUTHOR.position()).is_none());
    assert!(post.encode(BlogPost::EDITOR.position()).is_err(), "it points nowhere");
}
