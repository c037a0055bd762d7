/* shopmaster create_trigger */
CREATE TRIGGER {trigger} ON {table} AFTER INSERT, UPDATE, DELETE
AS
BEGIN
    /* shopmaster capture */
    -- Runs inside the till's own transaction and as the till's own login. Hence no values, no conversion that
    -- can fail, no result set, no metadata function (the login may not see our table), and no @@ROWCOUNT.
    SET NOCOUNT ON;
    -- So that what fails below is caught without an end to the sale. It is the server that decides: after some
    -- errors, a deadlock or a full log among them, no transaction can go on.
    SET XACT_ABORT OFF;
    -- The till's own limit is not meant for us. The server gives it back at the end.
    SET ROWCOUNT 0;
    IF NOT EXISTS (SELECT 1 FROM inserted) AND NOT EXISTS (SELECT 1 FROM deleted) RETURN;
    BEGIN TRY
        IF NOT EXISTS (SELECT 1 FROM deleted)
            INSERT INTO [shopmaster].[ChangeLog] ([ChangeType], [ProductID], [ChangeDateTime]{source_column})
            SELECT {distinct}N'INSERT', {new}, GETUTCDATE(){source} FROM inserted AS i WHERE {has_new};
        ELSE IF NOT EXISTS (SELECT 1 FROM inserted)
            INSERT INTO [shopmaster].[ChangeLog] ([ChangeType], [ProductID], [ChangeDateTime]{source_column})
            SELECT {distinct}N'DELETE', {old}, GETUTCDATE(){source} FROM deleted AS d WHERE {has_old};
        ELSE{changed}    END TRY
    BEGIN CATCH
        -- A sale is worth more than a change: an upload sends what is missing here.
        RETURN;
    END CATCH;
END;
