/* shopmaster key_parts */
-- The columns of the first key that the column is one of several in, the primary key before others.
SELECT CAST(c.name AS nvarchar(128))
FROM sys.index_columns AS ic
INNER JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
WHERE
    ic.object_id = @P1
    AND ic.key_ordinal > 0
    AND ic.index_id = (
        SELECT TOP (1) i.index_id
        FROM sys.indexes AS i
        INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
        WHERE
            i.object_id = @P1
            AND i.is_unique = 1
            AND i.is_disabled = 0
            AND i.is_hypothetical = 0
            AND k.column_id = @P2
            AND k.key_ordinal > 0
        ORDER BY i.is_primary_key DESC, i.index_id
    )
ORDER BY ic.key_ordinal
