/* shopmaster encrypted_modules */
SELECT CAST(o.object_id AS int), CAST(s.name AS nvarchar(128)), CAST(o.name AS nvarchar(128))
FROM sys.sql_modules AS m
INNER JOIN sys.objects AS o ON o.object_id = m.object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE
    m.definition IS NULL
    AND OBJECTPROPERTY(o.object_id, N'IsEncrypted') = 1
    AND s.name <> N'shopmaster'
    AND LEFT(o.name, 19) <> N'shopmaster_capture_'
ORDER BY s.name, o.name
