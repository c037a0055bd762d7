    CAST(c.column_id AS int),
    CAST(c.name AS nvarchar(128)),
    CAST(COALESCE(b.name, t.name) AS nvarchar(128)),
    CAST(c.max_length AS int),
    CAST(c.precision AS int),
    CAST(c.scale AS int),
    CAST(COALESCE(c.collation_name, N'') AS nvarchar(128)),
    CASE WHEN c.is_nullable = 1 THEN 1 ELSE 0 END,
    CASE WHEN c.is_computed = 1 THEN 1 ELSE 0 END,
    CASE WHEN c.is_identity = 1 THEN 1 ELSE 0 END,
    CASE
        WHEN EXISTS (
            SELECT 1
            FROM sys.indexes AS i
            INNER JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
            WHERE
                i.object_id = c.object_id
                AND i.is_unique = 1
                AND i.is_disabled = 0
                AND i.has_filter = 0
                AND i.is_hypothetical = 0
                AND ic.column_id = c.column_id
                AND ic.key_ordinal > 0
                AND NOT EXISTS (
                    SELECT 1
                    FROM sys.index_columns AS oc
                    WHERE
                        oc.object_id = i.object_id
                        AND oc.index_id = i.index_id
                        AND oc.column_id <> c.column_id
                        AND oc.key_ordinal > 0
                )
        ) THEN 1
        ELSE 0
    END
