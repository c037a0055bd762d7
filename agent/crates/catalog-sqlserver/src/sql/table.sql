/* shopmaster table */
SELECT TOP (1)
    CAST(o.object_id AS int),
    CAST(s.name AS nvarchar(128)),
    CAST(o.name AS nvarchar(128)),
    CAST(o.type AS nvarchar(2)),
    CAST(COALESCE(o.principal_id, s.principal_id) AS int),
    CAST(USER_NAME(COALESCE(o.principal_id, s.principal_id)) AS nvarchar(128)),
    -- Whether this is a copy that another server keeps.
    CASE
        WHEN d.is_in_standby = 1 THEN 1
        WHEN d.is_read_only = 0 AND DATABASEPROPERTYEX(DB_NAME(), N'Updateability') = N'READ_ONLY' THEN 1
        ELSE 0
    END
FROM sys.objects AS o
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
LEFT JOIN sys.databases AS d ON d.database_id = DB_ID()
WHERE
    o.name = @P2
    AND (s.name = @P1 OR (@P1 = N'' AND s.name IN (SCHEMA_NAME(), N'dbo')))
ORDER BY CASE WHEN s.name = SCHEMA_NAME() THEN 0 ELSE 1 END
