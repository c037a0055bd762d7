/* shopmaster read */
SELECT
    k.n,
    {selected_key},
    {selected_name},
    {selected_price},
    {read_back}{sold}
FROM (VALUES {keys}) AS k ({numbered})
INNER JOIN {table} AS p{hints} ON {same}
{option}
