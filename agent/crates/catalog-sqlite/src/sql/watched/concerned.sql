SELECT DISTINCT {key} FROM {view} AS p WHERE {concerned}{behind} ORDER BY {key} LIMIT ?1
