SELECT p.{id} FROM {table} AS p WHERE p.{id} IS ?1 OR p.{id} IS ?2 ORDER BY p.{id} DESC LIMIT 1
