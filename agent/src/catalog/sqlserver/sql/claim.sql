/* shopmaster claim */
DECLARE @held int;
EXEC @held = sp_getapplock
    @Resource = @P1, @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 0, @DbPrincipal = N'public';
SELECT @held;
