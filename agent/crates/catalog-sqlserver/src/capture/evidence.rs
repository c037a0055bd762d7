//! Evidence of statements that a trigger breaks: what was found, what is suspected, and what could not be
//! examined.

use shopmaster_catalog::{
    CatalogError,
    finding::{Finding, good, warning},
};

use super::actions::Actions;
use crate::{captured::Captured, error::QueryResult};

/// How many findings of a kind are listed.
const MAX_LISTED: usize = 4;

/// What was found, and what could not be examined.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    breaking: Vec<Breaking>,
    /// Programs that may write in this way, or will after an update.
    suspects: Vec<String>,
    unseen: Vec<Unseen>,
}

/// A program that writes to the table in a way that a trigger breaks.
#[derive(Debug, Clone)]
struct Breaking {
    what: String,
    actions: Actions,
}

/// Something that could not be examined.
#[derive(Debug, Clone)]
struct Unseen {
    what: String,
    cause: Cause,
}

#[derive(Debug, Clone)]
enum Cause {
    /// It is hidden from this login; this grant would show it.
    Hidden(String),
    /// It is encrypted, so that no login can read it.
    Sealed,
    /// It does not exist on this server, or cannot be read there.
    Absent,
}

impl Evidence {
    pub(crate) fn breaks(&mut self, what: impl Into<String>, actions: Actions) {
        let what = what.into();
        if actions.is_none() || self.breaking.iter().any(|known| known.what == what) {
            return;
        }
        self.breaking.push(Breaking { what, actions });
    }

    pub(crate) fn suspect(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.suspects.contains(&what) {
            self.suspects.push(what);
        }
    }

    /// Records something that a grant would show.
    pub(crate) fn hidden(&mut self, what: impl Into<String>, grant: String) {
        self.unseen(what.into(), Cause::Hidden(grant));
    }

    /// Records something that no login can read.
    pub(crate) fn sealed(&mut self, what: impl Into<String>) {
        self.unseen(what.into(), Cause::Sealed);
    }

    /// Records something that this server does not have or support.
    pub(crate) fn absent(&mut self, what: impl Into<String>) {
        self.unseen(what.into(), Cause::Absent);
    }

    /// Judges whether a trigger may be installed, if an enabled trigger already exists for the actions in
    /// `refused`.
    ///
    /// # Errors
    ///
    /// [`CatalogError::BreaksProgram`] when a program would fail for the first time.
    pub(crate) fn judge(&self, table: &Captured, refused: Actions) -> QueryResult<Finding> {
        let new = self.breaking(refused);
        let unseen = self.not_looked_at();
        if !new.is_empty() {
            return Err(CatalogError::BreaksProgram {
                table: table.label(),
                reason: format!("{}; {unseen}", some(&new)),
            }
            .into());
        }
        let old = self.breaking(Actions::default());
        if !old.is_empty() {
            return Ok(warning(
                format!(
                    "a trigger breaks {}; but the table already has an enabled one; {unseen}",
                    some(&old)
                ),
                "No action needed if the shop's programs work; if one of them reports error 334, run `shopmasterctl capture remove` and `shopmasterctl configure --capture scan`",
            ));
        }
        if refused == Actions::ALL {
            return Ok(good(
                "the table already has an enabled trigger: what a trigger breaks fails even without capture",
            ));
        }
        let text = "found no statement that a trigger breaks (OUTPUT without INTO)";
        let grants = self.grants().join("; ");
        let look = match grants.as_str() {
            "" => String::new(),
            grants => format!(
                "; to let shopMaster examine the rest, a database administrator has to run: {grants}"
            ),
        };
        let advice = "Before you install capture, try one sale on a copy of the database with capture installed";
        if !self.suspects().is_empty() {
            return Ok(warning(
                format!(
                    "{text}; but such a statement may be sent by: {}; {unseen}",
                    some(self.suspects())
                ),
                format!(
                    "{advice}, or use scan mode: `shopmasterctl configure --capture scan`{look}"
                ),
            ));
        }
        if self.is_partial() {
            return Ok(warning(
                format!("{text}; {unseen}"),
                format!("{advice}{look}"),
            ));
        }
        Ok(good(format!("{text}; {unseen}")))
    }

    /// What was found, for people, except what existing triggers for `covered` break already.
    pub(crate) fn breaking(&self, covered: Actions) -> Vec<&str> {
        self.breaking
            .iter()
            .filter(|breaking| !covered.cover(breaking.actions))
            .map(|breaking| breaking.what.as_str())
            .collect()
    }

    /// Programs that may write in this way, for people.
    pub(crate) fn suspects(&self) -> &[String] {
        &self.suspects
    }

    /// Whether more could have been examined with other rights.
    fn is_partial(&self) -> bool {
        let matters = |unseen: &Unseen| !matches!(unseen.cause, Cause::Absent);
        self.unseen.iter().any(matters)
    }

    /// What was not examined, for people; never empty, because no login can see everything.
    fn not_looked_at(&self) -> String {
        let unseen = self.unseen.iter().map(|unseen| unseen.what.as_str());
        let always = [
            "modules of other databases",
            "SQL that modules build dynamically",
        ];
        format!(
            "not examined: {}",
            unseen.chain(always).collect::<Vec<_>>().join(", ")
        )
    }

    /// The grants that would show what is hidden.
    fn grants(&self) -> Vec<&str> {
        let mut grants: Vec<&str> = Vec::new();
        for unseen in &self.unseen {
            if let Cause::Hidden(grant) = &unseen.cause
                && !grants.contains(&grant.as_str())
            {
                grants.push(grant);
            }
        }
        grants
    }

    fn unseen(&mut self, what: String, cause: Cause) {
        self.unseen.push(Unseen { what, cause });
    }
}

/// The first few, and how many more there are.
fn some<T: AsRef<str>>(all: &[T]) -> String {
    let named: Vec<_> = all.iter().take(MAX_LISTED).map(AsRef::as_ref).collect();
    match all.len().saturating_sub(MAX_LISTED) {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_covered_is_broken() {
        let mut evidence = Evidence::default();
        evidence.breaks("nothing", Actions::default());
        evidence.breaks("an update", Actions::UPDATE);
        evidence.breaks("an update", Actions::UPDATE);
        evidence.breaks("a delete", Actions::DELETE);
        assert_eq!(
            evidence.breaking(Actions::default()),
            ["an update", "a delete"]
        );
        assert_eq!(evidence.breaking(Actions::UPDATE), ["a delete"]);
        assert!(evidence.breaking(Actions::ALL).is_empty());
    }

    #[test]
    fn what_is_missing_for_everybody_is_said_and_is_no_reason_to_warn() {
        let mut evidence = Evidence::default();
        evidence.absent("Query Store");
        assert!(!evidence.is_partial());
        assert!(evidence.not_looked_at().contains("Query Store"));
        evidence.hidden("the plan cache", "GRANT x".to_owned());
        evidence.hidden("who is connected", "GRANT x".to_owned());
        assert!(evidence.is_partial());
        assert_eq!(evidence.grants(), ["GRANT x"]);
    }

    #[test]
    fn long_lists_end() {
        assert_eq!(some(&["a", "b"]), "a; b");
        assert_eq!(
            some(&["a", "b", "c", "d", "e", "f"]),
            "a; b; c; d; and 2 more"
        );
    }
}
