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
    ProductID TEXT COLLATE "BINARY",
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
        NEW."ProductID",
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        coalesce(
            (SELECT o.BornID FROM shopmaster_ChangeLog AS o
             WHERE o.ProductID IS NEW."ProductID" AND o.ProductID COLLATE BINARY IS NEW."ProductID"
               AND typeof(o.ProductID) = typeof(NEW."ProductID")),
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
    WHERE ProductID IS NEW."ProductID" AND ProductID COLLATE BINARY IS NEW."ProductID" AND typeof(ProductID) = typeof(NEW."ProductID")
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND 1;
END;

CREATE TRIGGER shopmaster_capture_update AFTER UPDATE ON "Products"
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime, BornID)
    SELECT
        n.ID,
        'DELETE',
        OLD."ProductID",
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        coalesce(
            (SELECT o.BornID FROM shopmaster_ChangeLog AS o
             WHERE o.ProductID IS OLD."ProductID" AND o.ProductID COLLATE BINARY IS OLD."ProductID"
               AND typeof(o.ProductID) = typeof(OLD."ProductID")),
            0
        )
    FROM (
        SELECT max(
            coalesce((SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c), 0) + 1,
            coalesce(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), 0)
        ) AS ID
    ) AS n
    WHERE (OLD."ProductID" COLLATE BINARY IS NOT NEW."ProductID" OR typeof(OLD."ProductID") <> typeof(NEW."ProductID"));
    DELETE FROM shopmaster_ChangeLog
    WHERE ProductID IS OLD."ProductID" AND ProductID COLLATE BINARY IS OLD."ProductID" AND typeof(ProductID) = typeof(OLD."ProductID")
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND (OLD."ProductID" COLLATE BINARY IS NOT NEW."ProductID" OR typeof(OLD."ProductID") <> typeof(NEW."ProductID"));
    INSERT INTO shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime, BornID)
    SELECT
        n.ID,
        CASE WHEN (OLD."ProductID" COLLATE BINARY IS NOT NEW."ProductID" OR typeof(OLD."ProductID") <> typeof(NEW."ProductID")) THEN 'INSERT' ELSE 'UPDATE' END,
        NEW."ProductID",
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        coalesce(
            (SELECT o.BornID FROM shopmaster_ChangeLog AS o
             WHERE o.ProductID IS NEW."ProductID" AND o.ProductID COLLATE BINARY IS NEW."ProductID"
               AND typeof(o.ProductID) = typeof(NEW."ProductID")),
            CASE WHEN (OLD."ProductID" COLLATE BINARY IS NOT NEW."ProductID" OR typeof(OLD."ProductID") <> typeof(NEW."ProductID")) THEN n.ID ELSE 0 END
        )
    FROM (
        SELECT max(
            coalesce((SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c), 0) + 1,
            coalesce(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), 0)
        ) AS ID
    ) AS n
    WHERE 1;
    DELETE FROM shopmaster_ChangeLog
    WHERE ProductID IS NEW."ProductID" AND ProductID COLLATE BINARY IS NEW."ProductID" AND typeof(ProductID) = typeof(NEW."ProductID")
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND 1;
END;

CREATE TRIGGER shopmaster_capture_delete AFTER DELETE ON "Products"
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime, BornID)
    SELECT
        n.ID,
        'DELETE',
        OLD."ProductID",
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        coalesce(
            (SELECT o.BornID FROM shopmaster_ChangeLog AS o
             WHERE o.ProductID IS OLD."ProductID" AND o.ProductID COLLATE BINARY IS OLD."ProductID"
               AND typeof(o.ProductID) = typeof(OLD."ProductID")),
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
    WHERE ProductID IS OLD."ProductID" AND ProductID COLLATE BINARY IS OLD."ProductID" AND typeof(ProductID) = typeof(OLD."ProductID")
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND 1;
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
