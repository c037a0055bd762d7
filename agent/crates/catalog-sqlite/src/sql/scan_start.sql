SELECT p.{id}, p.{name}, p.{price} FROM {table} AS p ORDER BY p.{id} LIMIT ?1
