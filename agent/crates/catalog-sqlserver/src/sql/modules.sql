/* shopmaster modules */
SELECT CAST(s.name AS nvarchar(128)), CAST(o.name AS nvarchar(128)), CAST(m.definition AS nvarchar(max))
FROM sys.sql_modules AS m
INNER JOIN sys.objects AS o ON o.object_id = m.object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE
    CHARINDEX(N'OUTPUT', UPPER(m.definition)) > 0
    AND ({named})
ORDER BY s.name, o.name
