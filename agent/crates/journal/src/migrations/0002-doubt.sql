-- A doubt outlives whatever else becomes of its product (removed, forgotten, refused, back in the shop), so
-- it has a table of its own.

CREATE TABLE doubt (
    id          ANY NOT NULL PRIMARY KEY,
    -- Until when a request that was given up may still land; 0 when none may.
    lands_until INTEGER NOT NULL,
    -- When the product is to be sent next; 0 at once.
    due         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX doubt_due ON doubt (due);

-- The times of the older format are not comparable: opening the journal starts each window again.
INSERT INTO doubt (id, lands_until, due)
SELECT id, iif(doubt = 1, 0, 1), 0 FROM product WHERE doubt > 0;

-- Handed to the network by a step whose answer is not recorded. A probe may send what its step has sent.
CREATE TABLE in_flight (
    id   ANY NOT NULL,
    step INTEGER NOT NULL,
    PRIMARY KEY (id, step)
) STRICT, WITHOUT ROWID;

INSERT INTO in_flight (id, step) SELECT id, 0 FROM handed_over;
DROP TABLE handed_over;

-- What Digible last acknowledged of the products that are not removed.
CREATE TABLE published (
    id              ANY NOT NULL PRIMARY KEY,
    digest          BLOB NOT NULL,
    acknowledged_at INTEGER NOT NULL,
    upload          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO published (id, digest, acknowledged_at, upload)
SELECT id, published, coalesce(acknowledged_at, 0), upload FROM product WHERE published IS NOT NULL;
DROP TABLE product;

-- Of each other table, how many rows it has and the sum of their seals. It counts what is published, too.
CREATE TABLE checksum (
    name  TEXT NOT NULL PRIMARY KEY,
    rows  INTEGER NOT NULL,
    seals INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

DELETE FROM meta WHERE key = 'published';
