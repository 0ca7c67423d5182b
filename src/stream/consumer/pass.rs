//! One call of `consume`: what waits here first, then what is new.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::event::{Event, entity_of};
use super::group::{Pending, group_is_gone};
use super::waiting::{Held, MOST, now_ms};
use super::{Consumer, HandlerResult, Recovery, Trouble};
use crate::redis::{Commands, Entry, EntryId, Failure};
use crate::stream::dead_letter::FOR_GROUP;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// `consume`: failed entries are tried at every call, and acknowledged before it returns.
    OneCall,
    /// `run`: failed entries wait their time; acknowledgements travel with the next read.
    Loop,
}

/// What is wrong with an entry without an event.
const NO_EVENT: &str = "malformed: there is no field `s`";

/// How many pending entries are listed at once.
const PAGE: usize = 500;

/// The handler, whatever its type.
pub(super) type Handler<'a> = &'a mut dyn FnMut(&[Event]) -> HandlerResult;

impl Consumer {
    /// Hands up to `count` events to the handler; again when the group has to be made anew, or a signal
    /// interrupted the read.
    pub(super) fn pass(
        &mut self,
        count: usize,
        block: Duration,
        manner: Manner,
        handler: Handler<'_>,
    ) -> Result<usize, Trouble> {
        let start = Instant::now();
        let mut remade = 0;
        loop {
            let left = block.saturating_sub(start.elapsed());
            match self.attempt(count, left, manner, handler) {
                Err(Trouble::Redis(failure)) if group_is_gone(&failure) && remade < 3 => remade += 1,
                // A loop looks first whether the signal told it to stop.
                Err(Trouble::Redis(failure)) if failure.is_interrupted() && manner == Manner::OneCall => {}
                result => return result,
            }
        }
    }

    fn attempt(
        &mut self,
        count: usize,
        block: Duration,
        manner: Manner,
        handler: Handler<'_>,
    ) -> Result<usize, Trouble> {
        if std::mem::take(&mut self.handling) {
            // The handler panicked: what it had is pending and nowhere else.
            self.recovery = Recovery::After(None);
        }
        if self.recovery != Recovery::Done || manner == Manner::OneCall {
            self.settle_acks()?;
        }
        let result = self.old_then_new(count, block, manner, handler);
        if manner == Manner::OneCall {
            self.settle_acks()?;
        }
        result
    }

    fn old_then_new(
        &mut self,
        count: usize,
        block: Duration,
        manner: Manner,
        handler: Handler<'_>,
    ) -> Result<usize, Trouble> {
        let mut done = self.recover()?;
        let trouble = self.deliver_waiting(count, manner, &mut done, handler)?;
        let is_full = self.waiting.len() >= MOST;
        if self.recovery == Recovery::Done && done < count && !is_full {
            let is_idle = done == 0 && trouble.is_none();
            let block = if is_idle {
                self.shortened(block, manner)
            } else {
                Duration::ZERO
            };
            match self.deliver_new(count - done, block, handler) {
                Ok(more) => done += more,
                // The first error is the one to be told.
                Err(later) => return Err(trouble.unwrap_or(later)),
            }
        }
        trouble.map_or(Ok(done), Err)
    }

    /// Delivers what waits here. The failure of a lone entry is returned as a value: it does not keep
    /// new events from being read.
    fn deliver_waiting(
        &mut self,
        count: usize,
        manner: Manner,
        done: &mut usize,
        handler: Handler<'_>,
    ) -> Result<Option<Trouble>, Trouble> {
        let mut tried = HashSet::new();
        let mut trouble = None;
        let mut failures = 0;
        while *done < count && failures < count {
            let due = (manner == Manner::Loop).then(Instant::now);
            let most = (count - *done).min(count - failures);
            let batch = self.waiting.next(most, self.settings.max_deliveries, &tried, due);
            if batch.is_empty() {
                break;
            }
            // What is delivered next may be what ends the process.
            self.settle_acks()?;
            if let Some((held, error)) = self.waiting.condemned(batch[0].0) {
                *done += usize::from(self.put_aside(batch[0].0, held, error)?);
                tried.insert(batch[0].0);
                continue;
            }
            let events = self.take(&batch)?;
            let is_alone = events.len() == 1;
            let delivered = self.deliver(events, handler)?;
            *done += delivered.done;
            tried.extend(delivered.failed);
            if let Some(failed) = delivered.trouble {
                if !is_alone {
                    return Err(failed);
                }
                trouble.get_or_insert(failed);
                failures += 1;
            }
        }
        Ok(trouble)
    }

    /// Takes entries that wait for another delivery; those that are no longer ours drop out.
    fn take(&mut self, batch: &[(EntryId, u32)]) -> Result<Vec<Event>, Failure> {
        let entries = self.with_link(|group, link, name| group.take(link, name, batch))?;
        let mut taken = entries.into_iter().peekable();
        let mut events = Vec::with_capacity(batch.len());
        for (id, delivery) in batch {
            match taken.next_if(|entry| entry.id == *id) {
                Some(entry) => events.push(Event::new(entry, self.group.clone(), *delivery)),
                None => self.waiting.remove(*id),
            }
        }
        Ok(events)
    }

    /// Reads new entries and delivers those that nothing holds up.
    fn deliver_new(&mut self, count: usize, block: Duration, handler: Handler<'_>) -> Result<usize, Trouble> {
        if self.settings.max_deliveries > 1 {
            let entries = self.read(count, block)?;
            return self.deliver_entries(entries, handler);
        }
        // With one chance only, an entry must not be delivered among others.
        let mut done = 0;
        for turn in 0..count {
            let entries = self.read(1, if turn == 0 { block } else { Duration::ZERO })?;
            if entries.is_empty() {
                break;
            }
            done += self.deliver_entries(entries, handler)?;
        }
        Ok(done)
    }

    fn deliver_entries(&mut self, entries: Vec<Entry>, handler: Handler<'_>) -> Result<usize, Trouble> {
        let (entries, mut done) = self.sift(entries.into_iter().map(|entry| (entry, 1)).collect())?;
        let held_up = self.waiting.entities();
        let mut events = Vec::with_capacity(entries.len());
        for (entry, deliveries) in entries {
            let entity = if held_up.is_empty() { None } else { entity_of(&entry) };
            if entity.is_some_and(|entity| held_up.contains(&entity)) {
                let now = now_ms();
                self.waiting.insert(entry.id, Held::new(entity, 0, now, now));
            } else {
                events.push(Event::new(entry, self.group.clone(), deliveries));
            }
        }
        let delivered = self.deliver(events, handler)?;
        done += delivered.done;
        delivered.trouble.map_or(Ok(done), Err)
    }

    /// Reads new entries; what was handled before is acknowledged on the way.
    fn read(&mut self, count: usize, block: Duration) -> Result<Vec<Entry>, Failure> {
        let acks = std::mem::take(&mut self.acks);
        let result = self.with_link(|group, link, name| {
            let mut commands = Commands::new();
            group.pack_ack(&mut commands, &acks);
            group.pack_read(&mut commands, name, count, (!block.is_zero()).then_some(block));
            let (replies, read) = link.run_reading(&commands, block)?;
            group.acked(link, &acks, replies)?;
            read.or_else(|reply| group.read(link, reply))
        });
        if let Err(failure) = &result
            && !group_is_gone(failure)
        {
            self.acks = acks;
        }
        result
    }

    /// Reads the list of one's own pending entries, all of it: only then is it known which entries wait
    /// for which. How many are done with without a delivery.
    fn recover(&mut self) -> Result<usize, Failure> {
        let mut done = 0;
        while let Recovery::After(after) = self.recovery
            && self.waiting.len() < MOST
        {
            let (next, pending) = self.with_link(|group, link, name| group.recover(link, name, after, PAGE))?;
            done += self.admit(pending)?;
            self.recovery = match next {
                Some(id) => Recovery::After(Some(id)),
                None => Recovery::Done,
            };
        }
        Ok(done)
    }

    /// Puts pending entries where they wait for their delivery. How many are done with without one.
    pub(super) fn admit(&mut self, pending: Vec<Pending>) -> Result<usize, Failure> {
        let now = now_ms();
        let mut unknown = Vec::new();
        let mut idle = Vec::new();
        for pending in pending {
            let id = pending.entry.id;
            if !self.waiting.contains(id) && !self.acks.contains(&id) {
                idle.push((id, u64::try_from(pending.idle.as_millis()).unwrap_or(u64::MAX)));
                unknown.push((pending.entry, pending.deliveries));
            }
        }
        let (entries, mut done) = self.sift(unknown)?;
        for (entry, deliveries) in entries {
            let idle = idle.iter().find(|(id, _)| *id == entry.id).map_or(0, |(_, idle)| *idle);
            let first = now.saturating_sub(idle);
            let held = Held::new(entity_of(&entry), deliveries, first, first);
            if deliveries >= self.settings.max_deliveries {
                let error = format!("delivered {deliveries} times, and the consumer never came back from it");
                done += usize::from(self.put_aside(entry.id, held, error)?);
            } else {
                self.waiting.insert(entry.id, held);
            }
        }
        Ok(done)
    }

    /// Takes out what no handler has to see: entries without an event, replayed ones for another group,
    /// repeats. How many there were.
    fn sift(&mut self, entries: Vec<(Entry, u32)>) -> Result<(Vec<(Entry, u32)>, usize), Failure> {
        let mut aside = 0;
        let mut kept = Vec::with_capacity(entries.len());
        let mut needless = Vec::new();
        for (entry, deliveries) in entries {
            if entry.field(b"s").is_none() {
                let now = now_ms();
                let held = Held::new(None, deliveries, now, now);
                aside += usize::from(self.put_aside(entry.id, held, NO_EVENT.to_string())?);
            } else if entry
                .field(FOR_GROUP.as_bytes())
                .is_some_and(|name| name != self.group.name.as_bytes())
            {
                needless.push(entry.id);
            } else {
                kept.push((entry, deliveries));
            }
        }
        if let Some(window) = self.settings.window {
            self.drop_repeats(&mut kept, &mut needless, window)?;
        }
        if !needless.is_empty() {
            self.with_link(|group, link, _| group.ack(link, &needless))?;
        }
        Ok((kept, aside + needless.len()))
    }

    fn drop_repeats(
        &mut self,
        kept: &mut Vec<(Entry, u32)>,
        needless: &mut Vec<EntryId>,
        window: Duration,
    ) -> Result<(), Failure> {
        let with_id: Vec<(EntryId, String)> = kept
            .iter()
            .filter_map(|(entry, _)| {
                let event = entry.field(b"e")?;
                Some((entry.id, String::from_utf8_lossy(event).into_owned()))
            })
            .collect();
        if with_id.is_empty() {
            return Ok(());
        }
        let first = self.with_link(|group, link, _| group.first_seen(link, &with_id, window))?;
        let repeats: HashSet<EntryId> = with_id
            .iter()
            .zip(first)
            .filter(|((id, _), first)| first.is_some_and(|first| first != *id))
            .map(|((id, _), _)| *id)
            .collect();
        kept.retain(|(entry, _)| !repeats.contains(&entry.id));
        needless.extend(repeats);
        Ok(())
    }

    /// A loop wakes up for the entry that is due next.
    fn shortened(&self, block: Duration, manner: Manner) -> Duration {
        match self.waiting.next_due() {
            Some(at) if manner == Manner::Loop => block.min(at.saturating_duration_since(Instant::now())),
            _ => block,
        }
    }

    /// Takes over and delivers what others left behind, page by page.
    pub(super) fn claim_all(&mut self, count: usize, idle: Duration, handler: Handler<'_>) -> Result<usize, Trouble> {
        let mut done = 0;
        let mut trouble = None;
        let mut after = None;
        self.settle_acks()?;
        loop {
            let (next, pending) = self.with_link(|group, link, name| group.claim(link, name, idle, after, count))?;
            done += self.admit(pending)?;
            let mut page = 0;
            let failed = self.deliver_waiting(count.max(self.waiting.len()), Manner::OneCall, &mut page, handler)?;
            done += page;
            trouble = trouble.or(failed);
            self.settle_acks()?;
            match next {
                Some(id) => after = Some(id),
                None => return trouble.map_or(Ok(done), Err),
            }
        }
    }
}
