-- Removes the change capture of shopMaster: the triggers first, because SQLite fails a statement whose
-- trigger names a missing table.
BEGIN IMMEDIATE;

DROP TRIGGER IF EXISTS shopmaster_capture_insert;
DROP TRIGGER IF EXISTS shopmaster_capture_update;
DROP TRIGGER IF EXISTS shopmaster_capture_delete;
DROP TRIGGER IF EXISTS shopmaster_capture_replace;
DROP TRIGGER IF EXISTS shopmaster_capture_rename;{more}
DROP TABLE IF EXISTS shopmaster_ChangeLog;
DROP TABLE IF EXISTS shopmaster_Owner;

COMMIT;
