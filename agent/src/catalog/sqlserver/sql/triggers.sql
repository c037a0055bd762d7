/* shopmaster triggers */
SELECT
    CAST(t.name AS nvarchar(128)),
    CASE WHEN t.is_disabled = 1 THEN 1 ELSE 0 END,
    CASE WHEN t.is_instead_of_trigger = 1 THEN 1 ELSE 0 END
FROM sys.triggers AS t
WHERE t.parent_id = @P1 AND LEFT(t.name, 19) <> N'shopmaster_capture_'
ORDER BY t.name
