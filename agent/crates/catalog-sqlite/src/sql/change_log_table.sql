CREATE TABLE IF NOT EXISTS shopmaster_ChangeLog (
    ChangeID INTEGER PRIMARY KEY,
    ChangeType TEXT NOT NULL,
    ProductID {affinity} COLLATE {collation},
    ChangeDateTime INTEGER,
    BornID INTEGER NOT NULL
)
