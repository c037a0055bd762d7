SELECT s.sql FROM sqlite_schema AS s WHERE s.type = 'view' AND s.name = ?1 COLLATE NOCASE
