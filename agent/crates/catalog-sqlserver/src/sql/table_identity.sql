/* shopmaster table_identity */
SELECT
    CAST(o.object_id AS int),
    CONVERT(nvarchar(30), o.create_date, 126),
    CAST(COALESCE(t.object_id, 0) AS int),
    CONVERT(nvarchar(30), t.create_date, 126)
FROM sys.objects AS o
LEFT JOIN sys.triggers AS t
    ON t.parent_id = o.object_id AND t.name = N'shopmaster_capture_' + CAST(o.object_id AS nvarchar(11))
WHERE o.object_id = @P1
