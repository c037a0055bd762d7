/* shopmaster predicates */
-- Policies that hide rows. Servers before 2016 have none.
IF OBJECT_ID(N'sys.security_predicates') IS NOT NULL
    SELECT
        CAST(o.object_id AS int),
        CAST(s.name AS nvarchar(128)),
        CAST(o.name AS nvarchar(128)),
        CAST(p.name AS nvarchar(128))
    FROM sys.security_policies AS p
    INNER JOIN sys.security_predicates AS q ON q.object_id = p.object_id
    INNER JOIN sys.objects AS o ON o.object_id = q.target_object_id
    INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
    WHERE p.is_enabled = 1 AND q.predicate_type = 0
    ORDER BY s.name, o.name, p.name
