CREATE TABLE IF NOT EXISTS shopmaster_ChangeLog (
    ChangeID INTEGER PRIMARY KEY AUTOINCREMENT,
    ChangeType TEXT NOT NULL,
    ProductID {affinity} COLLATE {collation},
    ChangeDateTime INTEGER
)
