/* shopmaster depending */
-- What was made before the table was is known by the name alone.
SELECT DISTINCT CAST(d.referencing_id AS int)
FROM sys.sql_expression_dependencies AS d
WHERE
    d.referenced_id = @P1
    OR d.referenced_entity_name IN ({names})
