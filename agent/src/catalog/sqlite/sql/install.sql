-- Installs the change capture of shopMaster. Running it again does no harm.
--
-- The triggers write the key of each changed product into shopmaster_ChangeLog, inside the sale's own
-- transaction. SQLite fails a statement whose trigger names a missing table: to take capture away, run the
-- removing text, which drops the triggers first. Never drop shopmaster_ChangeLog alone.
--
-- ChangeDateTime is milliseconds since 1970, UTC: a formatted time would double what a change costs the till.
BEGIN IMMEDIATE;

DROP TRIGGER IF EXISTS shopmaster_capture_insert;
DROP TRIGGER IF EXISTS shopmaster_capture_update;
DROP TRIGGER IF EXISTS shopmaster_capture_delete;
{before}
{change_log};

{owner};
{after}
-- Change ids start at the time of installing, so that none is ever given twice.
INSERT INTO sqlite_sequence (name, seq)
SELECT 'shopmaster_ChangeLog', CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)
WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'shopmaster_ChangeLog');

{insert};

{update};

{delete};

COMMIT;
