/* shopmaster server */
SELECT
    CAST(SERVERPROPERTY(N'ProductVersion') AS nvarchar(128)),
    CAST(SERVERPROPERTY(N'Edition') AS nvarchar(128)),
    CAST(@@SERVERNAME AS nvarchar(128)),
    CAST(ORIGINAL_LOGIN() AS nvarchar(128)),
    CAST(DB_NAME() AS nvarchar(128)),
    CASE WHEN d.is_read_only = 1 THEN 1 ELSE 0 END,
    CAST((SELECT c.value_in_use FROM sys.configurations AS c WHERE c.name = N'nested triggers') AS int)
FROM sys.databases AS d
WHERE d.database_id = DB_ID()
