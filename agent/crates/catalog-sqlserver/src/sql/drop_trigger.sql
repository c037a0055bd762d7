IF OBJECT_ID({literal}, N'TR') IS NOT NULL DROP TRIGGER {trigger};
