//! What can go wrong between a client and SQL Server, as data.

use super::model::SqlError;

/// One thing that goes wrong, where, and how often.
///
/// Faults that strike a number of times go first, in the order in which they were injected; then those
/// that stand. At most one strikes at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    on: Point,
    times: Option<u32>,
    kind: FaultKind,
}

/// Where a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// A connection that was just accepted.
    Connect,
    /// A login.
    Login,
    /// Any statement.
    AnyStatement,
    /// The statement with this name.
    Statement(String),
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// It is answered with an error; it takes no effect. A login that is refused ends the connection.
    Refuse(SqlError),
    /// The line is cut, and with it everybody's connection: the client's other ones, too.
    Cut(At),
    /// The connection is ended, and nobody else's: somebody threw its session out.
    Kill(At),
    /// Nothing more comes until the stand-in releases what hangs. A client that hangs up meanwhile
    /// undoes what had no effect yet.
    Stall(At),
    /// The answer comes in pieces of so many bytes.
    Slow(usize),
    /// These bytes come instead of an answer, and then the end.
    Garbage(Vec<u8>),
}

/// When a connection is cut, ended or stalls. Before a statement there is only [`At::Before`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Before it takes effect.
    Before,
    /// After it took effect and before the answer.
    AfterEffect,
    /// After it took effect, in the middle of the answer.
    InAnswer,
    /// After the whole answer.
    AfterAnswer,
}

/// All faults that are set.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Fault {
    /// A fault that stands until it is cleared.
    #[must_use]
    pub const fn new(on: Point, kind: FaultKind) -> Self {
        Self {
            on,
            times: None,
            kind,
        }
    }

    /// Refuses logins: 18456 with a state, 4060.
    #[must_use]
    pub const fn login(error: SqlError) -> Self {
        Self::new(Point::Login, FaultKind::Refuse(error))
    }

    /// Answers the statement with this name with an error of this number.
    #[must_use]
    pub fn error(name: &str, number: u32) -> Self {
        Self::new(
            Point::named(name),
            FaultKind::Refuse(SqlError::number(number)),
        )
    }

    /// Cuts the line at the statement with this name.
    #[must_use]
    pub fn cut(name: &str, at: At) -> Self {
        Self::new(Point::named(name), FaultKind::Cut(at))
    }

    /// Ends the connection at the statement with this name, and no other.
    #[must_use]
    pub fn kill(name: &str, at: At) -> Self {
        Self::new(Point::named(name), FaultKind::Kill(at))
    }

    /// Stalls at the statement with this name.
    #[must_use]
    pub fn stall(name: &str, at: At) -> Self {
        Self::new(Point::named(name), FaultKind::Stall(at))
    }

    /// Strikes so many times.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Strikes once.
    #[must_use]
    pub const fn once(self) -> Self {
        self.times(1)
    }

    fn fits(&self, point: &Point) -> bool {
        self.on == *point || self.on == Point::AnyStatement && matches!(point, Point::Statement(_))
    }
}

impl Point {
    /// The statement with this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::Statement(name.to_owned())
    }
}

impl Faults {
    pub(super) fn inject(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What strikes here, if anything does.
    pub(super) fn strike(&mut self, point: &Point) -> Option<FaultKind> {
        let fits = |counted: bool| {
            move |fault: &Fault| fault.times.is_some() == counted && fault.fits(point)
        };
        let first = self.0.iter().position(fits(true));
        let index = first.or_else(|| self.0.iter().position(fits(false)))?;
        let fault = &mut self.0[index];
        let kind = fault.kind.clone();
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.0.remove(index);
            }
        }
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_faults_go_first_and_end() {
        let mut faults = Faults::default();
        faults.inject(Fault::error("scan", 208));
        faults.inject(Fault::error("scan", 1205).times(2));
        let mut struck = || match faults.strike(&Point::named("scan")) {
            Some(FaultKind::Refuse(error)) => error.number,
            other => panic!("{other:?}"),
        };
        assert_eq!([struck(), struck(), struck()], [1205, 1205, 208]);
        assert_eq!(faults.strike(&Point::Login), None);
    }
}
