/* shopmaster rename_old_log */
SET LOCK_TIMEOUT 2000;
EXEC sp_rename {log}, {name}, N'OBJECT';
