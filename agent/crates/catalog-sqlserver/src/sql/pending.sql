/* shopmaster pending */
SELECT TOP (@P3)
    CAST(u.ChangeID AS binary(8)),
    {selected_key},
    u.ChangeType,
    u.ChangeDateTime
FROM (
    -- What is left of the change that the page before ended with: nothing where every row has a ChangeID of its own.
    SELECT
        c.ChangeID,
        c.ProductID,
        c.ChangeType,
        c.ChangeDateTime
    FROM shopmaster.Pending AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
    WHERE c.ChangeID = CAST(CAST(@P1 AS bigint) AS binary(8)) AND c.ProductID > {key}
    UNION ALL
    -- No further than the page may go, so that only a page is sorted.
    SELECT
        c.ChangeID,
        c.ProductID,
        c.ChangeType,
        c.ChangeDateTime
    FROM shopmaster.Pending AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
    WHERE
        c.ChangeID > CAST(CAST(@P1 AS bigint) AS binary(8))
        AND c.ChangeID <= (
            SELECT TOP (1) b.ChangeID
            FROM (
                SELECT TOP (@P3) n.ChangeID
                FROM shopmaster.Pending AS n WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
                WHERE n.ChangeID > CAST(CAST(@P1 AS bigint) AS binary(8))
                ORDER BY n.ChangeID
            ) AS b
            ORDER BY b.ChangeID DESC
        )
) AS u
ORDER BY u.ChangeID, u.ProductID
