-- Installs the change capture of shopMaster. Running it again does no harm.
--
-- The triggers write a key of each changed row of a watched table into shopmaster_ChangeLog, inside the sale's own
-- transaction. SQLite fails a statement whose trigger names a missing table: to take capture away, run the
-- removing text, which drops the triggers first. Never drop shopmaster_ChangeLog alone.
--
-- shopmaster_ChangeLog has one row for each key of each watched table that ever changed: its newest change. The
-- triggers take the one before away, and the agent only reads. Source is the watched table, and ProductID the key.
-- ChangeID always grows, also when the file is restored from a copy: it is the time in microseconds since 1970, or
-- one more than the newest. BornID is always 0. ChangeDateTime is milliseconds since 1970, UTC: a formatted time
-- would double what a change costs the till.
BEGIN IMMEDIATE;

DROP TRIGGER IF EXISTS shopmaster_capture_insert;
DROP TRIGGER IF EXISTS shopmaster_capture_update;
DROP TRIGGER IF EXISTS shopmaster_capture_delete;
DROP TRIGGER IF EXISTS shopmaster_capture_replace;
DROP TRIGGER IF EXISTS shopmaster_capture_rename;{more}
{before}
{change_log};

{index};

{owner};
{after}
{triggers}
COMMIT;
