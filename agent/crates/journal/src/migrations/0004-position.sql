-- How far a ChangeLog that nobody deletes from has been dealt with: at most one row, and the ranges of change
-- ids that are dealt with. Without a row, nothing is.

CREATE TABLE position (
    -- The newest change when the position began.
    began      INTEGER NOT NULL PRIMARY KEY,
    -- The newest change that is dealt with, as the ChangeLog had it.
    newest     INTEGER,
    key        ANY,
    changed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE done (
    first INTEGER NOT NULL PRIMARY KEY,
    last  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
