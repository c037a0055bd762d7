-- Format 2

CREATE TABLE handed_over (
    id ANY NOT NULL PRIMARY KEY
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

CREATE TABLE product (
    id              ANY NOT NULL PRIMARY KEY,
    published       BLOB,
    acknowledged_at INTEGER,
    doubt           INTEGER NOT NULL DEFAULT 0,
    doubt_due       INTEGER,
    upload          INTEGER NOT NULL DEFAULT 0
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

CREATE INDEX product_doubt ON product (id, doubt, doubt_due) WHERE doubt > 0;

CREATE INDEX run_sequence ON run (sequence);
