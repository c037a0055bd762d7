EXISTS (
    SELECT 1
    FROM sys.triggers AS t
    WHERE LEFT(t.name, 19) = N'shopmaster_capture_'{others}
)
