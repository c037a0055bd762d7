SELECT max(ChangeID) FROM shopmaster_ChangeLog
