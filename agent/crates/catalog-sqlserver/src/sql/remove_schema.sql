-- Only when nothing of the shop's own is in it.
IF SCHEMA_ID(N'shopmaster') IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM sys.objects AS o WHERE o.schema_id = SCHEMA_ID(N'shopmaster'))
    AND NOT EXISTS (SELECT 1 FROM sys.types AS t WHERE t.schema_id = SCHEMA_ID(N'shopmaster'))
    DROP SCHEMA [shopmaster];
