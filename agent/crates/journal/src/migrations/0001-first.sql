-- Ids have no declared affinity (ANY in a STRICT table), so that 1 and '1' stay two products.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

-- What Digible last acknowledged, or may have been sent.
-- doubt: 0 none; 1 Digible may have something else, the next acknowledgement settles it; 2 handed over
-- and may still land, the next acknowledgement makes it 3; 3 acknowledged, but sent once more when
-- `doubt_due` has come.
CREATE TABLE product (
    id              ANY NOT NULL PRIMARY KEY,
    published       BLOB,
    acknowledged_at INTEGER,
    doubt           INTEGER NOT NULL DEFAULT 0,
    doubt_due       INTEGER,
    upload          INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Holds all that counting and finding them asks for: after a restore every product may be in doubt.
CREATE INDEX product_doubt ON product (id, doubt, doubt_due) WHERE doubt > 0;

-- Handed to the network, and no answer is recorded: doubt 1, unless their row says more. Apart from the
-- products, because every step writes it before it may send: a small table is quick to write.
CREATE TABLE handed_over (
    id ANY NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE parked (
    id        ANY NOT NULL PRIMARY KEY,
    digest    BLOB NOT NULL,
    reason    TEXT NOT NULL,
    since     INTEGER NOT NULL,
    discarded INTEGER NOT NULL DEFAULT 0,
    retry     INTEGER NOT NULL DEFAULT 0
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
) STRICT, WITHOUT ROWID;

CREATE INDEX run_started ON run (started_at);

-- The newest upload only: where it goes on after a crash or a cancel.
CREATE TABLE upload (
    number      INTEGER NOT NULL PRIMARY KEY,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    cursor      ANY,
    done        INTEGER NOT NULL DEFAULT 0
) STRICT;
