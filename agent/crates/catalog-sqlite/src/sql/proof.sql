UPDATE {table} SET {column} = {column} WHERE {is_row} IS (SELECT {row} FROM {table} AS p LIMIT 1)
