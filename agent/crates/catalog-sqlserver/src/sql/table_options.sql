/* shopmaster table_options */
-- All columns, because later servers have more of them: whoever reads looks for what is there.
SELECT t.* FROM sys.tables AS t WHERE t.object_id = @P1
