SELECT DISTINCT
    c.ChangeID,
    c.ProductID,
    c.ChangeType,
    c.ChangeDateTime,
    0,
    c.Source
FROM {view} AS p
-- The order keeps the view from being computed for each change.
CROSS JOIN shopmaster_ChangeLog AS c
WHERE {is_key}
  AND c.Source = {source}
  AND (
      +p.{column} = c.ProductID
      OR c.ProductID = +CAST(p.{column} AS TEXT)
      OR c.ProductID = CASE
          WHEN CAST(CAST(p.{column} AS INTEGER) AS TEXT) = p.{column} THEN CAST(p.{column} AS INTEGER)
      END
  )
