/* shopmaster scan_start */
SELECT TOP (@P1)
    {selected_key},
    {selected_name},
    {selected_price}
FROM {table} AS p{where}
ORDER BY {order}
