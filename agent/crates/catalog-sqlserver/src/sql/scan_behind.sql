/* shopmaster scan_behind */
SELECT TOP (@P{limit})
    {selected_key},
    {selected_name},
    {selected_price}
FROM {table} AS p{hints}
WHERE {behind}{and}
ORDER BY {order}
