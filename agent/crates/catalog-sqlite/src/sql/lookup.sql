SELECT p.{id}, p.{name}, p.{price}{sold} FROM {table} AS p WHERE p.{id} IS ?1
