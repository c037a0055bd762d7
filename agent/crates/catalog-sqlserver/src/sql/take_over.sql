/* shopmaster take_over */
INSERT INTO [shopmaster].[ChangeLog] ([ChangeType], [ProductID], [ChangeDateTime]{source_column})
SELECT k.[change], k.[id], GETUTCDATE(){source}
FROM (VALUES {changes}) AS k ([change], [id])
