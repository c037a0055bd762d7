/* shopmaster records_of */
SELECT
    k.n,
    CAST(c.ChangeID AS binary(8)),
    c.Source,
    c.ProductID,
    c.ChangeDateTime
FROM (VALUES {values}) AS k (n, value)
INNER JOIN shopmaster.Pending AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK) ON c.ProductID{collate} = k.value
WHERE c.Source = {source}
