/* shopmaster led_by */
-- The tables with a column of this name, and whether an index begins with it.
SELECT
    CAST(o.name AS nvarchar(128)),
    CASE
        WHEN EXISTS (
            SELECT 1
            FROM sys.index_columns AS ic
            INNER JOIN sys.indexes AS i ON i.object_id = ic.object_id AND i.index_id = ic.index_id
            WHERE
                ic.object_id = c.object_id
                AND ic.column_id = c.column_id
                AND ic.key_ordinal = 1
                AND i.is_disabled = 0
                AND i.is_hypothetical = 0
        ) THEN 1
        ELSE 0
    END
FROM sys.columns AS c
INNER JOIN sys.objects AS o ON o.object_id = c.object_id
WHERE c.name = @P1 AND o.type = 'U'
