/* shopmaster take_over */
INSERT INTO [shopmaster].[ChangeLog] ([ChangeType], [ProductID], [ChangeDateTime])
SELECT k.[change], k.[id], GETUTCDATE()
FROM (VALUES {changes}) AS k ([change], [id])
