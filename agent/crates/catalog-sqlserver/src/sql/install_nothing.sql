/* shopmaster install_nothing */
-- Capture is installed as planned: there is nothing to run.
