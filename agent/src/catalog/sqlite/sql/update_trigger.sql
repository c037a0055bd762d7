CREATE TRIGGER shopmaster_capture_update AFTER UPDATE ON {table}
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeType, ProductID, ChangeDateTime)
    SELECT 'DELETE', OLD.{id}, strftime('%Y-%m-%d %H:%M:%f', 'now')
    WHERE OLD.{id} COLLATE BINARY IS NOT NEW.{id} OR typeof(OLD.{id}) <> typeof(NEW.{id});
    INSERT INTO shopmaster_ChangeLog (ChangeType, ProductID, ChangeDateTime)
    SELECT
        CASE
            WHEN OLD.{id} COLLATE BINARY IS NOT NEW.{id} OR typeof(OLD.{id}) <> typeof(NEW.{id}) THEN 'INSERT'
            ELSE 'UPDATE'
        END,
        NEW.{id},
        strftime('%Y-%m-%d %H:%M:%f', 'now');
END
