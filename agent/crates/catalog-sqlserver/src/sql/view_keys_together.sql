/* shopmaster view_keys */
SELECT
    CAST(COALESCE(SUM(g.n), 0) AS bigint),
    CAST(COALESCE(SUM(CASE WHEN {has_null} THEN 0 ELSE g.n END), 0) AS bigint),
    CAST(COALESCE(SUM(CASE WHEN {has_null} THEN CAST(0 AS bigint) ELSE CAST(1 AS bigint) END), 0) AS bigint)
FROM (
    SELECT
        {aliased},
        COUNT_BIG(*) AS n
    FROM {table} AS p{where}
    GROUP BY {order}
) AS g
