/* shopmaster drop_old_triggers */
-- Drops the old program's triggers, all or none. What they captured is taken over.
