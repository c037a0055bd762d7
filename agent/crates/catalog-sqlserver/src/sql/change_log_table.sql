-- No identity, which would change the till's @@IDENTITY, and nothing that can refuse a row.
-- The index is not unique: engines exist that give all rows of one statement the same rowversion.
CREATE TABLE [shopmaster].[ChangeLog] (
    [ChangeID] rowversion NOT NULL,
    [ChangeType] nvarchar(10) NOT NULL,
    [ProductID] {key} NOT NULL,
    [ChangeDateTime] datetime NOT NULL{source}
);
CREATE CLUSTERED INDEX [ChangeLog_ChangeID] ON [shopmaster].[ChangeLog] ([ChangeID]);
ALTER TABLE [shopmaster].[ChangeLog] SET (LOCK_ESCALATION = DISABLE);
