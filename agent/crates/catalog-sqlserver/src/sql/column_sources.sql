/* shopmaster column_sources */
-- Which table's column each column of a query comes from. Servers before 2012 do not say.
SELECT
    CAST(r.name AS nvarchar(128)),
    CAST(COALESCE(r.source_schema, N'') AS nvarchar(128)),
    CAST(r.source_table AS nvarchar(128)),
    CAST(r.source_column AS nvarchar(128))
FROM sys.dm_exec_describe_first_result_set(@P1, NULL, 1) AS r
WHERE
    r.is_hidden = 0
    AND r.source_table IS NOT NULL
    AND r.source_column IS NOT NULL
    AND COALESCE(r.source_database, DB_NAME()) = DB_NAME()
