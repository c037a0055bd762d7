/* shopmaster keys_behind */
-- Which keys there are, past whoever holds their rows. What is in a row is never read so.
SELECT TOP (@P2) {selected_key}
FROM {table} AS p WITH (READUNCOMMITTED{hints})
WHERE p.{id} > {key}
ORDER BY p.{id}
