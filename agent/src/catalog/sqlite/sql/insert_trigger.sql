CREATE TRIGGER shopmaster_capture_insert AFTER INSERT ON {table}
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeType, ProductID, ChangeDateTime)
    VALUES ('INSERT', NEW.{id}, strftime('%Y-%m-%d %H:%M:%f', 'now'));
END
