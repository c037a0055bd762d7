SELECT p.{id}, p.{name}, p.{price} FROM {table} AS p{where} ORDER BY p.{id} LIMIT ?1
