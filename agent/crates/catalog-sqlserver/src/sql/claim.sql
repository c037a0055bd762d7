/* shopmaster claim */
DECLARE @self int, @held int;
EXEC @self = sp_getapplock
    @Resource = @P2, @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 0, @DbPrincipal = N'public';
IF @self >= 0
    EXEC @held = sp_getapplock
        @Resource = @P1, @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 0, @DbPrincipal = N'public';
IF @held < 0
    EXEC sp_releaseapplock @Resource = @P2, @LockOwner = N'Session', @DbPrincipal = N'public';
SELECT @self, @held;
