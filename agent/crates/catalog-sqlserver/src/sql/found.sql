/* shopmaster found */
SELECT
    CAST(s.principal_id AS int),
    CAST(COALESCE(USER_NAME(s.principal_id), N'') AS nvarchar(128))
FROM sys.schemas AS s
WHERE s.name = N'shopmaster';

SELECT
    CAST(s.name AS nvarchar(128)),
    CAST(o.name AS nvarchar(128)),
    CAST(o.type AS nvarchar(2)),
    CAST(COALESCE(p.object_id, o.parent_object_id) AS int),
    CAST(COALESCE(p.name, N'') AS nvarchar(128)),
    CAST(m.definition AS nvarchar(max)),
    CASE WHEN t.is_disabled = 1 THEN 1 ELSE 0 END
FROM sys.objects AS o
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
LEFT JOIN sys.sql_modules AS m ON m.object_id = o.object_id
LEFT JOIN sys.triggers AS t ON t.object_id = o.object_id
LEFT JOIN sys.objects AS p ON p.object_id = t.parent_id
WHERE s.name = N'shopmaster' OR LEFT(o.name, 19) = N'shopmaster_capture_'
ORDER BY o.name;

SELECT
    CAST(o.name AS nvarchar(128)),
    CAST(c.name AS nvarchar(128)),
    CAST(COALESCE(b.name, t.name) AS nvarchar(128)),
    CAST(c.max_length AS int),
    CAST(c.precision AS int),
    CAST(c.scale AS int),
    CAST(COALESCE(c.collation_name, N'') AS nvarchar(128))
FROM sys.columns AS c
INNER JOIN sys.objects AS o ON o.object_id = c.object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
WHERE s.name = N'shopmaster' AND o.type = 'U'
ORDER BY o.name, c.column_id;

SELECT
    CAST(i.name AS nvarchar(128)),
    CASE WHEN i.is_unique = 1 THEN 1 ELSE 0 END,
    CASE
        WHEN i.is_disabled = 0 AND i.has_filter = 0 AND EXISTS (
            SELECT 1
            FROM sys.index_columns AS k
            INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
            WHERE k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal = 1 AND c.name = N'ChangeID'
        ) THEN 1
        ELSE 0
    END
FROM sys.indexes AS i
INNER JOIN sys.objects AS o ON o.object_id = i.object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name = N'shopmaster' AND o.name = N'ChangeLog' AND i.index_id > 0;

SELECT CAST(DB_NAME() AS nvarchar(128));
