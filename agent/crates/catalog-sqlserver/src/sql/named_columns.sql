/* shopmaster named_columns */
SELECT
    k.n,
{facts}
FROM (VALUES {names}) AS k (n, name)
INNER JOIN sys.columns AS c ON c.object_id = @P1 AND c.name = k.name
INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
