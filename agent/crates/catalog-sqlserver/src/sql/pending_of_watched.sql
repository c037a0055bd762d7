/* shopmaster pending */
SELECT TOP (@P4)
    CAST(u.ChangeID AS binary(8)),
    u.Source,
    u.ProductID,
    u.ChangeDateTime
FROM (
    -- What is left of the change that the page before ended with: nothing where every row has a ChangeID of its own.
    SELECT
        c.ChangeID,
        c.Source,
        c.ProductID,
        c.ChangeDateTime
    FROM shopmaster.Pending AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
    WHERE
        c.ChangeID = CAST(CAST(@P1 AS bigint) AS binary(8))
        AND (c.Source > @P2 OR (c.Source = @P2 AND c.ProductID > {key}))
    UNION ALL
    -- No further than the page may go, so that only a page is sorted.
    SELECT
        c.ChangeID,
        c.Source,
        c.ProductID,
        c.ChangeDateTime
    FROM shopmaster.Pending AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
    WHERE
        c.ChangeID > CAST(CAST(@P1 AS bigint) AS binary(8))
        AND c.ChangeID <= (
            SELECT TOP (1) b.ChangeID
            FROM (
                SELECT TOP (@P4) n.ChangeID
                FROM shopmaster.Pending AS n WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
                WHERE n.ChangeID > CAST(CAST(@P1 AS bigint) AS binary(8))
                ORDER BY n.ChangeID
            ) AS b
            ORDER BY b.ChangeID DESC
        )
) AS u
ORDER BY u.ChangeID, u.Source, u.ProductID
