SELECT p.{id}, p.{name}, p.{price} FROM {table} AS p WHERE p.{id} > ?2{and} ORDER BY p.{id} LIMIT ?1
