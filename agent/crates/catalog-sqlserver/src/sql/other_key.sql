/* shopmaster other_key */
SELECT
    COUNT_BIG(*),
    COUNT_BIG(DISTINCT NULLIF(p.{column}, N'')),
    CAST(MAX(p.{column}) AS nvarchar(450))
FROM (SELECT TOP ({rows}) t.{column} FROM {table} AS t) AS p
