/* shopmaster watched_values */
-- What the rows of the view have in the columns by which watched tables concern them.
SELECT
    k.n,
    {values}
FROM (VALUES {keys}) AS k ({numbered})
INNER JOIN {table} AS p ON {same}
