SELECT format('%d:%d', s.rowid, s.rootpage)
FROM sqlite_schema AS s
WHERE s.tbl_name = ?1 COLLATE NOCASE
  AND (s.type = 'table' OR (s.type = 'trigger' AND s.name LIKE 'shopmaster\_capture\_%' ESCAPE '\'))
ORDER BY s.rowid
