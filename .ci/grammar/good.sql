-- file: a trigger
CREATE TRIGGER [dbo].[capture_1] ON [dbo].[My ]]Table] AFTER INSERT, UPDATE, DELETE
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT OFF;
    SET ROWCOUNT 0;
    IF NOT EXISTS (SELECT 1 FROM inserted) AND NOT EXISTS (SELECT 1 FROM deleted) RETURN;
    BEGIN TRY
        INSERT INTO [s].[ChangeLog] ([ChangeType], [ProductID], [ChangeDateTime])
        SELECT CASE WHEN d.[id] IS NULL THEN N'INSERT' ELSE N'UPDATE' END, COALESCE(i.[id], d.[id]), GETUTCDATE()
        FROM inserted AS i FULL JOIN deleted AS d ON i.[id] = d.[id];
    END TRY
    BEGIN CATCH
        RETURN;
    END CATCH;
END;

-- file: a trigger that asks for a column
CREATE TRIGGER trgAfterUpdate ON dbo.Products AFTER UPDATE AS
BEGIN
    IF UPDATE(SellPrice) INSERT INTO ChangeLog (ProductID) SELECT ProductID FROM inserted;
END

-- file: objects, one to a batch
CREATE SCHEMA [s] AUTHORIZATION [dbo];
GO
CREATE TABLE [s].[ChangeLog] (
    [ChangeID] rowversion NOT NULL,
    [ProductID] nvarchar(50) COLLATE Latin1_General_CI_AS NOT NULL
);
CREATE CLUSTERED INDEX [i] ON [s].[ChangeLog] ([ChangeID]);
ALTER TABLE [s].[ChangeLog] SET (LOCK_ESCALATION = DISABLE);
go
CREATE VIEW [s].[Pending] WITH SCHEMABINDING AS SELECT c.[ChangeID] FROM [s].[ChangeLog] AS c;

-- file: statements with parameters
/* shopmaster acknowledge */
DELETE c FROM [s].[Pending] AS c WITH (ROWLOCK)
INNER JOIN (SELECT CAST(@P1 AS binary(8)) AS v, CAST(@P2 AS nvarchar(50)) COLLATE Latin1_General_CI_AS AS k) AS a
    ON a.v = c.[ChangeID] AND a.k = c.[ProductID];
SELECT @@ROWCOUNT;
GO
SELECT TOP (@P1) p.[a b] FROM [dbo].[o'x] AS p WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK) ORDER BY p.[a b];
GO
DECLARE @r int;
EXEC @r = sp_getapplock @Resource = @P1, @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 0;
SELECT @r;

-- file: a user for a proof
CREATE USER [u] WITHOUT LOGIN;
GRANT SELECT, UPDATE ON OBJECT::[dbo].[Products] TO [u];
EXECUTE AS USER = N'u';
REVERT;

-- file: a text that is executed
EXEC (N'CREATE VIEW v AS SELECT N''x'' AS x');
EXEC sp_executesql N'SELECT @a', N'@a int', @a = 1;

-- file: a session
SET ANSI_NULLS, ANSI_PADDING, QUOTED_IDENTIFIER, XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 0;
SET DEADLOCK_PRIORITY LOW;
SET ROWCOUNT 0;
SET TEXTSIZE 2147483647;
