/* shopmaster first_keys */
SELECT TOP (@P1) {key} FROM {table} AS p WHERE {id} IS NOT NULL
