/* shopmaster ambiguous_keys */
-- How many rows have a part of their key before the last that contains the separator, or ends like it begins.
SELECT COUNT_BIG(*) FROM {table} AS p WHERE {is_unclear}
