/* shopmaster read_nothing */
SELECT TOP (0)
    {selected_key},
    {selected_name},
    {selected_price}
FROM {table} AS p
