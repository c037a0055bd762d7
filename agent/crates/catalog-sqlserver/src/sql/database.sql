/* shopmaster database */
SELECT
    CAST(d.name AS nvarchar(128)),
    CAST(d.state AS int),
    CAST(d.user_access AS int),
    CASE WHEN d.is_auto_close_on = 1 AND d.is_cleanly_shutdown = 1 THEN 1 ELSE 0 END
FROM sys.databases AS d
WHERE d.name = @P1
