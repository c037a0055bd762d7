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
DROP TRIGGER IF EXISTS shopmaster_capture_rename;{more}
{before}
{change_log};

{index};

{owner};
{after}
{triggers}
COMMIT;
