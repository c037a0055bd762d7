/* shopmaster table_columns */
SELECT
    CASE
        WHEN EXISTS (
            SELECT 1
            FROM sys.index_columns AS kc
            INNER JOIN sys.indexes AS k ON k.object_id = kc.object_id AND k.index_id = kc.index_id
            WHERE
                kc.object_id = c.object_id
                AND kc.column_id = c.column_id
                AND kc.key_ordinal > 0
                AND k.is_unique = 1
                AND k.is_disabled = 0
                AND k.is_hypothetical = 0
        ) THEN 1
        ELSE 0
    END,
{facts}
FROM sys.columns AS c
INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
WHERE c.object_id = @P1
ORDER BY c.column_id
