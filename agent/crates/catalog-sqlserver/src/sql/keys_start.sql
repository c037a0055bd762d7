/* shopmaster keys_start */
-- Which keys there are, past whoever holds their rows. What is in a row is never read so.
SELECT TOP (@P1) {selected_key}
FROM {table} AS p WITH (READUNCOMMITTED)
ORDER BY {order}
