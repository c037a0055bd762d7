/* shopmaster newest_change */
SELECT TOP (1) CAST(c.ChangeID AS binary(8))
FROM shopmaster.Pending AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
ORDER BY c.ChangeID DESC
