/* shopmaster create_change_log */
-- No identity, which would change the till's @@IDENTITY, and nothing that can refuse a row.
-- The index is not unique: engines exist that give all rows of one statement the same rowversion.
SET XACT_ABORT ON;
BEGIN TRANSACTION;
{table}COMMIT TRANSACTION;
