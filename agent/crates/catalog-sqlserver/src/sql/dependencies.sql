/* shopmaster dependencies */
-- What a view or a function reads, by name, and the object of this database that has the name.
SELECT
    CAST(COALESCE(d.referenced_server_name, N'') AS nvarchar(128)),
    CAST(COALESCE(d.referenced_database_name, N'') AS nvarchar(128)),
    CAST(COALESCE(d.referenced_schema_name, N'') AS nvarchar(128)),
    CAST(d.referenced_entity_name AS nvarchar(128)),
    CAST(COALESCE(o.object_id, 0) AS int),
    CAST(COALESCE(o.type, N'') AS nvarchar(2)),
    CAST(COALESCE(s.name, N'') AS nvarchar(128)),
    CAST(COALESCE(o.name, N'') AS nvarchar(128)),
    CAST(COALESCE(y.base_object_name, N'') AS nvarchar(1035))
FROM sys.sql_expression_dependencies AS d
LEFT JOIN sys.objects AS o
    ON o.object_id = COALESCE(
        d.referenced_id,
        OBJECT_ID(
            QUOTENAME(COALESCE(d.referenced_schema_name, SCHEMA_NAME())) + N'.' + QUOTENAME(d.referenced_entity_name)
        )
    )
LEFT JOIN sys.schemas AS s ON s.schema_id = o.schema_id
LEFT JOIN sys.synonyms AS y ON y.object_id = o.object_id
WHERE d.referencing_id = @P1 AND d.referencing_class = 1 AND d.referenced_class = 1
