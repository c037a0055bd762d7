/* shopmaster {name} */
-- Rows of a view that have the same key, as the database compares keys, have the same rank.
SELECT
    {ranked},
    DENSE_RANK() OVER (ORDER BY {ranks})
FROM (
    SELECT TOP (@P{limit})
        {aliased},
        {compared}
    FROM {table} AS p{where}
    ORDER BY {order}
) AS r
ORDER BY {ranks}
