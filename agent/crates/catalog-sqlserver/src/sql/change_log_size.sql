/* shopmaster change_log_size */
SELECT CAST(SUM(a.total_pages) AS bigint) * 8192
FROM sys.partitions AS p
INNER JOIN sys.allocation_units AS a ON a.container_id = p.partition_id
WHERE p.object_id = OBJECT_ID(N'[shopmaster].[ChangeLog]')
