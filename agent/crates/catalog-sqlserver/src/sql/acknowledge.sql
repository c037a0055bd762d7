/* shopmaster acknowledge */
DELETE c
FROM (VALUES {changes}) AS k (change, id)
INNER JOIN shopmaster.ChangeLog AS c WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
    ON c.ChangeID = k.change AND c.ProductID = k.id AND {exact_change} = {exact_key}
-- Seeks alone, so that no row is locked that is not ours.
OPTION (LOOP JOIN, FORCE ORDER)
