CREATE TABLE [shopmaster].[ChangeLog] (
    [ChangeID] rowversion NOT NULL,
    [ChangeType] nvarchar(10) NOT NULL,
    [ProductID] {key} NOT NULL,
    [ChangeDateTime] datetime NOT NULL
);
CREATE CLUSTERED INDEX [ChangeLog_ChangeID] ON [shopmaster].[ChangeLog] ([ChangeID]);
ALTER TABLE [shopmaster].[ChangeLog] SET (LOCK_ESCALATION = DISABLE);
