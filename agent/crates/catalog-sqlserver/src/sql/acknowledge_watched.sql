/* shopmaster acknowledge */
DELETE c
FROM (VALUES {records}) AS k (change, source, id)
INNER JOIN shopmaster.ChangeLog AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
    ON c.ChangeID = k.change AND c.Source = k.source AND c.ProductID = k.id AND {exact_record} = {exact_key}
-- Seeks alone, so that no row is locked that is not ours.
OPTION (LOOP JOIN, FORCE ORDER)
