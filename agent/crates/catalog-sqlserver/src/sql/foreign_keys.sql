/* shopmaster foreign_keys */
SELECT
    CAST(f.parent_object_id AS int),
    CAST(f.parent_column_id AS int),
    CAST(f.referenced_object_id AS int),
    CAST(f.referenced_column_id AS int)
FROM sys.foreign_key_columns AS f
WHERE f.parent_object_id = @P1 OR f.referenced_object_id = @P1
