/* shopmaster create_schema */
CREATE SCHEMA [shopmaster] AUTHORIZATION {owner};
