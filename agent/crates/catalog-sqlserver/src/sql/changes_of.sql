/* shopmaster changes_of */
SELECT
    CAST(c.ChangeID AS binary(8)),
    {selected_key},
    c.ChangeType,
    c.ChangeDateTime
FROM shopmaster.Pending AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
WHERE EXISTS (SELECT 1 FROM (VALUES {keys}) AS k (id) WHERE k.id = c.ProductID)
ORDER BY c.ChangeID, c.ProductID
