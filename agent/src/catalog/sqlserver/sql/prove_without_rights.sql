/* shopmaster prove_without_rights */
-- The same as a user who may write the product table and nothing else, as many a till's login is. The user is
-- made for it, and taken back with the rest.
SET NOCOUNT ON;
SET XACT_ABORT OFF;
SET LOCK_TIMEOUT 2000;
DECLARE @key {type}, @before binary(8), @written int, @seen int;
BEGIN TRANSACTION;
-- Before any row is held: a grant may wait for everybody who is at the table.
CREATE USER [shopmaster_proof] WITHOUT LOGIN;
GRANT SELECT, UPDATE ON OBJECT::{table} TO [shopmaster_proof];
SELECT TOP (1) @key = p.{id}
FROM {table} AS p WITH (UPDLOCK, ROWLOCK, READPAST, READCOMMITTEDLOCK);
SELECT @before = MAX(c.[ChangeID])
FROM [shopmaster].[ChangeLog] AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK);
EXECUTE AS USER = N'shopmaster_proof';
UPDATE {table} SET {column} = {column} WHERE {id} = {key};
SET @written = @@ROWCOUNT;
REVERT;
SELECT @seen = COUNT(*)
FROM [shopmaster].[ChangeLog] AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
WHERE c.[ChangeID] > COALESCE(@before, 0x0000000000000000) AND c.[ProductID] = {key};
ROLLBACK TRANSACTION;
SELECT CAST(@written AS int), CAST(@seen AS int);
