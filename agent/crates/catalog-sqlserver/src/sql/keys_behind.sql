/* shopmaster keys_behind */
-- Which keys there are, past whoever holds their rows. What is in a row is never read so.
SELECT TOP (@P{limit}) {selected_key}
FROM {table} AS p WITH (READUNCOMMITTED{hints})
WHERE {behind}
ORDER BY {order}
