/* shopmaster query_store */
SELECT TOP (50) CAST(q.query_sql_text AS nvarchar(max))
FROM sys.query_store_query_text AS q
WHERE
    CHARINDEX(N'OUTPUT', q.query_sql_text COLLATE Latin1_General_CI_AS) > 0
    AND ({named})
ORDER BY q.query_text_id DESC
