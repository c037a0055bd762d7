/* shopmaster flag_values */
-- The values of a column in the first rows, and how many rows have each.
SELECT TOP ({most}) CAST(p.{column} AS nvarchar(100)), COUNT_BIG(*)
FROM (SELECT TOP ({rows}) t.{column} FROM {table} AS t) AS p
GROUP BY p.{column}
ORDER BY 2 DESC, 1
