/* shopmaster column_options */
-- All columns, because later servers have more of them: whoever reads looks for what is there.
SELECT c.* FROM sys.columns AS c WHERE c.object_id = @P1
