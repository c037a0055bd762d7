
-- The ChangeLog holds changes of another table.
DROP TABLE IF EXISTS shopmaster_ChangeLog;
