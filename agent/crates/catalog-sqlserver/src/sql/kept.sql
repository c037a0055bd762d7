/* shopmaster kept */
-- How many rows there are, and how many of them meet the conditions.
SELECT
    COUNT_BIG(*),
    CAST(COALESCE(SUM(CASE WHEN {condition} THEN CAST(1 AS bigint) ELSE 0 END), 0) AS bigint)
FROM {table} AS p
