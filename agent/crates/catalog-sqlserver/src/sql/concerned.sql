/* shopmaster concerned */
-- The keys of the rows of the view that have a changed key of a watched table.
SELECT
    k.n,
    {selected}
FROM (VALUES {values}) AS k ({numbered})
CROSS APPLY (
    SELECT DISTINCT TOP (@P{limit})
        {aliased}
    FROM {table} AS p
    WHERE {concerned}
    ORDER BY {order}
) AS r
ORDER BY k.n, {ranks}
