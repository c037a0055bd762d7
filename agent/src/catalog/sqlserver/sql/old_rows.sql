/* shopmaster old_rows */
SELECT TOP (@P2)
    CAST(o.[LogID] AS bigint),
    CAST(o.[ChangeType] AS nvarchar(10)),
    CAST(o.[ProductID] AS nvarchar(4000))
-- What a till has not committed yet is left for the second time, when nobody writes any more.
FROM {log} AS o WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
WHERE o.[LogID] > @P1
ORDER BY o.[LogID]
