/* shopmaster triggers */
-- What an engine does not tell is taken for a yes.
SELECT
    CAST(t.name AS nvarchar(128)),
    CASE WHEN t.is_disabled = 1 THEN 1 ELSE 0 END,
    CASE WHEN t.is_instead_of_trigger = 1 THEN 1 ELSE 0 END,
    CAST(COALESCE(OBJECTPROPERTY(t.object_id, N'ExecIsInsertTrigger'), 1) AS int),
    CAST(COALESCE(OBJECTPROPERTY(t.object_id, N'ExecIsUpdateTrigger'), 1) AS int),
    CAST(COALESCE(OBJECTPROPERTY(t.object_id, N'ExecIsDeleteTrigger'), 1) AS int)
FROM sys.triggers AS t
WHERE t.parent_id = @P1
ORDER BY t.name
