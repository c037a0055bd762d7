/* shopmaster encryption */
SELECT CAST(c.encrypt_option AS nvarchar(40)) FROM sys.dm_exec_connections AS c WHERE c.session_id = @@SPID
