CREATE TRIGGER shopmaster_capture_delete AFTER DELETE ON {table}
BEGIN
    INSERT INTO shopmaster_ChangeLog (ChangeType, ProductID, ChangeDateTime)
    VALUES ('DELETE', OLD.{id}, CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER));
END
