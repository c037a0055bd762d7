/* shopmaster prove */
-- Writes one row over itself, looks whether that was captured, and takes it back.
SET NOCOUNT ON;
SET XACT_ABORT OFF;
SET LOCK_TIMEOUT 2000;
DECLARE {declared}, @before binary(8), @written int, @seen int;
BEGIN TRANSACTION;
-- A row that nobody else holds, and from here on it is ours: whatever appears for its key is of this write.
SELECT TOP (1) {taken}
FROM {table} AS p WITH (UPDLOCK, ROWLOCK, READPAST, READCOMMITTEDLOCK);
SELECT @before = MAX(c.[ChangeID])
FROM [shopmaster].[ChangeLog] AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK);
UPDATE {top}{table} SET {column} = {column} WHERE {own};
SET @written = @@ROWCOUNT;
SELECT @seen = COUNT(*)
FROM [shopmaster].[ChangeLog] AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
WHERE c.[ChangeID] > COALESCE(@before, 0x0000000000000000) AND {logged};
ROLLBACK TRANSACTION;
SELECT CAST(@written AS int), CAST(@seen AS int);
