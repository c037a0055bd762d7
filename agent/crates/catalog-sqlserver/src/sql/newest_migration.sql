/* shopmaster newest_migration */
SELECT TOP (1) CAST(h.[ProductVersion] AS nvarchar(32)) FROM {history} AS h ORDER BY h.[MigrationId] DESC
