/* shopmaster create_schema */
-- It has the owner of the product table, so that whoever may write the table needs no right on what is in here.
CREATE SCHEMA [shopmaster] AUTHORIZATION {owner};
