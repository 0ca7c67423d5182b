//! Keys and references of every type that can be one.

use std::fmt::Debug;

use headwater::prelude::*;
use headwater::table::Key;
use uuid::Uuid;

use crate::common::database;

/// A test that stores rows with these keys, rows that refer to them, and finds both.
macro_rules! keys {
    ($(#[$column:meta])? $name:ident: $type:ty; $keys:expr) => {
        #[test]
        fn $name() {
            #[derive(Debug, Clone, Default, Table)]
            #[table(name = "parents")]
            struct Parent {
                #[column(id)]
                $(#[$column])?
                id: $type,
                #[column(length = 2000)]
                name: String,
            }
            impl Entity for Parent {}

            #[derive(Debug, Clone, Default, Table)]
            #[table(name = "children")]
            struct Child {
                #[column(id)]
                id: u32,
                #[column(references)]
                parent: Ref<Parent>,
                #[column(references)]
                other: Option<Ref<Parent>>,
            }
            impl Entity for Child {}

            let (_database, builder) = database();
            let engine = builder.entity::<Parent>().entity::<Child>().build().expect("an engine");
            engine.schema().diff().expect("a diff").apply().expect("tables");
            engine.schema().verify().expect("the tables are as declared");
            let keys: Vec<$type> = Vec::from($keys);
            let mut session = engine.session();
            for key in &keys {
                session.insert(Parent { id: key.clone(), name: format!("{key:?}") });
                session.insert(Child { parent: Ref::to(key.clone()), other: None, ..Child::default() });
                session.insert(Child { parent: Ref::to(key.clone()), other: Some(Ref::to(key.clone())), ..Child::default() });
            }
            session.flush().expect("rows with keys");
            let children = engine.session().query::<Child>().fetch().expect("readable rows");
            let wanted: Vec<_> = keys.iter().flat_map(|key| [(key, None), (key, Some(key))]).collect();
            let found: Vec<_> = children
                .iter()
                .map(|child| (child.parent.key().expect("a key"), child.other.as_ref().and_then(|other| other.key())))
                .collect();
            assert_eq!(found, wanted);

            // Each child gets the next parent, in one UPDATE.
            let mut session = engine.session();
            let next = |key: &$type| {
                let at = keys.iter().position(|k| k == key).expect("one of the keys");
                Ref::<Parent>::to(keys[(at + 1) % keys.len()].clone())
            };
            for handle in session.query::<Child>().all().expect("the children") {
                session[handle].parent = next(session[handle].parent.key().expect("a key"));
            }
            session.flush().expect("other references");
            let found = engine.session().query::<Child>().fetch().expect("readable rows");
            for (before, after) in children.iter().zip(&found) {
                assert_eq!(after.parent, next(before.parent.key().expect("a key")));
            }

            let mut session = engine.session();
            for handle in session.find_many::<Parent>(keys.clone()).expect("the parents") {
                assert_eq!(session[handle].name, format!("{:?}", session[handle].id));
                session[handle].name.push('!');
            }
            assert_eq!(session.flush().expect("an UPDATE by key").updated, keys.len() as u64);
            let parents = engine.session().query::<Parent>().fetch().expect("readable rows");
            assert!(parents.iter().all(|parent| parent.name == format!("{:?}!", parent.id)), "{parents:?}");
            generated::<Parent>(&engine);
        }
    };
}

/// A row without a key gets one.
fn generated<E: Entity + Default>(engine: &Engine)
where
    E::Key: Debug,
{
    let mut session = engine.session();
    let handle = session.insert(E::default());
    // After the greatest number there is no next one.
    if session.flush().is_ok() {
        assert!(!session[handle].key().is_unset());
    }
}

keys!(i_8: i8; [i8::MIN, -1, 1, 100]);
keys!(u_8: u8; [1, u8::MAX]);
keys!(i_16: i16; [i16::MIN, 1]);
keys!(u_16: u16; [1, u16::MAX]);
keys!(i_32: i32; [i32::MIN, 1]);
keys!(u_32: u32; [1, u32::MAX - 1]);
keys!(i_64: i64; [i64::MIN, 1]);
keys!(u_64: u64; [1, u64::from(u32::MAX)]);
keys!(text: String; ["a", "A", "ä", "😀", "😁", "with 'quotes' and \\", "01ARZ3NDEKTSV4RRFFQ69G5FAV"].map(str::to_owned));
keys!(#[column(length = 768)] long_text: String; ["x".repeat(767), "x".repeat(768)]);
keys!(uuid: Uuid; [Uuid::from_u128(1), Uuid::max()]);
