/* shopmaster installed */
SELECT
    CASE WHEN OBJECT_ID(N'shopmaster.Pending') IS NULL THEN 0 ELSE 1 END,
    CASE WHEN OBJECT_ID(N'shopmaster.ChangeLog') IS NULL THEN 0 ELSE 1 END,
    CASE WHEN OBJECT_ID(N'shopmaster.Owner') IS NULL THEN 0 ELSE 1 END
