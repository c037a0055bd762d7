DELETE FROM shopmaster_ChangeLog WHERE ChangeID = ?1 AND ProductID COLLATE BINARY IS ?2
