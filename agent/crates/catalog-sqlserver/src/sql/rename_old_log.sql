/* shopmaster rename_old_log */
-- Keeps the old program's ChangeLog under another name.
