CREATE TRIGGER shopmaster_capture_delete AFTER DELETE ON {table}
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeType, ProductID, ChangeDateTime)
    VALUES ('DELETE', OLD.{id}, strftime('%Y-%m-%d %H:%M:%f', 'now'));
END
