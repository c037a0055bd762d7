/* shopmaster server */
SELECT
    CAST(SERVERPROPERTY(N'ProductVersion') AS nvarchar(128)),
    CAST(SERVERPROPERTY(N'Edition') AS nvarchar(128)),
    CAST(@@SERVERNAME AS nvarchar(128)),
    CAST(ORIGINAL_LOGIN() AS nvarchar(128)),
    CAST(DB_NAME() AS nvarchar(128)),
    CASE WHEN d.is_read_only = 1 THEN 1 ELSE 0 END,
    CAST((SELECT c.value_in_use FROM sys.configurations AS c WHERE c.name = N'nested triggers') AS int),
    -- A copy that another server keeps is not read-only by itself.
    CASE
        WHEN d.is_in_standby = 1 THEN 1
        WHEN d.is_read_only = 0 AND DATABASEPROPERTYEX(DB_NAME(), N'Updateability') = N'READ_ONLY' THEN 1
        ELSE 0
    END,
    CAST(CASE WHEN d.user_access > 0 THEN d.user_access_desc ELSE N'' END AS nvarchar(60)),
    CAST(d.compatibility_level AS int),
    CASE WHEN d.is_auto_close_on = 1 THEN 1 ELSE 0 END,
    CASE WHEN d.is_merge_published = 1 THEN 1 ELSE 0 END
FROM sys.databases AS d
WHERE d.database_id = DB_ID()
