/* shopmaster read */
SELECT
    k.n,
    {selected_key},
    {selected_name},
    {selected_price},
    {read_back}{sold}
FROM (VALUES {keys}) AS k (n, id)
INNER JOIN {table} AS p{hints} ON p.{id} = k.id
{option}
