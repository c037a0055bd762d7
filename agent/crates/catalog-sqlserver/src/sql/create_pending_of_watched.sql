/* shopmaster create_pending */
CREATE VIEW [shopmaster].[Pending] WITH SCHEMABINDING
AS
-- The ChangeLog is read through this. Being bound to it, it keeps it from being dropped or altered by accident.
SELECT
    c.[ChangeID],
    c.[ChangeType],
    c.[ProductID],
    c.[ChangeDateTime],
    c.[Source]
FROM [shopmaster].[ChangeLog] AS c;
