/* shopmaster count */
SELECT COUNT_BIG(*) FROM {table} AS p{where}
