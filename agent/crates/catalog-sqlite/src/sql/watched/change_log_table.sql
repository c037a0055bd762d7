CREATE TABLE IF NOT EXISTS shopmaster_ChangeLog (
    ChangeID INTEGER PRIMARY KEY,
    ChangeType TEXT NOT NULL,
    Source TEXT NOT NULL,
    ProductID,
    ChangeDateTime INTEGER,
    BornID INTEGER NOT NULL
)
