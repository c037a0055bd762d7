-- Installs the change capture of shopMaster. Running it again does no harm.
--
-- The triggers write the key of each changed product into shopmaster_ChangeLog, inside the sale's own
-- transaction. SQLite fails a statement whose trigger names a missing table: to take capture away, run the
-- removing text, which drops the triggers first. Never drop shopmaster_ChangeLog alone.
--
-- shopmaster_ChangeLog has one row for each key that ever changed: its newest change. The triggers take the
-- one before away, and the agent only reads. ChangeID always grows, also when the file is restored from a
-- copy: it is the time in microseconds since 1970, or one more than the newest. BornID is the ChangeID of the
-- INSERT with which the key first came; 0 when it was there before. ChangeDateTime is milliseconds since
-- 1970, UTC: a formatted time would double what a change costs the till.
BEGIN IMMEDIATE;

DROP TRIGGER IF EXISTS shopmaster_capture_insert;
DROP TRIGGER IF EXISTS shopmaster_capture_update;
DROP TRIGGER IF EXISTS shopmaster_capture_delete;
DROP TRIGGER IF EXISTS shopmaster_capture_replace;
DROP TRIGGER IF EXISTS shopmaster_capture_rename;

CREATE TABLE IF NOT EXISTS shopmaster_ChangeLog (
    ChangeID INTEGER PRIMARY KEY,
    ChangeType TEXT NOT NULL,
    ProductID TEXT COLLATE "NOCASE",
    ChangeDateTime INTEGER,
    BornID INTEGER NOT NULL
);

CREATE INDEX IF NOT EXISTS shopmaster_ChangeLog_ProductID ON shopmaster_ChangeLog (ProductID);

CREATE TABLE IF NOT EXISTS shopmaster_Owner (
    journal TEXT NOT NULL,
    generation INTEGER NOT NULL
);

CREATE TRIGGER shopmaster_capture_insert AFTER INSERT ON "Products"
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime, BornID)
    SELECT
        n.ID,
        'INSERT',
        NEW."the id",
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        coalesce(
            (SELECT o.BornID FROM shopmaster_ChangeLog AS o
             WHERE o.ProductID IS NEW."the id" AND o.ProductID COLLATE BINARY IS NEW."the id"
               AND typeof(o.ProductID) = typeof(NEW."the id")),
            n.ID
        )
    FROM (
        SELECT max(
            coalesce((SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c), 0) + 1,
            coalesce(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), 0)
        ) AS ID
    ) AS n
    WHERE 1;
    DELETE FROM shopmaster_ChangeLog
    WHERE ProductID IS NEW."the id" AND ProductID COLLATE BINARY IS NEW."the id" AND typeof(ProductID) = typeof(NEW."the id")
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND 1;
END;

CREATE TRIGGER shopmaster_capture_update AFTER UPDATE ON "Products"
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime, BornID)
    SELECT
        n.ID,
        'DELETE',
        OLD."the id",
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        coalesce(
            (SELECT o.BornID FROM shopmaster_ChangeLog AS o
             WHERE o.ProductID IS OLD."the id" AND o.ProductID COLLATE BINARY IS OLD."the id"
               AND typeof(o.ProductID) = typeof(OLD."the id")),
            0
        )
    FROM (
        SELECT max(
            coalesce((SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c), 0) + 1,
            coalesce(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), 0)
        ) AS ID
    ) AS n
    WHERE (OLD."the id" COLLATE BINARY IS NOT NEW."the id" OR typeof(OLD."the id") <> typeof(NEW."the id"));
    DELETE FROM shopmaster_ChangeLog
    WHERE ProductID IS OLD."the id" AND ProductID COLLATE BINARY IS OLD."the id" AND typeof(ProductID) = typeof(OLD."the id")
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND (OLD."the id" COLLATE BINARY IS NOT NEW."the id" OR typeof(OLD."the id") <> typeof(NEW."the id"));
    INSERT INTO shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime, BornID)
    SELECT
        n.ID,
        CASE WHEN (OLD."the id" COLLATE BINARY IS NOT NEW."the id" OR typeof(OLD."the id") <> typeof(NEW."the id")) THEN 'INSERT' ELSE 'UPDATE' END,
        NEW."the id",
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        coalesce(
            (SELECT o.BornID FROM shopmaster_ChangeLog AS o
             WHERE o.ProductID IS NEW."the id" AND o.ProductID COLLATE BINARY IS NEW."the id"
               AND typeof(o.ProductID) = typeof(NEW."the id")),
            CASE WHEN (OLD."the id" COLLATE BINARY IS NOT NEW."the id" OR typeof(OLD."the id") <> typeof(NEW."the id")) THEN n.ID ELSE 0 END
        )
    FROM (
        SELECT max(
            coalesce((SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c), 0) + 1,
            coalesce(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), 0)
        ) AS ID
    ) AS n
    WHERE 1;
    DELETE FROM shopmaster_ChangeLog
    WHERE ProductID IS NEW."the id" AND ProductID COLLATE BINARY IS NEW."the id" AND typeof(ProductID) = typeof(NEW."the id")
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND 1;
END;

CREATE TRIGGER shopmaster_capture_delete AFTER DELETE ON "Products"
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime, BornID)
    SELECT
        n.ID,
        'DELETE',
        OLD."the id",
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        coalesce(
            (SELECT o.BornID FROM shopmaster_ChangeLog AS o
             WHERE o.ProductID IS OLD."the id" AND o.ProductID COLLATE BINARY IS OLD."the id"
               AND typeof(o.ProductID) = typeof(OLD."the id")),
            0
        )
    FROM (
        SELECT max(
            coalesce((SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c), 0) + 1,
            coalesce(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), 0)
        ) AS ID
    ) AS n
    WHERE 1;
    DELETE FROM shopmaster_ChangeLog
    WHERE ProductID IS OLD."the id" AND ProductID COLLATE BINARY IS OLD."the id" AND typeof(ProductID) = typeof(OLD."the id")
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND 1;
END;

CREATE TRIGGER shopmaster_capture_replace BEFORE INSERT ON "Products"
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime, BornID)
    SELECT
        n.ID,
        'DELETE',
        (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id"),
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        coalesce(
            (SELECT o.BornID FROM shopmaster_ChangeLog AS o
             WHERE o.ProductID IS (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") AND o.ProductID COLLATE BINARY IS (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id")
               AND typeof(o.ProductID) = typeof((SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id"))),
            0
        )
    FROM (
        SELECT max(
            coalesce((SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c), 0) + 1,
            coalesce(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), 0)
        ) AS ID
    ) AS n
    WHERE (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") COLLATE BINARY IS NOT NEW."the id" AND (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") IS NOT NULL;
    DELETE FROM shopmaster_ChangeLog
    WHERE ProductID IS (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") AND ProductID COLLATE BINARY IS (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") AND typeof(ProductID) = typeof((SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id"))
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") COLLATE BINARY IS NOT NEW."the id" AND (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") IS NOT NULL;
END;

CREATE TRIGGER shopmaster_capture_rename BEFORE UPDATE OF "the id" ON "Products"
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime, BornID)
    SELECT
        n.ID,
        'DELETE',
        (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id"),
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        coalesce(
            (SELECT o.BornID FROM shopmaster_ChangeLog AS o
             WHERE o.ProductID IS (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") AND o.ProductID COLLATE BINARY IS (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id")
               AND typeof(o.ProductID) = typeof((SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id"))),
            0
        )
    FROM (
        SELECT max(
            coalesce((SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c), 0) + 1,
            coalesce(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), 0)
        ) AS ID
    ) AS n
    WHERE (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") COLLATE BINARY IS NOT NEW."the id" AND (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") IS NOT NULL AND (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") COLLATE BINARY IS NOT OLD."the id";
    DELETE FROM shopmaster_ChangeLog
    WHERE ProductID IS (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") AND ProductID COLLATE BINARY IS (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") AND typeof(ProductID) = typeof((SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id"))
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") COLLATE BINARY IS NOT NEW."the id" AND (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") IS NOT NULL AND (SELECT r."the id" FROM "Products" AS r WHERE r."the id" = NEW."the id") COLLATE BINARY IS NOT OLD."the id";
END;


COMMIT;

-- remove --
-- Removes the change capture of shopMaster: the triggers first, because SQLite fails a statement whose
-- trigger names a missing table.
BEGIN IMMEDIATE;

DROP TRIGGER IF EXISTS shopmaster_capture_insert;
DROP TRIGGER IF EXISTS shopmaster_capture_update;
DROP TRIGGER IF EXISTS shopmaster_capture_delete;
DROP TRIGGER IF EXISTS shopmaster_capture_replace;
DROP TRIGGER IF EXISTS shopmaster_capture_rename;
DROP TABLE IF EXISTS shopmaster_ChangeLog;
DROP TABLE IF EXISTS shopmaster_Owner;

COMMIT;
