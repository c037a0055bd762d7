/* shopmaster view_keys */
SELECT
    COUNT_BIG(*),
    COUNT_BIG(p.{id}),
    COUNT_BIG(DISTINCT p.{id})
FROM {table} AS p{where}
