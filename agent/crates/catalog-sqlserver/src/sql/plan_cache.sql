/* shopmaster plan_cache */
-- Statements that programs sent, the latest first: no more of them than can be looked through in a moment.
SELECT TOP (50)
    CAST(w.sent AS nvarchar(max)),
    CASE WHEN CAST(a.value AS int) = DB_ID() THEN 1 ELSE 0 END
FROM (
    SELECT TOP (5000)
        q.sql_handle,
        q.plan_handle,
        q.statement_start_offset,
        q.statement_end_offset,
        q.last_execution_time
    FROM sys.dm_exec_query_stats AS q
    ORDER BY q.last_execution_time DESC
) AS q
CROSS APPLY sys.dm_exec_sql_text(q.sql_handle) AS t
OUTER APPLY (SELECT p.value FROM sys.dm_exec_plan_attributes(q.plan_handle) AS p WHERE p.attribute = N'dbid') AS a
CROSS APPLY (
    SELECT SUBSTRING(
        t.text,
        q.statement_start_offset / 2 + 1,
        (CASE WHEN q.statement_end_offset < 0 THEN DATALENGTH(t.text) ELSE q.statement_end_offset END
            - q.statement_start_offset) / 2 + 1
    ) AS sent
) AS w
WHERE
    CHARINDEX(N'OUTPUT', w.sent COLLATE Latin1_General_CI_AS) > 0
    AND ({named})
ORDER BY q.last_execution_time DESC
