/* shopmaster unmask */
-- The second since SQL Server 2022; before, it is NULL.
SELECT
    CAST(HAS_PERMS_BY_NAME(NULL, N'DATABASE', N'UNMASK') AS int),
    CAST(HAS_PERMS_BY_NAME(@P1, N'OBJECT', N'UNMASK', @P2, N'COLUMN') AS int),
    CAST(USER_NAME() AS nvarchar(128))
