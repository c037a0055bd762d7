/* shopmaster old_rows */
{wait}SELECT TOP (@P2)
    CAST(o.[LogID] AS bigint),
    CAST(o.[ChangeType] AS nvarchar(10)),
    CAST(o.[ProductID] AS nvarchar(4000))
FROM {log} AS o WITH ({hints})
WHERE o.[LogID] > @P1
ORDER BY o.[LogID]
