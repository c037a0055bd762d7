/* shopmaster hidden_rows */
-- How many rows the table has, and how many this login is shown.
SELECT
    CAST((
        SELECT SUM(s.rows) FROM sys.partitions AS s WHERE s.object_id = {object} AND s.index_id < 2
    ) AS bigint),
    (SELECT COUNT_BIG(*) FROM {table} AS p)
