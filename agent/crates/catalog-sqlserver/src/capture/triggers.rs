//! The triggers on a captured table.

use tiberius::Row;

use super::actions::Actions;
use crate::{
    captured::Captured,
    error::QueryResult,
    object::TRIGGER,
    row::{number, text},
    session::Session,
};

/// The triggers on a captured table.
#[derive(Debug, Default)]
pub(crate) struct Triggers(Vec<Trigger>);

/// A trigger on a captured table.
#[derive(Debug)]
struct Trigger {
    name: String,
    is_ours: bool,
    is_disabled: bool,
    is_instead_of: bool,
    /// The actions that fire it.
    actions: Actions,
}

impl Triggers {
    pub(crate) async fn read(session: &mut Session, table: &Captured) -> QueryResult<Self> {
        let rows = session
            .rows(include_str!("../sql/triggers.sql"), &[&table.object_id])
            .await?;
        let trigger = |row: &Row| -> QueryResult<_> {
            let flag = |index| -> QueryResult<bool> { Ok(number(row, index)? == 1) };
            let name = text(row, 0)?;
            Ok(Trigger {
                is_ours: is_ours(&name),
                name,
                is_disabled: flag(1)?,
                is_instead_of: flag(2)?,
                actions: Actions {
                    insert: flag(3)?,
                    update: flag(4)?,
                    delete: flag(5)?,
                },
            })
        };
        Ok(Self(rows.iter().map(trigger).collect::<QueryResult<_>>()?))
    }

    /// The names of the shop's own triggers.
    pub(crate) fn others(&self) -> Vec<&str> {
        let others = self.0.iter().filter(|trigger| !trigger.is_ours);
        others.map(|trigger| trigger.name.as_str()).collect()
    }

    /// The names of the shop's own INSTEAD OF triggers.
    pub(crate) fn instead(&self) -> Vec<&str> {
        let instead = |trigger: &&Trigger| trigger.is_instead_of && !trigger.is_ours;
        let instead = self.0.iter().filter(instead);
        instead.map(|trigger| trigger.name.as_str()).collect()
    }

    /// The names of the shop's own triggers that an update fires.
    pub(crate) fn started_by_update(&self) -> Vec<&str> {
        let starts =
            |trigger: &&Trigger| !trigger.is_ours && !trigger.is_disabled && trigger.actions.update;
        let started = self.0.iter().filter(starts);
        started.map(|trigger| trigger.name.as_str()).collect()
    }

    /// The actions whose statements fail if they return what they wrote, because an enabled trigger,
    /// shopMaster's or another, exists for them.
    pub(crate) fn refused(&self) -> Actions {
        let after = |trigger: &&Trigger| !trigger.is_instead_of && !trigger.is_disabled;
        let actions = self.0.iter().filter(after).map(|trigger| trigger.actions);
        actions.fold(Actions::default(), Actions::or)
    }
}

fn is_ours(name: &str) -> bool {
    let start = name.get(..TRIGGER.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(TRIGGER))
}
