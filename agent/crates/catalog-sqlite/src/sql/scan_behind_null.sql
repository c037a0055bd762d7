SELECT p.{id}, p.{name}, p.{price} FROM {table} AS p WHERE p.{id} IS NOT NULL{and} ORDER BY p.{id} LIMIT ?1
