/* shopmaster read_odd */
-- The row of a key that cannot be sent, such as NULL.
SELECT TOP (2)
    1,
    {selected_key},
    {selected_name},
    {selected_price},
    {read_back}{sold}
FROM {table} AS p
WHERE {exactly}
