//! Connections on loan: the one that was given back last is lent again without asking the pool.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::connection::Connection;
use super::pool::{Manager, TRUSTED_IDLE};

/// A pool's own loan.
type Pooled = r2d2::PooledConnection<Manager>;

/// The connection that was given back last, for the next who asks: the pool's way of lending, with its clocks and
/// its test, costs some hundredths of reading a row.
///
/// The pool counts it as lent. Who finds nothing here asks the pool, and as long as anybody does, connections go back
/// there: nobody waits for one that lies here.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    connection: Option<Pooled>,
    /// How many ask the pool at this moment.
    asking: usize,
}

impl Spare {
    #[inline]
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A free connection: the spare one, or one of the pool's.
    #[inline]
    pub(super) fn take(self: &Arc<Self>, pool: &r2d2::Pool<Manager>) -> Result<Checkout, r2d2::Error> {
        let now = Instant::now();
        let is_trusted = |connection: &mut Pooled| now.duration_since(connection.lent) < TRUSTED_IDLE;
        let spare = self.lock().connection.take_if(is_trusted);
        let mut connection = match spare {
            Some(connection) => connection,
            None => self.take_from(pool)?,
        };
        connection.lent = now;
        Ok(Checkout {
            connection: Some(connection),
            spare: self.clone(),
        })
    }

    #[cold]
    fn take_from(&self, pool: &r2d2::Pool<Manager>) -> Result<Pooled, r2d2::Error> {
        let idle = {
            let mut inner = self.lock();
            inner.asking += 1;
            inner.connection.take()
        };
        // The pool asks it whether it still lives.
        drop(idle);
        let connection = pool.get();
        self.lock().asking -= 1;
        connection
    }

    /// Keeps a connection as the spare one, or gives it back to the pool.
    #[inline]
    fn put(&self, connection: Pooled) {
        let is_usable = !connection.is_broken() && !connection.in_transaction() && !connection.is_old();
        let mut inner = self.lock();
        if is_usable && inner.connection.is_none() && inner.asking == 0 {
            inner.connection = Some(connection);
            return;
        }
        drop(inner);
        self.give_back(connection);
    }

    #[cold]
    fn give_back(&self, connection: Pooled) {
        // Where one broke, the pool is to ask the others.
        let doubtful = self.lock().connection.take_if(|_| connection.is_broken());
        drop(doubtful);
        drop(connection);
    }
}

/// A connection that goes back when dropped.
#[derive(Debug)]
pub(crate) struct Checkout {
    /// Taken out by the drop.
    connection: Option<Pooled>,
    spare: Arc<Spare>,
}

impl Deref for Checkout {
    type Target = Connection;

    #[inline]
    fn deref(&self) -> &Connection {
        match &self.connection {
            Some(connection) => connection,
            None => unreachable!("only a checkout that is dropped has no connection"),
        }
    }
}

impl DerefMut for Checkout {
    #[inline]
    fn deref_mut(&mut self) -> &mut Connection {
        match &mut self.connection {
            Some(connection) => connection,
            None => unreachable!("only a checkout that is dropped has no connection"),
        }
    }
}

impl Drop for Checkout {
    #[inline]
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.spare.put(connection);
        }
    }
}
