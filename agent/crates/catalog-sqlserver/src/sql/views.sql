/* shopmaster views */
SELECT CAST(s.name AS nvarchar(128)), CAST(v.name AS nvarchar(128)), CAST(m.definition AS nvarchar(max))
FROM sys.views AS v
INNER JOIN sys.schemas AS s ON s.schema_id = v.schema_id
INNER JOIN sys.sql_modules AS m ON m.object_id = v.object_id
WHERE {named}
ORDER BY s.name, v.name
