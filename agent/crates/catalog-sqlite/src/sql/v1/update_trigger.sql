CREATE TRIGGER shopmaster_capture_update AFTER UPDATE ON {table}
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeType, ProductID, ChangeDateTime)
    SELECT 'DELETE', OLD.{id}, CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)
    WHERE OLD.{id} COLLATE BINARY IS NOT NEW.{id} OR typeof(OLD.{id}) <> typeof(NEW.{id});
    INSERT INTO shopmaster_ChangeLog (ChangeType, ProductID, ChangeDateTime)
    SELECT
        CASE
            WHEN OLD.{id} COLLATE BINARY IS NOT NEW.{id} OR typeof(OLD.{id}) <> typeof(NEW.{id}) THEN 'INSERT'
            ELSE 'UPDATE'
        END,
        NEW.{id},
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER);
END
