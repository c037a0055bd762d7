SELECT count(*), coalesce(sum({condition}), 0) FROM {table} AS p
