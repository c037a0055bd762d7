
-- The ChangeLog holds changes of tables that are no longer watched.
DELETE FROM shopmaster_ChangeLog WHERE Source NOT IN ({sources});
