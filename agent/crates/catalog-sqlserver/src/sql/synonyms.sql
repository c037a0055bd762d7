/* shopmaster synonyms */
SELECT CAST(s.name AS nvarchar(128)), CAST(y.name AS nvarchar(128)), CAST(y.base_object_name AS nvarchar(1035))
FROM sys.synonyms AS y
INNER JOIN sys.schemas AS s ON s.schema_id = y.schema_id
ORDER BY s.name, y.name
