/* shopmaster migrations */
-- Tables in which libraries that send their own SQL note what they did to the schema.
SELECT CAST(s.name AS nvarchar(128)), CAST(t.name AS nvarchar(128))
FROM sys.tables AS t
INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id
WHERE
    t.name IN (
        N'__EFMigrationsHistory', N'_prisma_migrations', N'typeorm_metadata', N'SequelizeMeta', N'django_migrations'
    )
    -- The name alone would say nothing.
    OR (
        t.name = N'migrations'
        AND EXISTS (SELECT 1 FROM sys.columns AS c WHERE c.object_id = t.object_id AND c.name = N'timestamp')
    )
ORDER BY s.name, t.name
