/* shopmaster base_tables */
-- The shop's tables, for an engine that does not say what a view reads.
SELECT TOP (5000) CAST(o.object_id AS int), CAST(s.name AS nvarchar(128)), CAST(o.name AS nvarchar(128))
FROM sys.tables AS o
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name <> N'shopmaster'
ORDER BY s.name, o.name
