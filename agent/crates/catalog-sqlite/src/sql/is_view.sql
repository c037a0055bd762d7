SELECT s.type = 'view'
FROM sqlite_schema AS s
WHERE s.name = ?1 COLLATE NOCASE AND s.type IN ('table', 'view')
