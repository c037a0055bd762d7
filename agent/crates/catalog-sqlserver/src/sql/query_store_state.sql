/* shopmaster query_store_state */
SELECT CAST(o.actual_state AS int) FROM sys.database_query_store_options AS o
