/* shopmaster shared_values */
-- How many of a view's first values there are, and how many of them a table has.
SELECT COUNT_BIG(*), COUNT_BIG(f.found)
FROM (
    SELECT CASE WHEN EXISTS (SELECT 1 FROM {table} AS t WHERE {key} = v.value) THEN 1 END AS found
    FROM (SELECT TOP (100) {value} AS value FROM {view} AS p WHERE {column} IS NOT NULL) AS v
) AS f
