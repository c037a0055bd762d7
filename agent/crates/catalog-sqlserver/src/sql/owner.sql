/* shopmaster owner */
SELECT TOP (1) CAST(o.Journal AS nvarchar(64)), CAST(o.Generation AS bigint) FROM shopmaster.Owner AS o
