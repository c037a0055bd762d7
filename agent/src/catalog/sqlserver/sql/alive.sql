/* shopmaster alive */
SELECT 1
