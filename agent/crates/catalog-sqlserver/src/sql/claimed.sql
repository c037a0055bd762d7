/* shopmaster claimed */
SELECT CAST(APPLOCK_MODE(N'public', @P1, N'Session') AS nvarchar(32))
