/* shopmaster leave */
USE tempdb
