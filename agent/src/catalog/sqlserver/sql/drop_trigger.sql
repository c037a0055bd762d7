/* shopmaster drop_trigger */
DROP TRIGGER {trigger};
