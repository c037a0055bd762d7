UPDATE {table} SET {column} = {column} WHERE {id} IS (SELECT p.{id} FROM {table} AS p LIMIT 1)
