/* shopmaster scan_keys */
-- The keys of a page in which a row cannot be computed.
SELECT TOP (@P{limit})
    {selected_key}
FROM {table} AS p{where}
ORDER BY {order}
