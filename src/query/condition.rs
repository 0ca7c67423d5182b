//! Conditions on the rows of a table, made from its columns.

use std::fmt;
use std::fmt::Write;
use std::marker::PhantomData;
use std::ops::Not;

use crate::mysql::Params;
use crate::table::{Column, ColumnType, Table, TableDef, Value};

/// A condition on the rows of `E`: `User::AGE.gt(17).and(User::NAME.starts_with("A"))`.
///
/// Values are bound, never written into the text. A value of the wrong type does not compile:
///
/// ```compile_fail
/// # use headwater::prelude::*;
/// # #[derive(Debug, Clone, Default, Table)]
/// # struct User { #[column(id)] id: u64, age: Option<u8> }
/// let condition = User::AGE.gt("seventeen");
/// ```
pub struct Condition<E> {
    node: Node,
    of: PhantomData<fn() -> E>,
}

#[derive(Debug, Clone)]
enum Node {
    Compare {
        column: usize,
        operator: &'static str,
        value: Value,
    },
    Between {
        column: usize,
        from: Value,
        to: Value,
    },
    In {
        column: usize,
        values: Vec<Value>,
    },
    Null {
        column: usize,
        is: bool,
    },
    Columns {
        left: usize,
        operator: &'static str,
        right: usize,
    },
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Raw {
        sql: &'static str,
        values: Vec<Value>,
    },
}

impl<E> Clone for Condition<E> {
    fn clone(&self) -> Self {
        Condition::of(self.node.clone())
    }
}

impl<E: Table> fmt::Debug for Condition<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sql = String::new();
        self.node.write(E::TABLE, &mut sql, &mut Params::new());
        f.write_str(&sql)
    }
}

impl<E> Condition<E> {
    fn of(node: Node) -> Self {
        Condition { node, of: PhantomData }
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Condition<E>) -> Condition<E> {
        let nodes = match self.node {
            Node::All(mut nodes) => {
                nodes.push(other.node);
                nodes
            }
            node => vec![node, other.node],
        };
        Condition::of(Node::All(nodes))
    }

    /// At least one holds.
    #[must_use]
    pub fn or(self, other: Condition<E>) -> Condition<E> {
        let nodes = match self.node {
            Node::Any(mut nodes) => {
                nodes.push(other.node);
                nodes
            }
            node => vec![node, other.node],
        };
        Condition::of(Node::Any(nodes))
    }

    /// All of these hold; with none of them, every row matches.
    #[must_use]
    pub fn all(conditions: impl IntoIterator<Item = Condition<E>>) -> Condition<E> {
        Condition::of(Node::All(conditions.into_iter().map(|c| c.node).collect()))
    }

    /// At least one of these holds; with none of them, no row matches.
    #[must_use]
    pub fn any(conditions: impl IntoIterator<Item = Condition<E>>) -> Condition<E> {
        Condition::of(Node::Any(conditions.into_iter().map(|c| c.node).collect()))
    }

    /// A condition in SQL of your own, with a `?` for each value. The text must be known when the program is
    /// compiled, so that nothing from outside can get into it.
    ///
    /// ```
    /// # use headwater::prelude::*;
    /// # use headwater::table::Value;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # struct User { #[column(id)] id: u64, name: String }
    /// let condition = Condition::<User>::raw("CHAR_LENGTH(`name`) > ?", [Value::UInt(3)]);
    /// ```
    #[must_use]
    pub fn raw(sql: &'static str, values: impl IntoIterator<Item = Value>) -> Condition<E> {
        Condition::of(Node::Raw {
            sql,
            values: values.into_iter().collect(),
        })
    }
}

impl<E> Condition<E> {
    /// The column equals a value that is encoded already.
    pub(crate) fn equals(column: usize, value: Value) -> Condition<E> {
        match value {
            Value::Null => Condition::of(Node::Null { column, is: true }),
            value => Condition::of(Node::Compare {
                column,
                operator: "=",
                value,
            }),
        }
    }

    /// The column is greater than a value that is encoded already.
    pub(crate) fn greater(column: usize, value: Value) -> Condition<E> {
        Condition::of(Node::Compare {
            column,
            operator: ">",
            value,
        })
    }

    /// The column is one of these values, which are encoded already.
    pub(crate) fn one_of(column: usize, values: Vec<Value>) -> Condition<E> {
        Condition::of(Node::In { column, values })
    }
}

impl<E> Not for Condition<E> {
    type Output = Condition<E>;

    /// It does not hold. As in SQL, a comparison with NULL neither holds nor does its opposite.
    fn not(self) -> Condition<E> {
        Condition::of(Node::Not(Box::new(self.node)))
    }
}

impl<E: Table> Condition<E> {
    /// The key that a row must have, if that is all that is asked of it.
    pub(super) fn only_key(&self) -> Option<&Value> {
        match &self.node {
            Node::Compare {
                column,
                operator: "=",
                value,
            } if *column == E::TABLE.id => Some(value),
            _ => None,
        }
    }

    /// Writes the condition's SQL and binds its values.
    pub(super) fn write(&self, sql: &mut String, params: &mut Params) {
        self.node.write(E::TABLE, sql, params);
    }
}

impl Node {
    fn write(&self, def: &'static TableDef, sql: &mut String, params: &mut Params) {
        let name = |column: usize| def.columns[column].quoted;
        // Writing to a String cannot fail.
        let _ = match self {
            Node::Compare {
                column,
                operator,
                value,
            } => {
                params.push(value.clone());
                // Pushed: this is what most queries ask.
                sql.push_str(name(*column));
                sql.push_str(operator);
                sql.write_str("?")
            }
            Node::Between { column, from, to } => {
                params.push(from.clone());
                params.push(to.clone());
                write!(sql, "{} BETWEEN ? AND ?", name(*column))
            }
            Node::In { values, .. } if values.is_empty() => sql.write_str("FALSE"),
            Node::In { column, values } => {
                let _ = write!(sql, "{} IN (", name(*column));
                for (i, value) in values.iter().enumerate() {
                    params.push(value.clone());
                    sql.push_str(if i == 0 { "?" } else { ",?" });
                }
                sql.write_str(")")
            }
            Node::Null { column, is } => write!(sql, "{} IS {}NULL", name(*column), if *is { "" } else { "NOT " }),
            Node::Columns { left, operator, right } => write!(sql, "{}{operator}{}", name(*left), name(*right)),
            Node::All(nodes) => join(nodes, " AND ", "TRUE", def, sql, params),
            Node::Any(nodes) => join(nodes, " OR ", "FALSE", def, sql, params),
            Node::Not(node) => {
                sql.push_str("NOT (");
                node.write(def, sql, params);
                sql.write_str(")")
            }
            Node::Raw { sql: text, values } => {
                values.iter().for_each(|value| params.push(value.clone()));
                write!(sql, "({text})")
            }
        };
    }
}

fn join(
    nodes: &[Node],
    between: &str,
    none: &str,
    def: &'static TableDef,
    sql: &mut String,
    params: &mut Params,
) -> fmt::Result {
    if nodes.is_empty() {
        return sql.write_str(none);
    }
    sql.push('(');
    for (i, node) in nodes.iter().enumerate() {
        if i > 0 {
            sql.push_str(between);
        }
        node.write(def, sql, params);
    }
    sql.write_str(")")
}

impl<E: Table, T: ColumnType> Column<E, T> {
    fn compare(self, operator: &'static str, value: T::Compare<'_>) -> Condition<E> {
        Condition::of(Node::Compare {
            column: self.position(),
            operator,
            value: T::operand(value),
        })
    }

    /// It equals the value.
    pub fn eq(self, value: T::Compare<'_>) -> Condition<E> {
        self.compare("=", value)
    }

    /// It differs from the value. A row where it is NULL does not match.
    pub fn ne(self, value: T::Compare<'_>) -> Condition<E> {
        self.compare("<>", value)
    }

    /// It is greater than the value.
    pub fn gt(self, value: T::Compare<'_>) -> Condition<E> {
        self.compare(">", value)
    }

    /// It is greater than the value or equals it.
    pub fn ge(self, value: T::Compare<'_>) -> Condition<E> {
        self.compare(">=", value)
    }

    /// It is less than the value.
    pub fn lt(self, value: T::Compare<'_>) -> Condition<E> {
        self.compare("<", value)
    }

    /// It is less than the value or equals it.
    pub fn le(self, value: T::Compare<'_>) -> Condition<E> {
        self.compare("<=", value)
    }

    /// It lies between both, which count as well.
    pub fn between(self, from: T::Compare<'_>, to: T::Compare<'_>) -> Condition<E> {
        Condition::of(Node::Between {
            column: self.position(),
            from: T::operand(from),
            to: T::operand(to),
        })
    }

    /// It is one of these; with none of them, no row matches.
    pub fn in_<'v>(self, values: impl IntoIterator<Item = T::Compare<'v>>) -> Condition<E> {
        let values = values.into_iter().map(T::operand).collect();
        Condition::of(Node::In {
            column: self.position(),
            values,
        })
    }

    /// It is none of these.
    pub fn not_in<'v>(self, values: impl IntoIterator<Item = T::Compare<'v>>) -> Condition<E> {
        !self.in_(values)
    }

    /// It equals another column of the same type.
    pub fn eq_column(self, other: Column<E, T>) -> Condition<E> {
        Condition::of(Node::Columns {
            left: self.position(),
            operator: "=",
            right: other.position(),
        })
    }
}

impl<E: Table, T: ColumnType> Column<E, Option<T>> {
    /// It is NULL.
    pub fn is_null(self) -> Condition<E> {
        Condition::of(Node::Null {
            column: self.position(),
            is: true,
        })
    }

    /// It is not NULL.
    pub fn is_not_null(self) -> Condition<E> {
        Condition::of(Node::Null {
            column: self.position(),
            is: false,
        })
    }
}

impl<E: Table, T> Column<E, T>
where
    T: for<'v> ColumnType<Compare<'v> = &'v str>,
{
    /// It matches a pattern of LIKE, in which `%` stands for any text and `_` for any character.
    pub fn like(self, pattern: &str) -> Condition<E> {
        self.compare(" LIKE ", pattern)
    }

    /// It begins with this text, in which nothing has a special meaning.
    pub fn starts_with(self, text: &str) -> Condition<E> {
        self.like(&format!("{}%", literal(text)))
    }

    /// It ends with this text, in which nothing has a special meaning.
    pub fn ends_with(self, text: &str) -> Condition<E> {
        self.like(&format!("%{}", literal(text)))
    }

    /// It contains this text, in which nothing has a special meaning.
    pub fn contains(self, text: &str) -> Condition<E> {
        self.like(&format!("%{}%", literal(text)))
    }
}

/// Takes the special meaning from the characters of LIKE.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
