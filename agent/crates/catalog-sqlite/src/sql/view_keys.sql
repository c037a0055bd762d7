SELECT count(*), count(CASE WHEN {not_null} THEN 1 END), (SELECT count(*) FROM (SELECT DISTINCT {key} FROM {table} AS p WHERE {not_null}))
FROM {table} AS p
