CREATE TABLE IF NOT EXISTS shopmaster_Owner (
    journal TEXT NOT NULL,
    generation INTEGER NOT NULL
)
