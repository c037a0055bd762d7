SELECT {row} FROM {table} AS p{filter} ORDER BY {key} LIMIT ?1
