    INSERT INTO shopmaster_ChangeLog (ChangeID, ChangeType, Source, ProductID, ChangeDateTime, BornID)
    SELECT
        n.ID,
        {kind},
        {source},
        {key},
        CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
        0
    FROM (
        SELECT max(
            coalesce((SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c), 0) + 1,
            coalesce(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER), 0)
        ) AS ID
    ) AS n
    WHERE {when};
    DELETE FROM shopmaster_ChangeLog
    WHERE Source = {source} AND ProductID IS {key} AND typeof(ProductID) = typeof({key})
      AND ChangeID < (SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c)
      AND {when};
