/* shopmaster concerned_behind */
-- More of the same, behind a key.
SELECT
    {selected}
FROM (
    SELECT DISTINCT TOP (@P{limit})
        {aliased}
    FROM {table} AS p
    WHERE ({concerned}) AND {behind}
    ORDER BY {order}
) AS r
ORDER BY {ranks}
