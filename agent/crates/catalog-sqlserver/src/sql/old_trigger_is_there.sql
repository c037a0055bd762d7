EXISTS (
    SELECT 1
    FROM sys.triggers AS t
    INNER JOIN sys.sql_modules AS m ON m.object_id = t.object_id
    WHERE
        t.name IN (N'trgAfterInsert', N'trgAfterUpdate', N'trgAfterDelete')
        AND CHARINDEX(N'CHANGELOG', UPPER(m.definition)) > 0
)
