//! What can go wrong between a client and SQL Server, as data.

use super::model::SqlError;

/// One thing that goes wrong, where, and how often.
///
/// Faults with a number of times come first, in the order in which they were injected, then lasting ones. At most one
/// applies at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    on: Point,
    times: Option<u32>,
    kind: FaultKind,
}

/// Where a fault applies.
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
    /// The network fails, and with it all connections, including the client's other ones.
    Cut(At),
    /// Only this connection is ended, as when its session is killed.
    Kill(At),
    /// Nothing more is sent until the stand-in releases stalled connections. If the client disconnects meanwhile, what
    /// had no effect yet is undone.
    Stall(At),
    /// The answer is sent in pieces of this many bytes.
    Slow(usize),
    /// These bytes are sent instead of an answer, and then the connection ends.
    Garbage(Vec<u8>),
}

/// When a connection is closed, ended or stalls. Before a statement there is only [`At::Before`].
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
    /// A fault that lasts until it is cleared.
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

    /// Makes the network fail at the statement with this name.
    #[must_use]
    pub fn cut(name: &str, at: At) -> Self {
        Self::new(Point::named(name), FaultKind::Cut(at))
    }

    /// Ends only this connection, at the statement with this name.
    #[must_use]
    pub fn kill(name: &str, at: At) -> Self {
        Self::new(Point::named(name), FaultKind::Kill(at))
    }

    /// Stalls at the statement with this name.
    #[must_use]
    pub fn stall(name: &str, at: At) -> Self {
        Self::new(Point::named(name), FaultKind::Stall(at))
    }

    /// The same fault, this many times.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// The same fault, once.
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

    /// The fault that applies here, if any.
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
