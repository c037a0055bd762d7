/* shopmaster masks */
-- Columns that are shown masked to most. Servers before 2016 have none.
IF OBJECT_ID(N'sys.masked_columns') IS NOT NULL
    SELECT CAST(s.name AS nvarchar(128)), CAST(o.name AS nvarchar(128)), CAST(c.name AS nvarchar(128))
    FROM sys.masked_columns AS c
    INNER JOIN sys.objects AS o ON o.object_id = c.object_id
    INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
    WHERE c.is_masked = 1
    ORDER BY s.name, o.name, c.name
