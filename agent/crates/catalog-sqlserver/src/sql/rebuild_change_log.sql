-- The ChangeLog is not as it should be: it is made anew, and what waits in it is kept.
SELECT c.[ChangeType], c.[ProductID], c.[ChangeDateTime], CAST(c.[ChangeID] AS bigint) AS [Place]{old_source}
INTO #shopmaster_kept
FROM [shopmaster].[ChangeLog] AS c;
DROP TABLE [shopmaster].[ChangeLog];
{table}INSERT INTO [shopmaster].[ChangeLog] ([ChangeType], [ProductID], [ChangeDateTime]{source_column})
SELECT k.[ChangeType], {kept}, k.[ChangeDateTime]{kept_source}
FROM #shopmaster_kept AS k
ORDER BY k.[Place];
DROP TABLE #shopmaster_kept;
