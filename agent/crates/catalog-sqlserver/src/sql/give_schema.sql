-- The product table has another owner now, and whoever may write the table must need no right on our ChangeLog.
-- The server takes back what was granted on the schema: grant it again.
ALTER AUTHORIZATION ON SCHEMA::[shopmaster] TO {owner};
