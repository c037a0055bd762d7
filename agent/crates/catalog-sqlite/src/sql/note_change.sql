    INSERT INTO shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime, BornID)
    SELECT
        n.ID,
        {kind},
        {key},
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        coalesce(
            (SELECT o.BornID FROM shopmaster_ChangeLog AS o
             WHERE o.ProductID IS {key} AND o.ProductID COLLATE BINARY IS {key}
               AND typeof(o.ProductID) = typeof({key})),
            {born}
        )
    FROM (
        SELECT max(
            coalesce((SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c), 0) + 1,
            coalesce(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), 0)
        ) AS ID
    ) AS n
    WHERE {when};
    DELETE FROM shopmaster_ChangeLog
    WHERE ProductID IS {key} AND ProductID COLLATE BINARY IS {key} AND typeof(ProductID) = typeof({key})
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND {when};
