/* shopmaster backlog */
SELECT
    COUNT_BIG(*),
    COUNT_BIG(DISTINCT c.ProductID),
    MIN(c.ChangeDateTime),
    GETUTCDATE()
FROM shopmaster.Pending AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
