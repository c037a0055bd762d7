/* shopmaster synonym */
SELECT CAST(y.base_object_name AS nvarchar(1035)) FROM sys.synonyms AS y WHERE y.object_id = @P1
