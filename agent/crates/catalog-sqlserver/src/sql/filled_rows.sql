/* shopmaster filled_rows */
SELECT COUNT_BIG(*), COUNT_BIG(p.{column})
FROM (SELECT TOP ({rows}) t.{column} FROM {table} AS t) AS p
