/* shopmaster connected */
SELECT DISTINCT CAST(RTRIM(p.program_name) AS nvarchar(128)), CAST(RTRIM(p.hostname) AS nvarchar(128))
FROM sys.sysprocesses AS p
WHERE p.dbid = DB_ID() AND p.spid <> @@SPID
