NOT EXISTS (
    SELECT 1
    FROM sys.triggers AS t
    WHERE t.object_id = OBJECT_ID({trigger}, N'TR') AND t.is_disabled = 0
)
