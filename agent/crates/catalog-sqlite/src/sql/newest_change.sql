SELECT max(c.ChangeID) FROM shopmaster_ChangeLog AS c WHERE c.ChangeID BETWEEN ?1 AND ?2
