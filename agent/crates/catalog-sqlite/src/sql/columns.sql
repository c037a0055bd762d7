SELECT c.name, c.type, t.strict
FROM pragma_table_list AS t, pragma_table_xinfo(t.name, 'main') AS c
WHERE t.schema = 'main' AND t.name = ?1 COLLATE NOCASE
