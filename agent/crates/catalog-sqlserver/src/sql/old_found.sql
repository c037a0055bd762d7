/* shopmaster old_found */
SELECT
    CAST(s.name AS nvarchar(128)),
    CAST(o.name AS nvarchar(128)),
    CAST(o.object_id AS int),
    CAST(c.name AS nvarchar(128)),
    CAST(t.name AS nvarchar(128)),
    CASE WHEN c.is_identity = 1 THEN 1 ELSE 0 END
FROM sys.tables AS o
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
INNER JOIN sys.columns AS c ON c.object_id = o.object_id
INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id
WHERE o.name LIKE N'ChangeLog%' AND (s.name IN (N'dbo', SCHEMA_NAME()) OR s.name = {schema}) AND s.name <> N'shopmaster'
ORDER BY s.name, o.name, c.column_id;

SELECT
    CAST(s.name AS nvarchar(128)),
    CAST(t.name AS nvarchar(128)),
    CAST(t.parent_id AS int),
    CAST(p.name AS nvarchar(128)),
    CAST(COALESCE(m.definition, N'') AS nvarchar(max))
FROM sys.triggers AS t
INNER JOIN sys.objects AS p ON p.object_id = t.parent_id
INNER JOIN sys.schemas AS s ON s.schema_id = p.schema_id
LEFT JOIN sys.sql_modules AS m ON m.object_id = t.object_id
WHERE t.name IN (N'trgAfterInsert', N'trgAfterUpdate', N'trgAfterDelete')
ORDER BY s.name, p.name, t.name;

SELECT
    CAST(s.name AS nvarchar(128)),
    CAST(o.name AS nvarchar(128)),
    CAST(m.definition AS nvarchar(max))
FROM sys.sql_modules AS m
INNER JOIN sys.objects AS o ON o.object_id = m.object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name <> N'shopmaster' AND CHARINDEX(N'CHANGELOG', UPPER(m.definition)) > 0
ORDER BY s.name, o.name;
