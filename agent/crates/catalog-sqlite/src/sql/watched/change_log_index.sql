CREATE INDEX IF NOT EXISTS shopmaster_ChangeLog_ProductID ON shopmaster_ChangeLog (Source, ProductID)
