SELECT c.type FROM pragma_table_xinfo(?1, 'main') AS c WHERE c.name = ?2 COLLATE NOCASE
