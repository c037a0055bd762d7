SELECT {row}{sold} FROM {table} AS p WHERE {is_key}
