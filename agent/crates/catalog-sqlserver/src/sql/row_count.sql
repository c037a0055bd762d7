/* shopmaster row_count */
SELECT CAST(SUM(p.rows) AS bigint) FROM sys.partitions AS p WHERE p.object_id = @P1 AND p.index_id < 2
