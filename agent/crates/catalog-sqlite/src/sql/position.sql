SELECT {key} FROM {table} AS p WHERE {alternatives} ORDER BY {descending} LIMIT 1
