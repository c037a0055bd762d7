SELECT p.{id}, p.{name}, p.{price} FROM {table} AS p WHERE p.{id} IS ?1
