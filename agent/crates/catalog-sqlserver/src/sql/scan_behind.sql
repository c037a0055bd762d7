/* shopmaster scan_behind */
SELECT TOP (@P2)
    {selected_key},
    {selected_name},
    {selected_price}
FROM {table} AS p{hints}
WHERE p.{id} > {key}{and}
ORDER BY p.{id}
