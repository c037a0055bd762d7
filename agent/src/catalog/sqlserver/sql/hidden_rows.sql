/* shopmaster hidden_rows */
-- How many rows the table has, and how many this login is shown.
SELECT
    CAST((
        SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = {object} AND p.index_id < 2
    ) AS bigint),
    (SELECT COUNT_BIG(*) FROM {table} AS t)
