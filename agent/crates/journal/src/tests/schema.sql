-- Format 4

CREATE TABLE checksum (
    name  TEXT NOT NULL PRIMARY KEY,
    rows  INTEGER NOT NULL,
    seals INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE done (
    first INTEGER NOT NULL PRIMARY KEY,
    last  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE doubt (
    id          ANY NOT NULL PRIMARY KEY,
    -- Until when a request that was given up may still land; 0 when none may.
    lands_until INTEGER NOT NULL,
    -- When the product is to be sent next; 0 at once.
    due         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE in_flight (
    id   ANY NOT NULL,
    step INTEGER NOT NULL,
    PRIMARY KEY (id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

CREATE TABLE parked (
    id        ANY NOT NULL PRIMARY KEY,
    digest    BLOB NOT NULL,
    reason    TEXT NOT NULL,
    since     INTEGER NOT NULL,
    discarded INTEGER NOT NULL DEFAULT 0,
    retry     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE position (
    -- The newest change when the position began.
    began      INTEGER NOT NULL PRIMARY KEY,
    -- The newest change that is dealt with, as the ChangeLog had it.
    newest     INTEGER,
    key        ANY,
    changed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE published (
    id              ANY NOT NULL PRIMARY KEY,
    digest          BLOB NOT NULL,
    acknowledged_at INTEGER NOT NULL,
    upload          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE removed (
    id    ANY NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    id          TEXT NOT NULL PRIMARY KEY,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    record      TEXT NOT NULL
, sequence INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;

CREATE TABLE upload (
    number      INTEGER NOT NULL PRIMARY KEY,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    cursor      ANY,
    done        INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX doubt_due ON doubt (due);

CREATE INDEX run_sequence ON run (sequence);
