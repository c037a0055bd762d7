/* shopmaster prove_without_rights */
-- The same as a user who may write the shop's tables and nothing else, as many a till's login is. The user is
-- made for it, and taken back with the rest. Its rights come from roles: a grant on the product table would wait
-- for everybody who is at it, and make others wait behind it. What is ours is denied to it, which nobody asks for
-- as long as one owner has it all.
SET NOCOUNT ON;
SET XACT_ABORT OFF;
SET LOCK_TIMEOUT 2000;
DECLARE {declared}, @before binary(8), @written int, @seen int;
BEGIN TRANSACTION;
CREATE USER [shopmaster_proof] WITHOUT LOGIN;
DENY INSERT ON SCHEMA::[shopmaster] TO [shopmaster_proof];
-- The procedure is refused inside of a transaction by old servers, and old servers do not know the statement.
IF CAST(PARSENAME(CAST(SERVERPROPERTY(N'ProductVersion') AS nvarchar(128)), 4) AS int) >= 11
    EXEC (
        N'ALTER ROLE [db_datareader] ADD MEMBER [shopmaster_proof];
        ALTER ROLE [db_datawriter] ADD MEMBER [shopmaster_proof];'
    );
ELSE
BEGIN
    EXEC sp_addrolemember @rolename = N'db_datareader', @membername = N'shopmaster_proof';
    EXEC sp_addrolemember @rolename = N'db_datawriter', @membername = N'shopmaster_proof';
END;
SELECT TOP (1) {taken}
FROM {table} AS p WITH (UPDLOCK, ROWLOCK, READPAST, READCOMMITTEDLOCK);
SELECT @before = MAX(c.[ChangeID])
FROM [shopmaster].[ChangeLog] AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK);
EXECUTE AS USER = N'shopmaster_proof';
UPDATE {top}{table} SET {column} = {column} WHERE {own};
SET @written = @@ROWCOUNT;
REVERT;
SELECT @seen = COUNT(*)
FROM [shopmaster].[ChangeLog] AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
WHERE c.[ChangeID] > COALESCE(@before, 0x0000000000000000) AND {logged};
ROLLBACK TRANSACTION;
SELECT CAST(@written AS int), CAST(@seen AS int);
