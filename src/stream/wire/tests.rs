//! Tests of the wire format against Go's bytes, and of every column's way to an event and back.

use proptest::prelude::*;

use super::*;
use crate::stream::decide::FlushType;
use crate::stream::declaration::{Stream, Wire};
use crate::stream::entity_id::EntityId;
use crate::stream::event::DirtyEvent;
use crate::stream::event_kind::EventKind;
use crate::stream::fixture::{TABLE, TEXT_TABLE, UUID_TABLE, column_of};
use crate::stream::param::Param;
use crate::table::{CivilDate, CivilDateTime, CivilTime, ColumnDef, SqlType, TableDef, Value, ValueRef};

const WIRES: [Wire; 2] = [Wire::Documented, Wire::FluxaOrm];

fn packed(
    table: &'static TableDef,
    key: &Value,
    flush: FlushType,
    changes: &[(usize, Value, Value)],
    wire: Wire,
) -> Vec<u8> {
    let mut buffer = Vec::new();
    let record = EventRecord {
        table,
        key,
        flush,
        changes,
    };
    write_event(&mut buffer, &record, wire).unwrap();
    buffer
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn the_bytes_are_those_of_go() {
    // reference/fluxaorm.md, section 2.2, made by the real library.
    let go = |key, flush, changes: &[_]| hex(&packed(&TABLE, &Value::UInt(key), flush, changes, Wire::FluxaOrm));
    assert_eq!(
        go(1, FlushType::Insert, &[]),
        "84a26574aa55736572456e74697479a2696401a2667401ac63682c6f6d6974656d707479c0"
    );
    assert_eq!(
        go(300, FlushType::Delete, &[]),
        "84a26574aa55736572456e74697479a26964cd012ca2667403ac63682c6f6d6974656d707479c0"
    );
    assert_eq!(
        go(1 << 40, FlushType::Insert, &[]),
        "84a26574aa55736572456e74697479a26964cf0000010000000000a2667401ac63682c6f6d6974656d707479c0"
    );
    let age = (column_of("Age").0, Value::UInt(18), Value::UInt(19));
    assert_eq!(
        go(7, FlushType::Update, &[age]),
        "84a26574aa55736572456e74697479a2696407a2667402ac63682c6f6d6974656d70747981a341676582a16f83ab6e2c6f6d6974656d\
         707479c2ab742c6f6d6974656d707479a175ab762c6f6d6974656d707479a23138a16e83ab6e2c6f6d6974656d707479c2ab742c6f6d\
         6974656d707479a175ab762c6f6d6974656d707479a23139"
    );
    assert!(go(1, FlushType::Update, &[]).ends_with("a2667402ac63682c6f6d6974656d70747980"));
}

#[test]
fn the_documented_bytes() {
    let key = Value::UInt(7);
    let age = (column_of("Age").0, Value::Null, Value::UInt(19));
    assert_eq!(
        packed(&TABLE, &key, FlushType::Update, &[age], Wire::Documented),
        b"\x84\xa2et\xaaUserEntity\xa2id\x07\xa2ft\x02\xa2ch\x81\xa3Age\x82\
          \xa1o\x83\xa1n\xc3\xa1t\xa0\xa1v\xa0\
          \xa1n\x83\xa1n\xc2\xa1t\xa1u\xa1v\xa219"
    );
    assert_eq!(
        packed(&TABLE, &key, FlushType::Delete, &[], Wire::Documented),
        b"\x83\xa2et\xaaUserEntity\xa2id\x07\xa2ft\x03"
    );
    assert_eq!(
        packed(&TABLE, &key, FlushType::Update, &[], Wire::Documented),
        b"\x84\xa2et\xaaUserEntity\xa2id\x07\xa2ft\x02\xa2ch\x80"
    );
}

#[test]
fn events_are_added_to_the_buffer() {
    let record = EventRecord {
        table: &TABLE,
        key: &Value::UInt(7),
        flush: FlushType::Insert,
        changes: &[],
    };
    for wire in WIRES {
        let alone = packed(&TABLE, record.key, record.flush, &[], wire);
        let mut buffer = b"before".to_vec();
        write_event(&mut buffer, &record, wire).unwrap();
        write_event(&mut buffer, &record, wire).unwrap();
        assert_eq!(buffer, [b"before", alone.as_slice(), alone.as_slice()].concat());
    }
}

/// The bytes of an event, put together from what it has in common with others and its own.
fn put_together(
    table: &'static TableDef,
    key: &Value,
    flush: FlushType,
    changes: &[(usize, Value, Value)],
    wire: Wire,
) -> Vec<u8> {
    const DOCUMENTED: &Stream = &Stream::new("documented");
    const GO: &Stream = &Stream::new("go").wire(Wire::FluxaOrm);
    let kind = EventKind {
        stream: if wire == Wire::FluxaOrm { GO } else { DOCUMENTED },
        table,
        flush,
        columns: changes.iter().map(|(column, ..)| *column).collect(),
    };
    let pieces = Pieces::of(&kind).unwrap();
    let mut variables = vec![Vec::new()];
    write_key(&mut variables[0], &ValueRef::of(key), table).unwrap();
    for (column, old, new) in changes.iter().filter(|_| flush == FlushType::Update) {
        for value in [old, new] {
            let mut variable = Vec::new();
            write_value(&mut variable, &ValueRef::of(value), &table.columns[*column], wire).unwrap();
            variables.push(variable);
        }
    }
    assert_eq!(pieces.iter().len(), variables.len() + 1);
    assert_eq!(pieces.iter().map(<[u8]>::len).sum::<usize>(), pieces.size());
    variables.push(Vec::new());
    let both = pieces.iter().zip(&variables);
    both.flat_map(|(piece, variable)| [piece, variable.as_slice()])
        .flatten()
        .copied()
        .collect()
}

#[test]
fn an_event_is_what_it_has_in_common_and_its_own() {
    let change = |name: &str, old: Value, new: Value| (column_of(name).0, old, new);
    let changes = [
        vec![],
        vec![change("Age", Value::UInt(18), Value::UInt(19))],
        vec![
            change("Age", Value::UInt(18), Value::UInt(19)),
            change("Name", text("A"), text(&"long ".repeat(100))),
            change("OrName", Value::Null, text("")),
        ],
    ];
    for (flush, wire) in [FlushType::Insert, FlushType::Update, FlushType::Delete]
        .into_iter()
        .flat_map(|flush| WIRES.map(|wire| (flush, wire)))
    {
        for changes in &changes {
            let changes = if flush == FlushType::Update {
                changes.as_slice()
            } else {
                &[]
            };
            for key in [Value::UInt(1), Value::UInt(300), Value::Int(-7)] {
                let whole = packed(&TABLE, &key, flush, changes, wire);
                assert_eq!(
                    put_together(&TABLE, &key, flush, changes, wire),
                    whole,
                    "{flush} {wire:?}"
                );
            }
        }
    }
    let key = text("01J9ZQ");
    let whole = packed(&TEXT_TABLE, &key, FlushType::Delete, &[], Wire::Documented);
    assert_eq!(
        put_together(&TEXT_TABLE, &key, FlushType::Delete, &[], Wire::Documented),
        whole
    );
}

#[test]
fn events_do_not_show_timestamps_version_and_mark() {
    let changes: Vec<_> = ["Version", "Age", "CreatedAt", "UpdatedAt", "DeletedAt"]
        .map(|name| (column_of(name).0, Value::UInt(1), Value::UInt(2)))
        .into();
    for wire in WIRES {
        let bytes = packed(&TABLE, &Value::UInt(7), FlushType::Update, &changes, wire);
        let event = read_event(&bytes).unwrap();
        let columns: Vec<&str> = event.changes.iter().map(|change| change.column.as_str()).collect();
        assert_eq!(columns, ["Age"]);
    }
}

#[test]
fn keys_travel_in_their_own_form() {
    let uuid = *b"\x01\x92\x3a\x4b\x5c\x6d\x7e\x8f\x90\xa1\xb2\xc3\xd4\xe5\xf6\x07";
    for (table, key, id) in [
        (&TABLE, Value::UInt(u64::MAX), EntityId::from(u64::MAX)),
        (&TABLE, Value::Int(i64::MIN), EntityId::Signed(i64::MIN)),
        (&TABLE, Value::Int(-1), EntityId::Signed(-1)),
        (&TABLE, Value::Int(128), EntityId::from(128u64)),
        (&TEXT_TABLE, text("01J9ZQ"), EntityId::from("01J9ZQ")),
        (
            &UUID_TABLE,
            Value::Bytes(uuid.to_vec()),
            EntityId::from("01923a4b-5c6d-7e8f-90a1-b2c3d4e5f607"),
        ),
    ] {
        for wire in WIRES {
            let bytes = packed(table, &key, FlushType::Insert, &[], wire);
            let event = read_event(&bytes).unwrap();
            assert_eq!(event.entity_id, id);
            assert_eq!(event.to_bytes(wire).unwrap(), bytes);
        }
    }
    // A positive key has one form, whatever the sign of its type.
    assert_eq!(
        packed(&TABLE, &Value::Int(200), FlushType::Insert, &[], Wire::FluxaOrm),
        packed(&TABLE, &Value::UInt(200), FlushType::Insert, &[], Wire::FluxaOrm)
    );
}

/// What is written for a value of a column.
fn param_of(column: &str, value: Value) -> Param {
    let (position, _) = column_of(column);
    let changes = [(position, value, Value::Null)];
    let bytes = packed(&TABLE, &Value::UInt(7), FlushType::Update, &changes, Wire::FluxaOrm);
    read_event(&bytes).unwrap().changes.remove(0).old
}

#[test]
fn every_type_has_its_code_and_text() {
    let date = CivilDate {
        year: 2024,
        month: 1,
        day: 2,
    };
    let at = CivilDateTime {
        date,
        hour: 2,
        minute: 4,
        second: 5,
        micros: 0,
    };
    let span = CivilTime {
        negative: true,
        hours: 838,
        minutes: 59,
        seconds: 59,
        micros: 0,
    };
    let half = CivilDateTime { micros: 500_000, ..at };
    let uuid = Value::Bytes(vec![0xab; 16]);
    for (column, value, kind, shown) in [
        ("Active", Value::Bool(true), 'b', "1"),
        ("Balance", Value::Int(i64::MIN), 'i', "-9223372036854775808"),
        ("Age", Value::UInt(0), 'u', "0"),
        ("Rate", Value::Float(12.3), 'f', "12.3"),
        ("Score", Value::Double(1e6), 'f', "1e+06"),
        ("Price", text("-12.50"), 'f', "-12.50"),
        ("Name", text("{abc true}"), 's', "{abc true}"),
        ("Photo", Value::Bytes(b"abc".to_vec()), 's', "abc"),
        ("Token", uuid, 's', "abababab-abab-abab-abab-abababababab"),
        ("Status", text("active"), 's', "active"),
        ("Flags", text("active,banned"), 's', "active,banned"),
        ("Born", Value::Date(date), 't', "2024-01-02T00:00:00Z"),
        ("Shift", Value::Time(span), 's', "-838:59:59"),
        ("SeenAt", Value::DateTime(at), 't', "2024-01-02T02:04:05Z"),
        ("SeenAt", Value::DateTime(half), 't', "2024-01-02T02:04:05.500000Z"),
        ("Tags", text("{\"a\":true}"), 's', "{\"a\":true}"),
    ] {
        assert_eq!(param_of(column, value), Param::new(kind, shown), "{column}");
    }
    assert_eq!(param_of("OrAge", Value::Null), Param::null());
}

fn date() -> impl Strategy<Value = CivilDate> {
    (0u16..=9999, 1u8..=12, 1u8..=28).prop_map(|(year, month, day)| CivilDate { year, month, day })
}

fn datetime() -> impl Strategy<Value = CivilDateTime> {
    let micros = prop_oneof![Just(0u32), 0u32..1_000_000];
    (date(), 0u8..24, 0u8..60, 0u8..60, micros).prop_map(|(date, hour, minute, second, micros)| CivilDateTime {
        date,
        hour,
        minute,
        second,
        micros,
    })
}

fn span() -> impl Strategy<Value = CivilTime> {
    (any::<bool>(), 0u16..=838, 0u8..60, 0u8..60, 0u32..1_000_000).prop_map(
        |(negative, hours, minutes, seconds, micros)| CivilTime {
            negative,
            hours,
            minutes,
            seconds,
            micros,
        },
    )
}

/// Any value that the column can hold.
fn value(column: &ColumnDef) -> BoxedStrategy<Value> {
    let not_null = match column.sql {
        SqlType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        SqlType::Integer { signed: true, .. } => any::<i64>().prop_map(Value::Int).boxed(),
        SqlType::Integer { signed: false, .. } => any::<u64>().prop_map(Value::UInt).boxed(),
        SqlType::Float => any::<u32>()
            .prop_map(f32::from_bits)
            .prop_filter("a number", |v| !v.is_nan())
            .prop_map(Value::Float)
            .boxed(),
        SqlType::Double => any::<u64>()
            .prop_map(f64::from_bits)
            .prop_filter("a number", |v| !v.is_nan())
            .prop_map(Value::Double)
            .boxed(),
        SqlType::Decimal { .. } => "-?(0|[1-9][0-9]{0,34})(\\.[0-9]{1,30})?".prop_map(Value::Text).boxed(),
        SqlType::Bytes { .. } => any::<Vec<u8>>().prop_map(Value::Bytes).boxed(),
        SqlType::Uuid => any::<[u8; 16]>().prop_map(|bytes| Value::Bytes(bytes.to_vec())).boxed(),
        SqlType::Date => date().prop_map(Value::Date).boxed(),
        SqlType::Time { .. } => span().prop_map(Value::Time).boxed(),
        SqlType::DateTime { .. } => datetime().prop_map(Value::DateTime).boxed(),
        _ => any::<String>().prop_map(Value::Text).boxed(),
    };
    if column.nullable {
        prop_oneof![1 => Just(Value::Null), 4 => not_null].boxed()
    } else {
        not_null
    }
}

/// Changes of every column.
fn changes() -> impl Strategy<Value = Vec<(usize, Value, Value)>> {
    let columns = TABLE.columns.iter().enumerate();
    columns
        .map(|(position, column)| (Just(position), value(column), value(column)))
        .collect::<Vec<_>>()
}

/// A UUID's bytes come back as text, which `Uuid` decodes as well.
fn stored(value: Value, column: &ColumnDef) -> Value {
    match value {
        Value::Text(text) if column.sql == SqlType::Uuid => {
            let digits = text.replace('-', "");
            let byte = |i: usize| u8::from_str_radix(&digits[i..i + 2], 16).unwrap();
            Value::Bytes((0..16).map(|i| byte(2 * i)).collect())
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_value_comes_back_exactly(changes in changes(), key: u64) {
        let key = Value::UInt(key.max(1));
        for wire in WIRES {
            let bytes = packed(&TABLE, &key, FlushType::Update, &changes, wire);
            let event = DirtyEvent::from_own_bytes(&bytes).unwrap();
            prop_assert_eq!(event.to_bytes(wire).unwrap(), bytes);
            let internal = TABLE.internal();
            let shown: Vec<_> = changes.iter().filter(|change| !internal.has(change.0)).collect();
            prop_assert_eq!(event.changes.len(), shown.len());
            for (position, old, new) in shown {
                let column = &TABLE.columns[*position];
                let (read_old, read_new) = event.values_of(column).unwrap().unwrap();
                prop_assert!(stored(read_old.clone(), column).same(old), "{}: {old} {read_old}", column.name);
                prop_assert!(stored(read_new.clone(), column).same(new), "{}: {new} {read_new}", column.name);
            }
        }
    }
}

/// Run with `cargo test --release -- --ignored --nocapture encode_speed`.
#[test]
#[ignore = "a measurement"]
fn encode_speed() {
    let changes = [
        (column_of("Status").0, text("active"), text("banned")),
        (column_of("Age").0, Value::UInt(18), Value::UInt(19)),
    ];
    let key = Value::UInt(70_000);
    let record = EventRecord {
        table: &TABLE,
        key: &key,
        flush: FlushType::Update,
        changes: &changes,
    };
    // The best of many short rounds: what the code takes when nothing else runs.
    let best = |work: &mut dyn FnMut()| {
        let round = || {
            let start = std::time::Instant::now();
            (0..1000).for_each(|_| work());
            start.elapsed().as_nanos() as f64 / 1000.0
        };
        std::iter::repeat_with(round).take(2000).fold(f64::MAX, f64::min)
    };
    for wire in WIRES {
        let mut buffer = Vec::with_capacity(1024);
        let write = best(&mut || {
            buffer.clear();
            write_event(&mut buffer, std::hint::black_box(&record), wire).unwrap();
            std::hint::black_box(&buffer);
        });
        let read = best(&mut || {
            std::hint::black_box(read_event(std::hint::black_box(&buffer)).unwrap());
        });
        println!(
            "{wire:?}: {} bytes, write {write:.1} ns, read {read:.1} ns",
            buffer.len()
        );
    }
    let mut buffer = Vec::with_capacity(1024);
    let floor = best(&mut || by_hand(&mut buffer));
    println!("the same event by hand with rmp: {} bytes, {floor:.1} ns", buffer.len());
}

/// The event of the measurement, its texts made already: what there is to reach.
fn by_hand(buffer: &mut Vec<u8>) {
    use rmp::encode::{write_bool, write_map_len, write_str, write_uint};
    use std::hint::black_box as seen;
    buffer.clear();
    write_map_len(buffer, 4).unwrap();
    write_str(buffer, "et").unwrap();
    write_str(buffer, seen("UserEntity")).unwrap();
    write_str(buffer, "id").unwrap();
    write_uint(buffer, seen(70_000)).unwrap();
    write_str(buffer, "ft").unwrap();
    write_uint(buffer, seen(2)).unwrap();
    write_str(buffer, "ch").unwrap();
    write_map_len(buffer, 2).unwrap();
    for (column, kind, old, new) in [("Status", "s", "active", "banned"), ("Age", "u", "18", "19")] {
        write_str(buffer, seen(column)).unwrap();
        write_map_len(buffer, 2).unwrap();
        for (key, text) in [("o", old), ("n", new)] {
            write_str(buffer, key).unwrap();
            write_map_len(buffer, 3).unwrap();
            write_str(buffer, "n").unwrap();
            write_bool(buffer, false).unwrap();
            write_str(buffer, "t").unwrap();
            write_str(buffer, seen(kind)).unwrap();
            write_str(buffer, "v").unwrap();
            write_str(buffer, seen(text)).unwrap();
        }
    }
    seen(buffer);
}
