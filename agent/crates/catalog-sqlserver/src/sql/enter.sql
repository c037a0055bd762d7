/* shopmaster enter */
USE {database}
