DELETE FROM shopmaster_ChangeLog WHERE ChangeID IN (SELECT k.value FROM json_each(?1) AS k)
