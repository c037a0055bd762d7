/* shopmaster columns */
SELECT
    CASE WHEN c.name = @P2 THEN 1 ELSE 0 END,
    CASE WHEN c.name = @P3 THEN 1 ELSE 0 END,
    CASE WHEN c.name = @P4 THEN 1 ELSE 0 END,
{facts}
FROM sys.columns AS c
INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
WHERE c.object_id = @P1 AND c.name IN (@P2, @P3, @P4)
