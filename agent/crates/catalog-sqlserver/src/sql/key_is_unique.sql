/* shopmaster key_is_unique */
-- Whether a unique index over all rows has none but these columns.
SELECT CASE
    WHEN EXISTS (
        SELECT 1
        FROM sys.indexes AS i
        WHERE
            i.object_id = @P1
            AND i.is_unique = 1
            AND i.is_disabled = 0
            AND i.has_filter = 0
            AND i.is_hypothetical = 0
            AND EXISTS (
                SELECT 1
                FROM sys.index_columns AS ic
                WHERE ic.object_id = i.object_id AND ic.index_id = i.index_id AND ic.key_ordinal > 0
            )
            AND NOT EXISTS (
                SELECT 1
                FROM sys.index_columns AS ic
                WHERE
                    ic.object_id = i.object_id
                    AND ic.index_id = i.index_id
                    AND ic.key_ordinal > 0
                    AND ic.column_id NOT IN ({columns})
            )
    ) THEN 1
    ELSE 0
END
